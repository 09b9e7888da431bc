//! Changes that somebody else makes to the table arrive by themselves, and nothing else does.

use crate::support::{Mood, TestStore, ends, eventually, lonely, machine, node, row, state};
use clusterer::{Cell, Cluster, DbId, EventKind, Protocol, RawRow, State, Subscription};
use std::sync::Arc;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(50);

async fn start(store: &Arc<TestStore>) -> Cluster {
    let builder = Cluster::builder(machine(1), store.clone()).persistent(true).auto_reload(EVERY);
    builder.store_patience(Duration::from_secs(5)).start().await.expect("it starts")
}

/// The row of machine 2.
fn second(rows: &mut [RawRow]) -> &mut RawRow {
    &mut rows[1]
}

/// Waits until the table has been looked at since there were this many loads.
async fn looked(store: &TestStore, loads: usize) {
    eventually("the table is looked at", || store.loads() > loads).await;
}

/// How many reloads there were until one that adds machine 3, which somebody else adds now.
async fn reloads(store: &TestStore, mut events: Subscription) -> usize {
    store.by_somebody_else(|rows| rows.push(row(3, ([127, 0, 0, 1], 3).into())));
    let mut reloads = 0;
    loop {
        match ends("an event", events.next()).await.expect("it runs").expect("none is lost").kind {
            EventKind::Reloaded(report) if report.nodes == 2 => return reloads + 1,
            EventKind::Reloaded(_) => reloads += 1,
            _ => {}
        }
    }
}

#[tokio::test]
async fn what_another_node_writes_back_is_looked_at_and_not_taken_over() {
    let store = TestStore::new(lonely());
    let engine = start(&store).await;
    let (_, events) = engine.subscribe();
    for (state, no_tries) in [(2, 1), (2, 3), (1, 0)] {
        let loads = store.loads();
        store.by_somebody_else(|rows| {
            second(rows).state = Cell::Int(state);
            second(rows).no_tries = Cell::Int(no_tries);
            second(rows).last_attempt = Cell::Int(1_000_000_000);
        });
        looked(&store, loads).await;
    }
    assert_eq!(reloads(&store, events).await, 1, "that of the new row");
    engine.shutdown().await;
}

#[tokio::test]
async fn ones_own_decision_is_no_news_once_it_is_written() {
    let store = TestStore::new(lonely());
    let engine = start(&store).await;
    let (_, events) = engine.subscribe();
    engine.set_state(node(2), State::Down, Protocol::Bin).await.expect("it is a node");
    eventually("it is written", || !store.flushes.lock().unwrap().is_empty()).await;
    let loads = store.loads();
    store.by_somebody_else(|rows| second(rows).state = Cell::Int(0));
    looked(&store, loads).await;
    assert_eq!(reloads(&store, events).await, 1, "that of the new row");
    assert_eq!(state(&engine, 2), State::Down);
    engine.shutdown().await;
}

#[tokio::test]
async fn what_an_administrator_changes_is_there_soon() {
    let store = TestStore::new(lonely());
    let engine = start(&store).await;
    let change = |change: fn(&mut RawRow)| {
        let begin = Instant::now();
        store.by_somebody_else(|rows| change(second(rows)));
        begin
    };
    let begin = change(|row| row.state = Cell::Int(0));
    eventually("it is down", || state(&engine, 2) == State::Down).await;
    let took = begin.elapsed();
    change(|row| row.state = Cell::Int(2));
    eventually("it is in use", || state(&engine, 2) != State::Down).await;
    change(|row| row.description = Cell::Text("new".into()));
    let described =
        || engine.view().node(node(2)).is_some_and(|it| &*it.node.row.description == "new");
    eventually("it is described", described).await;
    change(|row| row.machine_id = Cell::Int(7));
    eventually("it is another", || engine.view().node(node(7)).is_some()).await;
    assert!(engine.view().node(node(2)).is_none());
    // The store tells at once. A machine that stands still now and then is given some time more.
    assert!(took < 2 * EVERY + Duration::from_secs(1), "{took:?}");
    engine.shutdown().await;
}

