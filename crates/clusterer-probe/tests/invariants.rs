//! Whatever happens, in whatever order and with whatever jumps of time: what always holds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use clusterer_node::{
    AdminState, Attempt, ClusterId, LinkEvent, LinkFailure, LinkId, LinkState, MachineId, Moment,
    NodeKey, Now, Reachability, State, StoredStatus, UnixTime,
};
use clusterer_probe::{Action, Prober, Settings, Target};
use core::time::Duration;
use proptest::prelude::*;
use std::collections::BTreeMap;

const TIMEOUT: u64 = 50;
const INTERVAL: u64 = 100;

/// Something that happens. Numbers pick from what there is.
#[derive(Clone, Debug)]
enum Step {
    Administer(usize, bool),
    Event(usize, LinkEvent),
    Load(Vec<(usize, u8, u32, u64)>),
    Pass(u64),
    Pong(usize, bool),
    Report(usize),
    /// The deadline that is next, at that very millisecond.
    Wait,
}

/// Rows that share links, move, allow no failure, wait no time, and one that is never dialled.
fn target(row: usize) -> Target {
    let (cluster, machine, port, max_failures, seconds) =
        [(1, 2, 1, 3, 2), (7, 2, 1, 1, 1), (7, 2, 9, 0, 0), (1, 3, 1, 2, 0), (1, 4, 0, 2, 1)][row];
    let node = NodeKey {
        cluster: ClusterId::new(cluster).unwrap(),
        machine: MachineId::new(machine).unwrap(),
    };
    let address = ([127, 0, 0, u8::try_from(machine).unwrap()], port).into();
    Target {
        node,
        address: (port > 0).then_some(address),
        bind: None,
        max_failures,
        duration: Duration::from_secs(seconds),
    }
}

/// The actions carried out: what a transport would know.
#[derive(Default)]
struct Wire {
    open: BTreeMap<LinkId, LinkState>,
    pings: BTreeMap<LinkId, i32>,
}

struct Bench {
    prober: Prober,
    now: u64,
    wire: Wire,
    /// Failures that each node was loaded with.
    loaded: BTreeMap<NodeKey, (u32, u32)>,
}

impl Bench {
    fn now(&self) -> Now {
        let unix = UnixTime::from_secs(1_000 + self.now / 1_000);
        Now { mono: Moment::from_millis(self.now), unix }
    }

    fn link(&self, pick: usize) -> Option<LinkId> {
        let count = self.wire.open.len().max(1);
        self.wire.open.keys().nth(pick % count).copied()
    }

    fn node(&self, pick: usize) -> Option<NodeKey> {
        self.loaded.keys().nth(pick % self.loaded.len().max(1)).copied()
    }

    fn step(&mut self, step: Step) {
        let now = self.now();
        let mut out = Vec::new();
        match step {
            Step::Administer(pick, enable) => {
                let admin = if enable { AdminState::Enabled } else { AdminState::Down };
                if let Some(node) = self.node(pick) {
                    self.prober.administer(now, node, admin, &mut out).unwrap();
                }
            }
            Step::Event(pick, event) => {
                if let Some(link) = self.link(pick) {
                    self.tell(link, event, &mut out);
                }
            }
            Step::Load(rows) => self.load(rows, &mut out),
            Step::Pass(millis) => {
                self.now += millis;
                self.prober.tick(self.now(), &mut out);
            }
            Step::Pong(pick, right) => {
                if let Some((&link, &nonce)) = self.wire.pings.iter().nth(pick)
                    && let Some(machine) = self.machine(link)
                {
                    let nonce = if right { nonce } else { nonce.wrapping_add(1) };
                    let took = self.prober.pong(now, link, machine, nonce, &mut out).is_some();
                    assert!(right || !took, "a pong that answers nothing was taken");
                    if took {
                        self.wire.pings.remove(&link);
                    }
                }
            }
            Step::Report(pick) => {
                if let Some(node) = self.node(pick) {
                    self.prober.report_failure(now, node, &mut out).unwrap();
                }
            }
            Step::Wait => {
                if let Some(due) = self.prober.deadline() {
                    self.now = self.now.max(due.as_millis());
                    self.prober.tick(self.now(), &mut out);
                }
            }
        }
        self.carry_out(out);
        self.check();
    }

