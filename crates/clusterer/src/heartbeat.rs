//! Whether the threads that everything depends on still turn.

use crate::control::Command;
use crate::{Cluster, Stopped};
use clusterer_net::Transport;
use tokio::sync::oneshot;

impl Cluster {
    /// Waits until the control thread has taken a turn, and after it the transport's thread one in which it
    /// has handed over everything that had arrived. Milliseconds, as a rule; for as long as one of the two
    /// stands still, this does not return. That is for a watchdog, which acts by not hearing of it: on any
    /// executor, and as often as it likes.
    ///
    /// ```
    /// # use clusterer::{Cluster, MachineId, MemoryStore};
    /// # use std::{sync::Arc, time::Duration};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = Arc::new(MemoryStore::default());
    /// # let node = Cluster::builder(MachineId::new(1).unwrap(), store).start().await?;
    /// let alive = tokio::time::timeout(Duration::from_secs(10), node.heartbeat()).await;
    /// assert_eq!(alive, Ok(Ok(())));
    /// # node.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The node has been shut down, or its control thread or one of the transport's has ended by itself: then it
    /// must be started again.
    pub async fn heartbeat(&self) -> Result<(), Stopped> {
        self.ask(Command::Heartbeat).await.ok_or(Stopped)
    }
}

/// The control thread's part, which is done by being called. The transport's thread answers.
pub(crate) fn pass_on(answer: oneshot::Sender<()>, transport: &dyn Transport) {
    transport.drain(Box::new(move |drained| {
        // A transport that has stopped answers at once, which is no sign of life.
        if !drained.stopped {
            // Whoever asked may have stopped waiting.
            let _ = answer.send(());
        }
    }));
}