#[tokio::test]
async fn a_storm_of_changes_is_a_bounded_number_of_loads() {
    let store = TestStore::new(lonely());
    let engine = start(&store).await;
    let (before, begin) = (store.loads(), Instant::now());
    let mut storm = 0_i128;
    while begin.elapsed() < 10 * EVERY {
        storm += 1;
        store.by_somebody_else(|rows| second(rows).duration = Cell::Int(storm));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let last = u32::try_from(storm).unwrap();
    eventually("the last change is there", || {
        engine.view().node(node(2)).is_some_and(|it| it.node.row.duration == last)
    })
    .await;
    let looks = u128::try_from(store.loads() - before).unwrap();
    let most = begin.elapsed().as_millis() / EVERY.as_millis() + 1;
    assert!((1..=most).contains(&looks), "{looks} loads, at most {most}, of {storm} changes");
    engine.shutdown().await;
}

#[tokio::test]
async fn a_table_that_cannot_be_read_is_looked_at_less_and_less() {
    let store = TestStore::new(lonely());
    let engine = start(&store).await;
    store.loading(Mood::Fails);
    let (before, begin) = (store.loads(), Instant::now());
    store.by_somebody_else(|rows| second(rows).state = Cell::Int(0));
    eventually("it was looked at four times", || store.loads() - before == 4).await;
    assert!(begin.elapsed() >= 7 * EVERY, "1, 2 and 4 between them: {:?}", begin.elapsed());
    assert_ne!(state(&engine, 2), State::Down, "what is in memory stays");
    store.loading(Mood::Well);
    eventually("it is down", || state(&engine, 2) == State::Down).await;
    engine.shutdown().await;
}

#[tokio::test]
async fn a_store_that_fails_to_tell_is_read_instead() {
    let store = TestStore::new(lonely());
    let engine = start(&store).await;
    for mood in [Mood::Panics, Mood::Fails] {
        store.telling(mood);
        let (before, begin) = (store.loads(), Instant::now());
        // What it waits in now knows nothing of that: it is told once.
        store.by_somebody_else(|_| {});
        eventually("it was read a few times", || store.loads() - before >= 5).await;
        assert!(begin.elapsed() >= 3 * EVERY, "{:?}", begin.elapsed());
    }
    store.by_somebody_else(|rows| second(rows).state = Cell::Int(0));
    eventually("it is down", || state(&engine, 2) == State::Down).await;
    ends("the shutdown", engine.shutdown()).await;
}

#[tokio::test]
async fn a_decision_made_while_the_table_is_looked_at_is_not_undone() {
    let store = TestStore::new(lonely());
    let engine = start(&store).await;
    let loads = store.loads();
    store.loading(Mood::Held);
    store.by_somebody_else(|rows| second(rows).duration = Cell::Int(7));
    looked(&store, loads).await;
    engine.set_state(node(2), State::Down, Protocol::Bin).await.expect("it is a node");
    store.loading(Mood::Well);
    let is_new = || engine.view().node(node(2)).is_some_and(|it| it.node.row.duration == 7);
    eventually("the row is taken in", is_new).await;
    assert_eq!(state(&engine, 2), State::Down);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_conflict_is_a_hint_even_if_the_store_tells_nothing() {
    let store = TestStore::new(lonely());
    store.telling(Mood::Hangs);
    let engine = start(&store).await;
    second(&mut store.rows.lock().unwrap()).state = Cell::Int(0);
    store.conflicts.lock().unwrap().push(DbId::new(102).unwrap());
    engine.set_state(node(2), State::Probing, Protocol::Bin).await.expect("it is a node");
    eventually("it is down", || state(&engine, 2) == State::Down).await;
    engine.shutdown().await;
}

#[tokio::test]
async fn off_means_off() {
    let store = TestStore::new(lonely());
    let engine = Cluster::builder(machine(1), store.clone()).start().await.expect("it starts");
    let loads = store.loads();
    store.by_somebody_else(|rows| second(rows).state = Cell::Int(0));
    tokio::time::sleep(2 * EVERY).await;
    assert_eq!((store.loads(), state(&engine, 2) == State::Down), (loads, false));
    engine.reload().await.expect("the store is well");
    assert_eq!(state(&engine, 2), State::Down);
    engine.shutdown().await;
}

#[tokio::test]
async fn looking_for_changes_can_begin_and_end_while_the_node_runs() {
    let store = TestStore::new(lonely());
    let engine = Cluster::builder(machine(1), store.clone()).start().await.expect("it starts");
    let third = row(3, ([127, 0, 0, 1], 3).into());
    store.by_somebody_else(|rows| rows.push(third.clone()));
    // Changed before anybody looked: it is known all the same.
    engine.set_auto_reload(Some(EVERY)).await.expect("it runs");
    eventually("the third node", || engine.view().nodes().count() == 2).await;
    store.by_somebody_else(|rows| rows.truncate(2));
    eventually("it has gone", || engine.view().nodes().count() == 1).await;

    engine.set_auto_reload(None).await.expect("it runs");
    store.by_somebody_else(|rows| rows.push(third.clone()));
    engine.reload().await.expect("it is loaded");
    store.by_somebody_else(|rows| rows.truncate(2));
    let loads = store.loads();
    tokio::time::sleep(EVERY * 4).await;
    assert_eq!(store.loads(), loads, "nobody looks");

    // What is held to be in the table is what was loaded last, not what was looked at last.
    engine.set_auto_reload(Some(EVERY)).await.expect("it runs");
    eventually("it has gone again", || engine.view().nodes().count() == 1).await;
    engine.shutdown().await;
    assert_eq!(engine.set_auto_reload(None).await, Err(clusterer::Stopped));
}