    /// What a transport says, as far as it may: connected when dialled, closed when open.
    fn tell(&mut self, link: LinkId, event: LinkEvent, out: &mut Vec<Action>) {
        let state = self.wire.open.get_mut(&link).unwrap();
        *state = match (*state, event) {
            (LinkState::Dialling, LinkEvent::Connected) => LinkState::Open,
            (LinkState::Open, LinkEvent::Closed)
            | (LinkState::Dialling | LinkState::Open, LinkEvent::Failed(_)) => LinkState::Idle,
            _ => return,
        };
        self.wire.pings.remove(&link);
        let attempt = self.prober.last_attempt(link).unwrap();
        self.prober.link_event(self.now(), attempt, event, out);
    }

    fn load(&mut self, rows: Vec<(usize, u8, u32, u64)>, out: &mut Vec<Action>) {
        let mut loaded = BTreeMap::new();
        let mut targets = Vec::new();
        for (row, state, no_tries, ago) in rows {
            let target = target(row);
            let max = target.max_failures.max(1);
            if loaded.insert(target.node, (max, no_tries)).is_some() {
                loaded.insert(target.node, (max, no_tries.max(4)));
                continue;
            }
            let state = [State::Down, State::Up, State::Probing][usize::from(state)];
            let last_attempt = UnixTime::from_secs(self.now().unix.as_secs() - ago);
            targets.push((target, StoredStatus { state, no_tries, last_attempt }));
        }
        self.loaded = loaded;
        self.prober.load(self.now(), targets, out);
    }

