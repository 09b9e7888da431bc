//! The handle for what a node keeps itself.

use crate::Cluster;
use crate::cluster::Inner;
use std::fmt;
use std::sync::{Arc, Weak};

/// A handle that does not keep the node running: see [`Cluster::downgrade`].
#[derive(Clone)]
pub struct WeakCluster {
    inner: Weak<Inner>,
}

impl Cluster {
    /// A handle for what the node itself keeps: a module, or a task that is to end with the node. A module
    /// that held a [`Cluster`] would keep the node alive, which keeps the module alive, and neither would
    /// ever end.
    ///
    /// ```
    /// # use clusterer::{
    /// #     Cluster, ClusterId, ClusterModule, MachineId, Malformed, MemoryStore, ModuleEvent, Packet,
    /// #     PacketContext, Protocol, Registration, WeakCluster,
    /// # };
    /// # use std::{sync::Arc, time::Duration};
    /// /// Sends back what it gets.
    /// struct Echo {
    ///     node: WeakCluster,
    /// }
    ///
    /// impl ClusterModule for Echo {
    ///     fn on_packet(&self, from: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
    ///         let text = packet.body().str()?;
    ///         if let (Some(node), Some(cluster)) = (self.node.upgrade(), from.cluster) {
    ///             // Whom it does not reach is told by the report.
    ///             let _ = node.send_to(cluster, Protocol::Bin, "heard", 0, |packet| {
    ///                 packet.str(text);
    ///             });
    ///         }
    ///         Ok(())
    ///     }
    ///
    ///     fn on_event(&self, _: ModuleEvent) {}
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cluster = ClusterId::new(1).unwrap();
    /// # let store = Arc::new(MemoryStore::default());
    /// # let node = Cluster::builder(MachineId::new(1).unwrap(), store).start().await?;
    /// let echo = Arc::new(Echo { node: node.downgrade() });
    /// let weak = node.downgrade();
    /// node.register_module(Registration::new("echo", cluster, Duration::from_secs(5)), echo).await?;
    /// drop(node);
    /// assert!(weak.upgrade().is_none());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn downgrade(&self) -> WeakCluster {
        WeakCluster { inner: Arc::downgrade(&self.inner) }
    }
}

impl WeakCluster {
    /// A handle to the node; `None` once the last one has been dropped. A node that has been shut down,
    /// and still has a handle, answers every call with that.
    ///
    /// To be dropped soon: it keeps the node running meanwhile.
    #[must_use]
    pub fn upgrade(&self) -> Option<Cluster> {
        self.inner.upgrade().map(|inner| Cluster { inner })
    }
}

impl fmt::Debug for WeakCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakCluster").finish_non_exhaustive()
    }
}
