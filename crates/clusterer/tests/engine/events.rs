//! What a subscription tells, when, and to whom it tells that it did not.

use crate::support::{Mood, TestStore, cluster, ends, lonely, node, row};
use crate::wires::Bench;
use clusterer::{
    Cell, ClusterModule, Event, EventKind, Lagged, Malformed, ModuleEvent, Packet, PacketContext,
    Protocol, Registration, State, Subscription,
};
use clusterer_node::{LinkEvent, LinkFailure};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

struct Silent;

impl ClusterModule for Silent {
    fn on_packet(&self, _: &PacketContext, _: &Packet<'_>) -> Result<(), Malformed> {
        Ok(())
    }

    fn on_event(&self, _: ModuleEvent) {}
}

/// One event for each: a failure that is counted.
async fn fail(bench: &Bench, times: usize) {
    for _ in 0..times {
        let failure = bench.engine.set_state(node(2), State::Probing, Protocol::Bin);
        ends("an answer", failure).await.expect("it is a node");
    }
}

async fn bench_of(capacity: usize) -> Bench {
    let mut rows = lonely();
    rows[1].failed_attempts = Cell::Int(1_000_000);
    Bench::start_with(TestStore::new(rows), |builder| builder.event_capacity(capacity)).await
}

fn try_all(events: &mut Subscription) -> Vec<String> {
    let mut all = Vec::new();
    while let Poll::Ready(Some(next)) = events.try_next() {
        all.push(next.expect("it is no slow reader").to_string());
    }
    all
}

#[tokio::test]
async fn a_reload_tells_what_it_changed_and_then_that_it_is_done() {
    let store = TestStore::new(lonely());
    let bench = Bench::start_with(store.clone(), |builder| builder).await;
    let (view, mut events) = bench.engine.subscribe();
    assert_eq!(view.clusters().next().unwrap().nodes.len(), 1);

    let mut third = row(3, ([127, 0, 0, 1], 3).into());
    third.state = Cell::Int(0);
    store.rows.lock().unwrap()[1].duration = Cell::Int(7);
    store.rows.lock().unwrap().push(third);
    bench.wind(2_050);
    bench.settle().await;
    try_all(&mut events);
    bench.engine.reload().await.unwrap();
    assert_eq!(
        try_all(&mut events),
        [
            "[2.050] cluster 1 machine 3: added, bin:127.0.0.1:3, state 0",
            "[2.050] cluster 1 machine 2: row changed, duration 7s (was 30s)",
            "[2.050] reloaded: 1 clusters, 2 nodes, 0 rows left out",
        ]
    );

    store.rows.lock().unwrap().truncate(1);
    store.rows.lock().unwrap().push(row(3, ([127, 0, 0, 1], 4).into()));
    bench.engine.reload().await.unwrap();
    assert_eq!(
        try_all(&mut events),
        [
            "[2.050] cluster 1 machine 3: state 1, was 0, no_tries 0: reload",
            "[2.050] cluster 1 machine 3: row changed, url bin:127.0.0.1:4 (was bin:127.0.0.1:3)",
            "[2.050] cluster 1 machine 3: link dialling, was idle",
            "[2.050] cluster 1 machine 2: removed, was bin:127.0.0.1:2",
            "[2.050] reloaded: 1 clusters, 1 nodes, 0 rows left out",
        ]
    );

    bench.engine.reload().await.unwrap();
    assert_eq!(try_all(&mut events).len(), 1, "nothing but that it is done");
    store.loading(Mood::Fails);
    bench.engine.reload().await.unwrap_err();
    assert_eq!(try_all(&mut events), ["[2.050] reload failed: it is away"]);
    bench.engine.shutdown().await;
}

#[tokio::test]
async fn links_states_and_modules_are_told_in_order() {
    let bench = bench_of(1024).await;
    let (_, mut events) = bench.engine.subscribe();
    let registration = Registration::new("quiet", cluster(), Duration::from_secs(3));
    bench.engine.register_module(registration, Arc::new(Silent)).await.unwrap();
    let first = bench.dials()[0];
    bench.tell(first, LinkEvent::Connected);
    bench.settle().await;
    bench.tell(first, LinkEvent::Failed(LinkFailure::Reset));
    bench.settle().await;
    bench.engine.set_state(node(2), State::Down, Protocol::Bin).await.unwrap();
    bench.engine.set_state(node(2), State::Down, Protocol::Bin).await.unwrap();
    bench.wind(3_000);
    bench.settle().await;
    bench.wind(3_001);
    bench.settle().await;
    assert_eq!(
        try_all(&mut events),
        [
            "[0.000] module \"quiet\" of cluster 1 registered",
            "[0.000] cluster 1 machine 2: link open, was dialling",
            "[0.000] cluster 1 machine 2: state 2, was 1, probing, no_tries 1: reset",
            "[0.000] cluster 1 machine 2: link dialling, was open",
            "[0.000] cluster 1 machine 2: state 0, was 2, no_tries 1: administrator",
            "[0.000] cluster 1 machine 2: link idle, was dialling",
            "[3.001] cluster 1 machine 2: silent for 3s, shut out of module \"quiet\" of cluster 1 for 6s",
        ]
    );
    bench.engine.shutdown().await;
}

