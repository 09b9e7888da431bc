//! The promise of a subscription: its events, applied to the view they begin with, give the view that is
//! last, whatever happens at the same time.

use crate::support::{TestStore, ends, node, row};
use crate::wires::Bench;
use clusterer::{
    Availability, Cell, DbId, Event, EventKind, Lagged, LinkId, LinkState, Node, NodeKey, NodeView,
    Protocol, RawRow, State, Subscription, View,
};
use clusterer_node::{LinkEvent, LinkFailure};
use std::collections::BTreeMap;
use std::sync::Arc;

const STEPS: u64 = 400;
const PEERS: std::ops::RangeInclusive<i32> = 2..=6;

/// A node, as far as events tell of it.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    row: Said,
    availability: Availability,
    link: (Option<LinkId>, LinkState),
}

/// What a row says: its key, where it listens, its limits, its description.
type Said = (DbId, String, u32, u32, Box<str>);

#[derive(Debug, PartialEq)]
struct Model(BTreeMap<NodeKey, Known>);

impl Known {
    fn of(view: NodeView<'_>) -> Self {
        let link = (view.link, view.link_state);
        Self { row: said(view.node), availability: view.availability, link }
    }
}

fn said(node: &Node) -> Said {
    let row = &node.row;
    let url = format!("{} {}", row.url, node.address());
    (row.id, url, row.failed_attempts, row.duration, row.description.clone())
}

impl Model {
    fn of(view: &View) -> Self {
        Self(view.nodes().map(|view| (view.node.key(), Known::of(view))).collect())
    }

    /// Each event must fit what came before it.
    fn apply(&mut self, event: &Event) {
        match &event.kind {
            EventKind::LinkChanged { node, link, from, to } => {
                let known = self.0.get_mut(node).expect("it was added");
                assert_eq!(known.link.1, *from, "{event}");
                known.link = (*link, *to);
            }
            &EventKind::NodeAdded { ref node, availability, link, link_state, .. } => {
                let added = Known { row: said(node), availability, link: (link, link_state) };
                let before = self.0.insert(node.key(), added);
                assert_eq!(before, None, "{event}");
            }
            EventKind::NodeRemoved(node) => {
                let before = self.0.remove(&node.key()).expect("it was added");
                assert_eq!(before.row, said(node), "{event}");
            }
            EventKind::NodeReplaced { from, to } => {
                let known = self.0.get_mut(&to.key()).expect("it was added");
                assert_eq!(known.row, said(from), "{event}");
                assert_ne!(known.row, said(to), "{event}");
                known.row = said(to);
            }
            EventKind::StateChanged(change) => {
                let known = self.0.get_mut(&change.node).expect("it was added");
                assert_eq!(known.availability, change.from, "{event}");
                known.availability = change.to;
            }
            _ => {}
        }
    }
}

/// Reads to the end; returns what is known then, and how often it lagged.
async fn replay((view, mut events): (Arc<View>, Subscription), pauses: u64) -> (Model, u64) {
    let (mut model, mut lags) = (Model::of(&view), 0);
    let mut dice = Dice(pauses + 1);
    while let Some(next) = events.next().await {
        match next {
            Ok(event) => model.apply(&event),
            Err(Lagged { view, missed, .. }) => {
                assert_ne!(missed, 0);
                model = Model::of(&view);
                lags += 1;
            }
        }
        for _ in 0..dice.roll(pauses + 1) {
            tokio::task::yield_now().await;
        }
    }
    (model, lags)
}

/// Numbers that look random, the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn some_rows(dice: &mut Dice) -> Vec<RawRow> {
    let mut rows = vec![row(1, ([127, 0, 0, 1], 1).into())];
    for id in PEERS {
        if dice.roll(3) == 0 {
            continue;
        }
        let port = u16::try_from(2 + dice.roll(3)).unwrap();
        let mut row = row(id, ([127, 0, 0, u8::try_from(id).unwrap()], port).into());
        row.state = Cell::Int(dice.roll(3).into());
        row.failed_attempts = Cell::Int(dice.roll(4).into());
        row.duration = Cell::Int(dice.roll(2).into());
        rows.push(row);
    }
    rows
}

/// Everything that changes a view, at once.
async fn turmoil(bench: &Bench, store: &TestStore) {
    let states = async {
        let mut dice = Dice(1);
        for _ in 0..STEPS {
            let id = i32::try_from(2 + dice.roll(5)).unwrap();
            let state =
                [State::Down, State::Up, State::Probing][usize::try_from(dice.roll(3)).unwrap()];
            // It may not be there at the moment.
            let _ = bench.engine.set_state(node(id), state, Protocol::Bin).await;
        }
    };
    let tables = async {
        let mut dice = Dice(2);
        for _ in 0..STEPS / 4 {
            *store.rows.lock().unwrap() = some_rows(&mut dice);
            bench.engine.reload().await.expect("the store is well");
        }
    };
    let links = async {
        let mut dice = Dice(3);
        for step in 0..STEPS {
            for attempt in bench.dials().into_iter().rev().take(8) {
                let events = [
                    LinkEvent::Connected,
                    LinkEvent::Closed,
                    LinkEvent::Failed(LinkFailure::Refused),
                ];
                bench.tell(attempt, events[usize::try_from(dice.roll(3)).unwrap()]);
            }
            bench.wind(step * 20);
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(states, tables, links);
}

async fn check(capacity: usize) -> Vec<u64> {
    let store = TestStore::new(some_rows(&mut Dice(7)));
    let bench = Bench::start_with(store.clone(), |builder| builder.event_capacity(capacity)).await;
    let mut readers: Vec<_> =
        [0, 3].map(|pauses| tokio::spawn(replay(bench.engine.subscribe(), pauses))).into();
    let asleep = bench.engine.subscribe();
    let late = async {
        let mut late = Vec::new();
        for pauses in 0..20 {
            late.push(tokio::spawn(replay(bench.engine.subscribe(), pauses % 4)));
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
        late
    };
    let ((), late) =
        ends("the turmoil", async { tokio::join!(turmoil(&bench, &store), late) }).await;
    readers.extend(late);
    ends("a shutdown", bench.engine.shutdown()).await;
    readers.push(tokio::spawn(replay(asleep, 0)));
    let last = Model::of(&bench.engine.view());
    let mut lags = Vec::new();
    for reader in readers {
        let (model, lagged) = ends("a reader", reader).await.expect("all fits together");
        assert_eq!(model, last);
        lags.push(lagged);
    }
    lags
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn events_applied_to_the_first_view_give_the_last() {
    let lags = check(1 << 16).await;
    assert!(lags.iter().all(|&lags| lags == 0), "there is room for all: {lags:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn readers_that_lag_end_with_the_last_view_all_the_same() {
    let lags = check(4).await;
    assert_eq!(lags.last(), Some(&1), "it slept all the time: {lags:?}");
}
