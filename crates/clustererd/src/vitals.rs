//! Whether the node lives: what the service manager is told, `/readyz` says and the daemon ends by.

use clusterer::{Cluster, Stopped};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

/// The node, and whether a heartbeat of it has failed. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Vitals {
    cluster: Cluster,
    /// The transport may die alone, which shows in a heartbeat only.
    failed: Arc<AtomicBool>,
}

impl Vitals {
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self { cluster, failed: Arc::default() }
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Waits for [`Cluster::heartbeat`]. Once one has failed, the node is not ready any more.
    ///
    /// # Errors
    /// The node has ended, or one of its threads.
    pub(crate) async fn heartbeat(&self) -> Result<(), Stopped> {
        let beat = self.cluster.heartbeat().await;
        if beat.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        beat
    }

    /// What `/readyz` says of a node that has started.
    ///
    /// # Errors
    /// It does not run any more.
    pub(crate) fn ready(&self) -> Result<(), String> {
        if self.failed.load(Ordering::Relaxed) {
            return Err("a thread has ended by itself".to_owned());
        }
        let mut context = Context::from_waker(Waker::noop());
        let runs = pin!(self.cluster.stopped()).poll(&mut context).is_pending();
        if runs { Ok(()) } else { Err("stopped".to_owned()) }
    }
}