#[tokio::test]
async fn a_reader_may_be_as_far_behind_as_the_capacity_and_no_further() {
    let bench = bench_of(4).await;
    let (_, mut events) = bench.engine.subscribe();
    fail(&bench, 4).await;
    assert_eq!(try_all(&mut events).len(), 4);

    fail(&bench, 5).await;
    let Poll::Ready(Some(Err(Lagged { missed, view, .. }))) = events.try_next() else {
        panic!("it is too slow")
    };
    assert_eq!(missed, 5, "those that are still there count: they are in the view");
    assert_eq!(view.node(node(2)).unwrap().availability.no_tries, 9);
    assert!(events.try_next().is_pending(), "it is told once");
    fail(&bench, 1).await;
    let next = ends("an event", events.next()).await;
    let Some(Ok(Event { kind: EventKind::StateChanged(change), .. })) = next else {
        panic!("it goes on")
    };
    assert_eq!((change.from.no_tries, change.to.no_tries), (9, 10));
    bench.engine.shutdown().await;
}

#[tokio::test]
async fn a_capacity_of_none_is_one() {
    let bench = bench_of(0).await;
    let (_, mut events) = bench.engine.subscribe();
    fail(&bench, 1).await;
    assert_eq!(try_all(&mut events).len(), 1);
    fail(&bench, 2).await;
    assert!(matches!(events.try_next(), Poll::Ready(Some(Err(Lagged { missed: 2, .. })))));
    bench.engine.shutdown().await;
}

#[tokio::test]
async fn a_slow_reader_does_not_disturb_a_fast_one() {
    let bench = bench_of(4).await;
    let (_, mut slow) = bench.engine.subscribe();
    let (_, mut fast) = bench.engine.subscribe();
    for _ in 0..20 {
        fail(&bench, 1).await;
        assert_eq!(try_all(&mut fast).len(), 1);
    }
    assert!(matches!(slow.try_next(), Poll::Ready(Some(Err(Lagged { missed: 20, .. })))));
    bench.engine.shutdown().await;
}

#[tokio::test]
async fn the_stream_ends_with_the_node_after_what_was_not_read_yet() {
    for shut_down in [true, false] {
        let bench = bench_of(16).await;
        let (_, mut events) = bench.engine.subscribe();
        let (_, mut lagging) = bench.engine.subscribe();
        fail(&bench, 1).await;
        let Bench { engine, .. } = bench;
        if shut_down {
            engine.shutdown().await;
            let (_, mut late) = engine.subscribe();
            assert!(ends("the stream", late.next()).await.is_none(), "nothing comes after the end");
        }
        drop(engine);
        assert!(matches!(ends("an event", events.next()).await, Some(Ok(_))));
        assert!(ends("the stream", events.next()).await.is_none());
        assert!(ends("the stream", events.next()).await.is_none());
        assert!(matches!(lagging.try_next(), Poll::Ready(Some(Ok(_)))));
    }
}

#[tokio::test]
async fn a_reader_that_lags_at_the_end_is_told_before_it() {
    let bench = bench_of(2).await;
    let (_, mut events) = bench.engine.subscribe();
    fail(&bench, 3).await;
    bench.engine.shutdown().await;
    let Some(Err(lagged)) = ends("an event", events.next()).await else { panic!("it is too slow") };
    assert_eq!(lagged.to_string(), "3 events were missed: look at the view again");
    assert!(ends("the stream", events.next()).await.is_none());
}

#[tokio::test]
async fn what_happened_before_a_subscription_is_in_its_view_alone() {
    let bench = bench_of(16).await;
    drop(bench.engine.subscribe());
    fail(&bench, 1).await;
    let (view, mut events) = bench.engine.subscribe();
    assert_eq!(view.node(node(2)).unwrap().availability.no_tries, 1);
    assert!(events.try_next().is_pending());
    bench.engine.shutdown().await;
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor there is.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[tokio::test]
async fn events_are_in_the_view_when_read_on_any_executor() {
    const FAILURES: u32 = 2_000;
    let bench = bench_of(4_096).await;
    let engine = bench.engine.clone();
    let (_, mut events) = engine.subscribe();
    let reader = thread::spawn(move || {
        block_on(async {
            let mut read = 0;
            while let Some(next) = events.next().await {
                let EventKind::StateChanged(change) = next.expect("there is room for all").kind
                else {
                    continue;
                };
                let seen = engine.view().node(node(2)).unwrap().availability.no_tries;
                assert!(seen >= change.to.no_tries, "{seen} in the view, {change:?} told");
                read = change.to.no_tries;
                if read == FAILURES {
                    break;
                }
            }
            read
        })
    });
    fail(&bench, 2_000).await;
    assert_eq!(reader.join().unwrap(), FAILURES);
    bench.engine.shutdown().await;
}
