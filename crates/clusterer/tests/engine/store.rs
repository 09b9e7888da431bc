//! Whatever the store does, the engine goes on and ends.

use crate::support::{Mood, TestStore, ends, eventually, lonely, machine, node, state, wait_for};
use clusterer::{Cluster, Protocol, ReloadError, StartError, State, StoreError};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(300);

async fn start(store: &Arc<TestStore>) -> Cluster {
    Cluster::builder(machine(1), store.clone())
        .persistent(true)
        .store_patience(SHORT)
        .start()
        .await
        .expect("it starts")
}

async fn take_down(engine: &Cluster) {
    engine.set_state(node(2), State::Down, Protocol::Bin).await.expect("it is a node");
}

#[tokio::test]
async fn a_store_that_hangs_at_the_start_is_an_error_within_the_patience() {
    let store = TestStore::new(lonely());
    store.loading(Mood::Hangs);
    let begin = Instant::now();
    let start = Cluster::builder(machine(1), store).store_patience(SHORT).start();
    let error = ends("the start", start).await.expect_err("there is no table");
    assert!(matches!(error, StartError::Store(StoreError::Unavailable(_))), "{error}");
    assert!(begin.elapsed() >= SHORT);
}

#[tokio::test]
async fn a_store_that_is_away_at_the_start_is_asked_again() {
    let store = TestStore::new(lonely());
    store.loading(Mood::Fails);
    let engine = tokio::spawn(Cluster::builder(machine(1), store.clone()).start());
    eventually("it was asked", || store.loads() > 0).await;
    store.loading(Mood::Well);
    let engine = ends("the start", engine).await.unwrap().expect("the store is back");
    engine.shutdown().await;
}

#[tokio::test]
async fn a_patience_without_end_does_not_overflow() {
    let builder = Cluster::builder(machine(1), TestStore::new(lonely()));
    let builder = builder.store_patience(Duration::MAX).pings(Duration::MAX, Duration::MAX);
    let engine = ends("the start", builder.start()).await.expect("it starts");
    ends("the shutdown", engine.shutdown()).await;
}

#[tokio::test]
async fn a_store_that_hangs_later_blocks_nothing_and_the_end_is_bounded() {
    let store = TestStore::new(lonely());
    let engine = start(&store).await;
    store.loading(Mood::Hangs);
    store.flushing(Mood::Hangs);
    take_down(&engine).await;
    let reload = tokio::spawn({
        let engine = engine.clone();
        async move { engine.reload().await }
    });
    let up = engine.set_state(node(2), State::Up, Protocol::Bin);
    ends("a state is set", up).await.expect("it is a node");
    let error = ends("the reload", reload).await.unwrap().expect_err("the store hangs");
    assert!(matches!(error, ReloadError::Store(StoreError::Unavailable(_))), "{error}");
    take_down(&engine).await;
    ends("the shutdown", engine.shutdown()).await;
}

#[tokio::test]
async fn a_store_that_panics_fails_the_reload_and_not_the_next_one() {
    let store = TestStore::new(lonely());
    let engine = start(&store).await;
    store.loading(Mood::Panics);
    let error = ends("the reload", engine.reload()).await.expect_err("it panicked");
    assert_eq!(error.to_string(), "the call of the store panicked");
    store.loading(Mood::Well);
    assert_eq!(ends("the next reload", engine.reload()).await.expect("it is well").nodes, 1);
    store.flushing(Mood::Panics);
    take_down(&engine).await;
    ends("the shutdown", engine.shutdown()).await;
}

#[test]
fn a_runtime_that_ends_first_leaves_an_engine_that_answers_and_ends() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = TestStore::new(lonely());
    let engine = runtime.block_on(start(&store));
    drop(runtime);
    let error = wait_for("the reload", engine.reload()).expect_err("nothing can be loaded");
    assert_eq!(error.to_string(), "the call of the store lost the runtime it ran on");
    wait_for("a state", take_down(&engine));
    assert_eq!(state(&engine, 2), State::Down);
    wait_for("the shutdown", engine.shutdown());
    let error = wait_for("the next reload", engine.reload()).expect_err("it is over");
    assert_eq!(error, ReloadError::Stopped);
}

#[tokio::test]
async fn what_is_dirty_is_written_at_the_end() {
    let store = TestStore::new(lonely());
    let engine = start(&store).await;
    take_down(&engine).await;
    engine.shutdown().await;
    let last = *store.flushes.lock().unwrap().concat().last().expect("something was written");
    assert_eq!((last.status.state, last.by_administrator), (State::Down, true));
}

#[tokio::test]
async fn a_decision_made_while_the_table_is_read_is_not_undone_by_it() {
    let store = TestStore::new(lonely());
    let engine = start(&store).await;
    let loads = store.loads();
    store.loading(Mood::Held);
    let reload = tokio::spawn({
        let engine = engine.clone();
        async move { engine.reload().await }
    });
    eventually("the table was read", || store.loads() > loads).await;
    take_down(&engine).await;
    store.loading(Mood::Well);
    ends("the reload", reload).await.unwrap().expect("the store is well");
    assert_eq!(state(&engine, 2), State::Down, "what was read is older");
    engine.shutdown().await;
    let last = *store.flushes.lock().unwrap().concat().last().expect("something was written");
    assert_eq!(last.status.state, State::Down);
}

#[tokio::test]
async fn a_decision_that_could_not_be_written_survives_a_reload() {
    let store = TestStore::new(lonely());
    let engine = start(&store).await;
    store.flushing(Mood::Fails);
    take_down(&engine).await;
    ends("the reload", engine.reload()).await.expect("it can be read");
    assert_eq!(state(&engine, 2), State::Down, "the database does not know better");
    engine.shutdown().await;
}

#[tokio::test]
async fn a_write_that_hangs_holds_no_reload_up_and_is_done_once_with_the_last_decision() {
    let store = TestStore::new(lonely());
    let engine = start(&store).await;
    store.flushing(Mood::Hangs);
    take_down(&engine).await;
    let begin = Instant::now();
    ends("the reload", engine.reload()).await.expect("it can be read");
    assert!(begin.elapsed() >= SHORT, "the write was given its time");
    assert_eq!(state(&engine, 2), State::Down, "what was not written is not undone");
    engine.set_state(node(2), State::Up, Protocol::Bin).await.expect("it is a node");
    assert_eq!(store.flushes.lock().unwrap().len(), 0);

    store.flushing(Mood::Well);
    ends("the next reload", engine.reload()).await.expect("it is well");
    let written = store.flushes.lock().unwrap().concat();
    assert_eq!(written.len(), 1, "{written:?}");
    assert!(written[0].by_administrator && written[0].status.state != State::Down, "{written:?}");
    engine.shutdown().await;
}

#[tokio::test]
async fn two_shutdowns_at_once_both_wait_for_the_end() {
    let store = TestStore::new(lonely());
    let engine = start(&store).await;
    store.flushing(Mood::Held);
    take_down(&engine).await;
    let both = tokio::spawn({
        let (a, b) = (engine.clone(), engine.clone());
        async move { tokio::join!(a.shutdown(), b.shutdown()) }
    });
    store.flushing(Mood::Well);
    ends("both", both).await.unwrap();
    ends("a third", engine.shutdown()).await;
    assert!(engine.set_state(node(2), State::Up, Protocol::Bin).await.is_err());
}
