//! By what a node ends, beside a signal.

use super::{Manager, Signals, breaks_down};
use crate::vitals::Vitals;
use clusterer::{Cluster, MachineId, MemoryStore, SendError, Transport};
use clusterer_bin::Outgoing;
use clusterer_net::{AfterDrain, Command, Drained};
use clusterer_node::LinkId;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::timeout;

/// Longer than anything takes on a busy machine; only a failing test waits this long.
const LONG: Duration = Duration::from_secs(20);

/// What a transport is of which a thread has panicked, from then on.
#[derive(Default)]
struct Mortal {
    is_dead: AtomicBool,
}

impl Transport for Mortal {
    fn command(&self, _: Command) {}

    fn send(&self, _: LinkId, _: Outgoing) -> Result<(), SendError> {
        Ok(())
    }

    fn send_control(&self, _: LinkId, _: Outgoing) -> Result<(), SendError> {
        Ok(())
    }

    fn drain(&self, then: AfterDrain) {
        let mut drained = Drained::default();
        drained.stopped = self.is_dead.load(Ordering::SeqCst);
        then(drained);
    }

    fn local_addresses(&self) -> Vec<SocketAddr> {
        Vec::new()
    }

    fn queued_bytes(&self, _: LinkId) -> usize {
        0
    }
}

async fn start(transport: Arc<Mortal>) -> Vitals {
    let store = Arc::new(MemoryStore::default());
    let builder = Cluster::builder(MachineId::new(1).unwrap(), store);
    let cluster = builder.transport(Box::new(move |_, _| Ok(transport))).start().await.unwrap();
    Vitals::new(cluster)
}

/// Those of a test, which nobody sends.
fn signals() -> Signals {
    let catch = || signal(SignalKind::user_defined2()).unwrap();
    Signals { hangup: catch(), interrupt: catch(), terminate: catch() }
}

/// It was ready for ever, and without a service manager nobody so much as looked.
#[tokio::test]
async fn a_transport_that_has_died_ends_the_daemon_and_is_not_ready() {
    let transport = Arc::new(Mortal::default());
    let vitals = start(transport.clone()).await;
    assert_eq!(vitals.heartbeat().await, Ok(()));
    assert_eq!(vitals.ready(), Ok(()));
    transport.is_dead.store(true, Ordering::SeqCst);
    let (manager, reload) = (Manager::default(), Notify::new());
    let mut signals = signals();
    let ended = timeout(LONG, breaks_down(&vitals, &manager, &mut signals, &reload)).await;
    assert_eq!(ended, Ok(true));
    assert_eq!(vitals.ready(), Err("a thread has ended by itself".to_owned()));
    vitals.cluster().shutdown().await;
}

#[tokio::test]
async fn a_node_that_has_ended_ends_the_daemon_and_is_not_ready() {
    let vitals = start(Arc::default()).await;
    vitals.cluster().shutdown().await;
    assert_eq!(vitals.ready(), Err("stopped".to_owned()));
    let (manager, reload) = (Manager::default(), Notify::new());
    let mut signals = signals();
    let ended = timeout(LONG, breaks_down(&vitals, &manager, &mut signals, &reload)).await;
    assert_eq!(ended, Ok(true));
}
