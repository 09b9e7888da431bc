//! Nodes on loopback, and waiting without racing.

use clusterer::{
    Builder, Cluster, ClusterId, Dialect, ListenerConfig, MachineId, MemoryStore, State,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Long enough for a loaded machine; nothing waits this long unless it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn cluster() -> ClusterId {
    ClusterId::new(1).unwrap()
}

pub(crate) fn machine(id: i32) -> MachineId {
    MachineId::new(id).unwrap()
}

/// A node that listens on a free port.
pub(crate) fn builder(id: i32, store: &Arc<MemoryStore>) -> Builder {
    let listener = ListenerConfig { address: ([127, 0, 0, 1], 0).into(), dialect: Dialect::V22 };
    Cluster::builder(machine(id), store.clone()).listen(vec![listener])
}

pub(crate) fn url(node: &Cluster) -> String {
    format!("bin:{}", node.local_addresses()[0])
}

pub(crate) fn replace(store: &MemoryStore, urls: Vec<(MachineId, String)>) {
    let rows = MemoryStore::of(cluster(), urls).rows();
    store.edit(|table| *table = rows);
}

/// Two nodes that know each other and are up.
pub(crate) async fn pair() -> [Cluster; 2] {
    let store = Arc::new(MemoryStore::default());
    let one = builder(1, &store).start().await.expect("it starts");
    let two = builder(2, &store).start().await.expect("it starts");
    replace(&store, vec![(machine(1), url(&one)), (machine(2), url(&two))]);
    for (node, other) in [(&one, 2), (&two, 1)] {
        node.reload().await.expect("a list cannot fail");
        eventually("they are up", || {
            let view = node.view();
            let other = view.cluster(cluster()).and_then(|cluster| cluster.node(machine(other)));
            other.is_some_and(|it| it.state() == State::Up)
        })
        .await;
    }
    [one, two]
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < give_up, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
