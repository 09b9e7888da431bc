//! What a watchdog hears of: that both threads turn, and nothing if one stands still.

use crate::support::{TestStore, ends, lonely};
use crate::wires::Bench;
use clusterer::{BoxFuture, Clock, Moment, Stopped, UnixTime};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Long enough for a heartbeat of threads that turn. One that comes in spite of a thread that does not is a
/// failure whenever it comes.
const A_WHILE: Duration = Duration::from_millis(100);

/// A clock that keeps whoever looks at it for as long as it is stopped.
#[derive(Default)]
struct Stopping {
    is_stopped: Mutex<bool>,
    goes_on: Condvar,
}

impl Stopping {
    fn stop(&self, is_stopped: bool) {
        *self.is_stopped.lock().unwrap() = is_stopped;
        self.goes_on.notify_all();
    }
}

impl Clock for Stopping {
    fn now(&self) -> Moment {
        let is_stopped = self.is_stopped.lock().unwrap();
        drop(self.goes_on.wait_while(is_stopped, |it| *it).unwrap());
        Moment::ZERO
    }

    fn unix(&self) -> UnixTime {
        UnixTime::from_secs(1_000_000)
    }

    fn sleep_until(&self, _: Moment) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

fn listen_for_it(bench: &Bench) -> JoinHandle<Result<(), Stopped>> {
    let engine = bench.engine.clone();
    tokio::spawn(async move { engine.heartbeat().await })
}

#[tokio::test]
async fn it_comes_while_both_threads_turn_and_says_when_the_node_has_ended() {
    let bench = Bench::start_with(TestStore::new(lonely()), |builder| builder).await;
    for _ in 0..10 {
        assert_eq!(ends("a heartbeat", bench.engine.heartbeat()).await, Ok(()));
    }
    bench.engine.shutdown().await;
    assert_eq!(ends("the answer", bench.engine.heartbeat()).await, Err(Stopped));
}

#[tokio::test]
async fn there_is_none_while_the_transport_stands_still() {
    let bench = Bench::start_with(TestStore::new(lonely()), |builder| builder).await;
    bench.hold_drains();
    let heard = listen_for_it(&bench);
    bench.await_drain().await;
    tokio::time::sleep(A_WHILE).await;
    assert!(!heard.is_finished());
    bench.drain();
    assert_eq!(ends("the heartbeat", heard).await.unwrap(), Ok(()));
    bench.engine.shutdown().await;
}

#[tokio::test]
async fn there_is_none_while_the_control_thread_stands_still() {
    let clock = Arc::new(Stopping::default());
    let store = TestStore::new(lonely());
    let bench = Bench::start_with(store, |builder| builder.clock(clock.clone())).await;
    clock.stop(true);
    let heard = listen_for_it(&bench);
    tokio::time::sleep(A_WHILE).await;
    assert!(!heard.is_finished());
    clock.stop(false);
    assert_eq!(ends("the heartbeat", heard).await.unwrap(), Ok(()));
    bench.engine.shutdown().await;
}

/// It answers each drain at once then, and a watchdog would be fed for ever.
#[tokio::test]
async fn there_is_none_once_the_transport_has_stopped() {
    let bench = Bench::start_with(TestStore::new(lonely()), |builder| builder).await;
    bench.hold_drains();
    let heard = listen_for_it(&bench);
    bench.await_drain().await;
    bench.stop_drains();
    assert_eq!(ends("the answer", heard).await.unwrap(), Err(Stopped));
    bench.engine.shutdown().await;
}