    fn machine(&self, link: LinkId) -> Option<MachineId> {
        let node = self.loaded.keys().find(|node| self.prober.link_of(**node) == Some(link))?;
        Some(node.machine)
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        let Wire { open, pings } = &mut self.wire;
        for action in actions {
            match action {
                Action::Changed(change) => assert_ne!(change.from, change.to),
                Action::Close(link) => {
                    open.remove(&link).expect("it was open");
                    pings.remove(&link);
                }
                Action::Dial(attempt) => {
                    let link = attempt.link;
                    assert_eq!(self.prober.last_attempt(link), Some(attempt));
                    let state = open.get_mut(&link).expect("only an open link is dialled");
                    assert_eq!(std::mem::replace(state, LinkState::Dialling), LinkState::Idle);
                }
                Action::Hangup(link) => {
                    let state = open.get_mut(&link).expect("only an open link is hung up");
                    assert_ne!(std::mem::replace(state, LinkState::Idle), LinkState::Idle);
                    pings.remove(&link);
                }
                Action::Open { link, .. } => {
                    assert_eq!(open.insert(link, LinkState::Idle), None, "it is open already");
                }
                Action::Ping { link, nonce } => {
                    assert_eq!(open.get(&link), Some(&LinkState::Open), "only there is one sent");
                    assert_ne!(pings.insert(link, nonce), Some(nonce), "each has its own nonce");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn check(&mut self) {
        let mut out = Vec::new();
        self.prober.tick(self.now(), &mut out);
        self.carry_out(out);
        let deadline = self.prober.deadline().map(Moment::as_millis);
        assert!(deadline.is_none_or(|at| at > self.now), "what is due was not done");
        for (&link, &state) in &self.wire.open {
            assert_eq!(self.prober.link_state(link), Some(state), "both see the same");
        }
        for (&node, &(max, loaded)) in &self.loaded {
            let is = *self.prober.availability(node).expect("it was loaded");
            assert!(is.no_tries <= max.max(loaded), "{node}: {is:?}");
            let link = self.prober.link_of(node);
            let state = link.and_then(|link| self.prober.link_state(link));
            let enabled = is.admin == AdminState::Enabled;
            let wanted = enabled && is.reachability != Reachability::Disabled;
            let next = self.prober.next_attempt(node).map(Moment::as_millis);
            assert!(next.is_none_or(|at| at > self.now), "{node}: {next:?} is over");
            if link.is_some() && wanted || enabled && is.state() == State::Probing {
                assert!(
                    deadline.is_some_and(|at| Some(at) <= next),
                    "{node} {state:?} {is:?} is forgotten"
                );
            } else {
                assert_eq!(next, None, "{node} {state:?} {is:?} is left alone");
            }
        }
        let nodes = self.loaded.len();
        assert!(self.wire.open.len() <= nodes, "every link has a node");
    }

    /// Every wanted link is dialled or pinged within an interval, for ever.
    fn check_liveness(&mut self) {
        let begin = self.now;
        let mut asked: BTreeMap<LinkId, u64> = BTreeMap::new();
        let mut turns = 0;
        while self.now <= begin + 5 * INTERVAL {
            let mut out = Vec::new();
            self.prober.tick(self.now(), &mut out);
            for action in &out {
                if let Action::Dial(Attempt { link, .. }) | Action::Ping { link, .. } = *action {
                    asked.insert(link, self.now);
                }
            }
            self.carry_out(out);
            let dialling: Vec<LinkId> = self
                .wire
                .open
                .iter()
                .filter(|(_, state)| **state == LinkState::Dialling)
                .map(|(link, _)| *link)
                .collect();
            for link in dialling {
                let mut out = Vec::new();
                self.tell(link, LinkEvent::Failed(LinkFailure::Refused), &mut out);
                for action in &out {
                    if let Action::Dial(Attempt { link, .. }) = *action {
                        asked.insert(link, self.now);
                    }
                }
                self.carry_out(out);
            }
            for &node in self.loaded.keys() {
                let is = self.prober.availability(node).unwrap();
                let wanted =
                    is.admin == AdminState::Enabled && is.reachability != Reachability::Disabled;
                if let Some(link) = self.prober.link_of(node).filter(|_| wanted) {
                    let last = asked.get(&link).copied().unwrap_or(begin);
                    assert!(self.now - last <= INTERVAL, "{node} is not asked any more");
                }
            }
            turns += 1;
            assert!(turns < 1_000, "it spins");
            let next = self.prober.deadline().map_or(u64::MAX, Moment::as_millis);
            self.now = next.clamp(self.now, begin + 5 * INTERVAL + 1);
        }
    }
}

fn event() -> impl Strategy<Value = LinkEvent> {
    prop_oneof![
        3 => Just(LinkEvent::Connected),
        1 => Just(LinkEvent::Closed),
        1 => Just(LinkEvent::Failed(LinkFailure::Refused)),
        1 => Just(LinkEvent::Failed(LinkFailure::Reset)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let row = (0..5_usize, 0..3_u8, 0..5_u32, 0..4_u64);
    prop_oneof![
        1 => (0..5_usize, any::<bool>()).prop_map(|(node, enable)| Step::Administer(node, enable)),
        4 => (0..5_usize, event()).prop_map(|(link, event)| Step::Event(link, event)),
        1 => prop::collection::vec(row, 0..5).prop_map(Step::Load),
        2 => prop_oneof![0..10_u64, 40..60_u64, 90..210_u64, 1_000..100_000_u64].prop_map(Step::Pass),
        2 => (0..5_usize, any::<bool>()).prop_map(|(link, right)| Step::Pong(link, right)),
        1 => (0..5_usize).prop_map(Step::Report),
        4 => Just(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn hold(steps in prop::collection::vec(step(), 1..80)) {
        let settings = Settings {
            ping_interval: Duration::from_millis(INTERVAL),
            ping_timeout: Duration::from_millis(TIMEOUT),
        };
        let mut bench = Bench {
            prober: Prober::new(settings, 0),
            now: 0,
            wire: Wire::default(),
            loaded: BTreeMap::new(),
        };
        bench.step(Step::Load((0..5).map(|row| (row, 1, 0, 0)).collect()));
        for step in steps {
            bench.step(step);
        }
        bench.check_liveness();
    }
}
