//! What is known of the database: whether it answers, and what of its table could not be used.

use crate::Cluster;
use arc_swap::ArcSwap;
use clusterer_node::{Moment, SkippedRow, StoreError};
use std::sync::Arc;

/// How the node stands with its store: see [`Cluster::provisioning`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Provisioning {
    /// Why the last call of the store failed; `None` if it did not.
    pub failure: Option<StoreError>,
    /// When the table that is in memory was read, on the node's own clock. A look that found it unchanged
    /// counts.
    pub loaded: Moment,
    /// The rows of that table which were left out, and why.
    pub skipped: Arc<[SkippedRow]>,
}

impl Cluster {
    /// Whether the store answers, when the table was read, and what of it was left out. As of the last
    /// call of the store: between two of them nobody asks it.
    ///
    /// ```
    /// # use clusterer::{Cell, Cluster, ClusterId, MachineId, MemoryStore};
    /// # use std::sync::Arc;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (cluster, own, peer) =
    /// #     (ClusterId::new(1).unwrap(), MachineId::new(1).unwrap(), MachineId::new(2).unwrap());
    /// # let urls = [(own, "bin:127.0.0.1:5566"), (peer, "bin:127.0.0.2:5566")];
    /// # let store = Arc::new(MemoryStore::of(cluster, urls));
    /// # store.edit(|rows| rows[1].url = Cell::Text("bin:127.0.0.2:no-port".into()));
    /// # let node = Cluster::builder(own, store.clone()).start().await?;
    /// let provisioning = node.provisioning();
    /// assert!(provisioning.failure.is_none());
    /// for row in provisioning.skipped.iter() {
    ///     println!("left out: {row}");
    /// }
    /// # assert_eq!(provisioning.skipped.len(), 1);
    /// # store.edit(|rows| { rows.pop(); });
    /// # node.reload().await?;
    /// # assert!(node.provisioning().skipped.is_empty());
    /// # node.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn provisioning(&self) -> Arc<Provisioning> {
        self.inner.shared.provisioning.load_full()
    }
}

/// What the control thread writes and everybody reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    shown: Arc<ArcSwap<Provisioning>>,
}

impl Ledger {
    pub(crate) fn load_full(&self) -> Arc<Provisioning> {
        self.shown.load_full()
    }

    pub(crate) fn answered<T>(&self, answer: &Result<T, StoreError>) {
        let failure = answer.as_ref().err();
        if self.shown.load().failure.as_ref() != failure {
            self.change(|shown| shown.failure = failure.cloned());
        }
    }

    pub(crate) fn loaded(&self, at: Moment, skipped: &[SkippedRow]) {
        self.change(|shown| (shown.loaded, shown.skipped) = (at, skipped.into()));
    }

    pub(crate) fn unchanged(&self, at: Moment) {
        self.change(|shown| shown.loaded = at);
    }

    /// One thread writes, so nothing is lost between the two.
    fn change(&self, change: impl FnOnce(&mut Provisioning)) {
        let mut shown = Provisioning::clone(&self.shown.load());
        change(&mut shown);
        self.shown.store(Arc::new(shown));
    }
}
