//! The module as part of a running node.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use clusterer::{Cluster, ClusterId, MachineId, MemoryStore};
use clusterer_ratelimit::{Parameters, RateLimit};
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_running_module_does_not_keep_its_node_alive() {
    let (own, cluster) = (MachineId::new(1).unwrap(), ClusterId::new(1).unwrap());
    let store = MemoryStore::of(cluster, [(own, "bin:127.0.0.1:5566")]);
    let node = Cluster::builder(own, Arc::new(store)).start().await.expect("it starts");
    let parameters =
        Parameters { accept_pipes_from: 1, replicate_pipes_to: 1, ..Parameters::default() };
    let pipes = RateLimit::new(parameters.validate().unwrap(), node.now());
    let running = pipes.start(&node).await.expect("it is registered once");
    let (_, mut events) = node.subscribe();
    drop(node);
    let ended = tokio::time::timeout(PATIENCE, events.next()).await;
    assert!(ended.expect("the node ends").is_none());
    tokio::time::timeout(PATIENCE, running.stop()).await.expect("the task has ended");
}
