//! A node of cluster 1 with two peers that nobody ever reaches, on a clock that is wound by hand.

use clusterer::{
    BoxFuture, Change, Clock, Cluster, ClusterId, ClusterModule, Flushed, Ingress, LinkId,
    MachineId, Malformed, MemoryStore, ModuleEvent, Moment, NodeKey, NodeStore, Packet,
    PacketContext, Protocol, RawRow, Registration, SendError, State, StoreError, Transport,
    UnixTime,
};
use clusterer_bin::Outgoing;
use clusterer_net::{AfterDrain, Command, Drained};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

pub(crate) struct Bench {
    pub(crate) node: Cluster,
    pub(crate) store: Arc<Store>,
    clock: Arc<Wound>,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let urls = [1, 2, 3].map(|id| (machine(id), format!("bin:127.0.0.{id}:5566")));
        let memory = MemoryStore::of(cluster(), urls);
        let store = Arc::new(Store { memory, is_failing: AtomicBool::new(false) });
        let clock = Arc::new(Wound(watch::Sender::new(0)));
        let node = Cluster::builder(machine(1), store.clone())
            .clock(clock.clone())
            .transport(Box::new(|_: clusterer_net::Clock, _: Arc<dyn Ingress>| {
                Ok(Arc::new(Nowhere) as Arc<dyn Transport>)
            }))
            .start()
            .await
            .unwrap();
        Self { node, store, clock }
    }

    /// To so many milliseconds.
    pub(crate) fn wind(&self, to: u64) {
        self.clock.0.send_replace(to);
    }

    pub(crate) async fn set(&self, id: i32, state: State) {
        self.node.set_state(key(id), state, Protocol::Bin).await.unwrap();
    }

    pub(crate) async fn register(&self, name: &str) {
        let registration = Registration::new(name, cluster(), Duration::from_millis(2_500));
        self.node.register_module(registration, Arc::new(Nobody)).await.unwrap();
    }
}

pub(crate) fn key(id: i32) -> NodeKey {
    NodeKey { cluster: cluster(), machine: machine(id) }
}

/// A node of the JSON in few words.
pub(crate) fn name(node: &Value) -> String {
    let state = node["state"].as_str().unwrap();
    format!("{}/{} {state}", node["cluster_id"], node["machine_id"])
}

fn cluster() -> ClusterId {
    ClusterId::new(1).unwrap()
}

fn machine(id: i32) -> MachineId {
    MachineId::new(id).unwrap()
}

struct Wound(watch::Sender<u64>);

impl Clock for Wound {
    fn now(&self) -> Moment {
        Moment::from_millis(*self.0.borrow())
    }

    fn unix(&self) -> UnixTime {
        UnixTime::from_secs(1_000_000 + *self.0.borrow() / 1_000)
    }

    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        let mut shown = self.0.subscribe();
        Box::pin(async move {
            // The clock ends with its engine.
            let _ = shown.wait_for(|&now| now >= at.as_millis()).await;
        })
    }
}

pub(crate) struct Store {
    memory: MemoryStore,
    is_failing: AtomicBool,
}

impl Store {
    pub(crate) fn edit(&self, change: impl FnOnce(&mut Vec<RawRow>)) {
        self.memory.edit(change);
    }

    pub(crate) fn fail(&self, is_failing: bool) {
        self.is_failing.store(is_failing, Ordering::SeqCst);
    }
}

impl NodeStore for Store {
    fn load(&self) -> BoxFuture<'_, Result<Vec<RawRow>, StoreError>> {
        if self.is_failing.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::Unavailable("it is gone".to_owned())) });
        }
        self.memory.load()
    }

    fn flush<'a>(&'a self, changes: &'a [Change]) -> BoxFuture<'a, Result<Flushed, StoreError>> {
        self.memory.flush(changes)
    }
}

struct Nowhere;

impl Transport for Nowhere {
    fn command(&self, _: Command) {}

    fn send(&self, _: LinkId, _: Outgoing) -> Result<(), SendError> {
        Ok(())
    }

    fn send_control(&self, _: LinkId, _: Outgoing) -> Result<(), SendError> {
        Ok(())
    }

    fn drain(&self, then: AfterDrain) {
        then(Drained::default());
    }

    fn local_addresses(&self) -> Vec<SocketAddr> {
        vec!["127.0.0.1:5566".parse().unwrap()]
    }

    fn queued_bytes(&self, _: LinkId) -> usize {
        0
    }
}

struct Nobody;

impl ClusterModule for Nobody {
    fn on_packet(&self, _: &PacketContext, _: &Packet<'_>) -> Result<(), Malformed> {
        Ok(())
    }

    fn on_event(&self, _: ModuleEvent) {}
}
