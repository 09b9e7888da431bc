//! The module as part of a running node: registered, ticking, replicating.

use crate::{COMMAND, MODULE, RateLimit};
use clusterer::{Cluster, ClusterId, Protocol, RegisterModuleError, Registration, SendToError};
use std::fmt;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The task that ticks and replicates. Dropping it ends the task; [`Running::stop`] waits for it. It does
/// not keep the node running, and ends with it.
pub struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Ends the task. The pipes stay, and stay registered.
    pub async fn stop(self) {
        // A task that has ended by itself has panicked, which is logged with the runtime's.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

impl RateLimit {
    /// Registers with a node, if pipes are accepted, and starts the task that ticks and, if pipes are
    /// replicated, sends them. To be called on a tokio runtime, which the task runs on. The pipes must
    /// have been made at a moment of the node's own clock ([`Cluster::now`]).
    ///
    /// # Errors
    /// The module is registered already, or the node has been shut down.
    pub async fn start(&self, cluster: &Cluster) -> Result<Running, RegisterModuleError> {
        let config = self.config();
        if let Some(from) = config.accept_from() {
            let registration = Registration::new(MODULE, from, config.accept_timeout())
                .auth_check(config.auth_check());
            cluster.register_module(registration, Arc::new(self.clone())).await?;
        }
        let (stop, mut stopped) = oneshot::channel();
        let (pipes, clock, node) = (self.clone(), cluster.clock(), cluster.downgrade());
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    // Also when the sender is dropped.
                    _ = &mut stopped => return,
                    () = clock.sleep_until(pipes.deadline()) => {}
                }
                let Some(cluster) = node.upgrade() else { return };
                pipes.run_due(clock.now(), &mut |batch| {
                    if let Some(to) = pipes.config().replicate_to() {
                        send(&cluster, to, |writer| batch.write(writer));
                    }
                });
            }
        });
        Ok(Running { stop, task })
    }
}

/// Sends a packet to the cluster. Whom it does not reach, and why, is known to the node; pipes are sent
/// again soon.
fn send(cluster: &Cluster, to: ClusterId, write: impl FnMut(&mut clusterer::PacketWriter)) {
    match cluster.send_to(to, Protocol::Bin, MODULE, COMMAND, write) {
        // Not a member yet, or no more: the next reload may change that.
        Ok(_) | Err(SendToError::UnknownCluster(_)) => {}
        Err(error) => tracing::error!(%error, "pipes were not sent"),
    }
}
