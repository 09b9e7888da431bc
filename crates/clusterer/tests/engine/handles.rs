//! Handles that keep a node running, and those that do not.

use crate::support::{Mood, PATIENCE, TestStore, cluster, ends, eventually, lonely, machine};
use clusterer::{
    Cluster, ClusterModule, Dialect, ListenerConfig, Malformed, ModuleEvent, NodeKey, Packet,
    PacketContext, Protocol, Registration, State, WeakCluster,
};
use clusterer_bin::{Origin, PacketWriter};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::time::timeout;

/// Looks for its node with each packet, and says when it goes itself.
struct Weakly {
    node: WeakCluster,
    last_handle: Mutex<Option<Cluster>>,
    looked: mpsc::Sender<bool>,
}

impl ClusterModule for Weakly {
    fn on_packet(&self, _: &PacketContext, _: &Packet<'_>) -> Result<(), Malformed> {
        let found = self.node.upgrade();
        // The last handles may well go here.
        drop(self.last_handle.lock().unwrap().take());
        let _ = self.looked.send(found.is_some());
        Ok(())
    }

    fn on_event(&self, _: ModuleEvent) {}
}

async fn start() -> Cluster {
    let listener = ListenerConfig { address: ([127, 0, 0, 1], 0).into(), dialect: Dialect::V22 };
    let builder = Cluster::builder(machine(1), TestStore::new(lonely())).listen(vec![listener]);
    ends("a start", builder.start()).await.expect("it starts")
}

async fn register(node: &Cluster) -> (Arc<Weakly>, mpsc::Receiver<bool>) {
    let (looked, looks) = mpsc::channel();
    let module = Arc::new(Weakly { node: node.downgrade(), last_handle: Mutex::default(), looked });
    let registration = Registration::new("weakly", cluster(), Duration::from_secs(60));
    node.register_module(registration, module.clone()).await.expect("a good name");
    (module, looks)
}

fn packet() -> Vec<u8> {
    let origin = Origin { sender: 2, cluster: 1 };
    PacketWriter::new(Dialect::V22, "weakly", 0, origin).finish(1).unwrap().to_vec()
}

#[tokio::test]
async fn a_module_with_a_weak_handle_does_not_outlive_the_last_strong_one() {
    let node = start().await;
    let (module, _looks) = register(&node).await;
    let weak = Arc::downgrade(&module);
    drop(module);
    let (_, mut events) = node.subscribe();
    let clone = node.clone();
    drop(node);
    assert!(weak.upgrade().and_then(|module| module.node.upgrade()).is_some(), "one is left");
    drop(clone);
    // What happened before is read first: nobody listens at the other node's address.
    while ends("the control thread", events.next()).await.is_some() {}
    // Who still holds the reader, which refers to views, holds no module.
    eventually("the module is dropped with the node", || weak.upgrade().is_none()).await;
    drop(events);
}

#[tokio::test]
async fn a_callback_may_drop_the_last_handle() {
    let node = start().await;
    let (module, looks) = register(&node).await;
    let weak = node.downgrade();
    let mut peer = TcpStream::connect(node.local_addresses()[0]).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    *module.last_handle.lock().unwrap() = Some(node);
    drop(module);
    peer.write_all(&packet()).unwrap();
    let looked = tokio::task::spawn_blocking(move || looks.recv_timeout(PATIENCE)).await.unwrap();
    assert_eq!(looked, Ok(true));
    eventually("the node is gone", || weak.upgrade().is_none()).await;
    // Its transport has ended, which closes the connection.
    let end = tokio::task::spawn_blocking(move || peer.read(&mut [0; 16])).await.unwrap();
    assert!(
        matches!(end, Ok(0))
            || end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
    );
}

#[tokio::test]
async fn a_shutdown_that_is_not_waited_for_leaves_no_transport_that_answers() {
    let store = TestStore::new(lonely());
    store.flushing(Mood::Held);
    let listener = ListenerConfig { address: ([127, 0, 0, 1], 0).into(), dialect: Dialect::V22 };
    let builder = Cluster::builder(machine(1), store.clone()).persistent(true);
    let node = ends("a start", builder.listen(vec![listener]).start()).await.expect("it starts");
    let peer = NodeKey { cluster: cluster(), machine: machine(2) };
    node.set_state(peer, State::Down, Protocol::Bin).await.expect("it is a node");
    let short = Duration::from_millis(50);
    assert!(timeout(short, node.shutdown()).await.is_err(), "the store is slow");
    let address = node.local_addresses()[0];
    eventually("it listens no more", || TcpStream::connect(address).is_err()).await;
    store.flushing(Mood::Well);
    ends("the control thread", node.stopped()).await;
    let written = || !store.flushes.lock().unwrap().is_empty();
    eventually("what was changed is written all the same", written).await;
}

#[tokio::test]
async fn an_upgraded_handle_of_a_node_that_was_shut_down_says_so() {
    let node = start().await;
    let weak = node.downgrade();
    ends("a shutdown", node.shutdown()).await;
    let again = weak.upgrade().expect("a handle is left");
    assert_eq!(again.reload().await, Err(clusterer::ReloadError::Stopped));
    drop((node, again));
    assert!(weak.upgrade().is_none());
}
