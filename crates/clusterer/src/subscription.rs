//! Reading events.

use crate::event::Event;
use crate::feed::Feed;
use clusterer_core::View;
use std::fmt;
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

/// A reader of a node's events: see [`Cluster::subscribe`](crate::Cluster::subscribe).
///
/// It keeps no node running and no module in memory, and no reader slows a node down. What it has not read yet
/// is bounded ([`Builder::event_capacity`](crate::Builder::event_capacity)): a reader that falls behind
/// further gets [`Lagged`] in place of the events, with a view to go on from. It can neither miss an event
/// without being told, nor read on without having been handed what makes up for it.
///
/// On any executor, or on none ([`Subscription::try_next`]).
pub struct Subscription {
    feed: Arc<Feed>,
    receiver: Receiver<Event>,
}

/// A reader was too slow: events were dropped. Everything up to [`view`](Self::view) is in it, and the next
/// event is the first one after it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Lagged {
    /// How many events will never be read.
    pub missed: u64,
    /// The node as it is after them.
    pub view: Arc<View>,
}

impl Subscription {
    pub(crate) fn new(feed: Arc<Feed>) -> (Arc<View>, Self) {
        let (view, receiver) = feed.subscribe();
        (view, Self { feed, receiver })
    }

    /// Waits for the next event. `None` once the node has ended and everything has been read.
    ///
    /// A call that is dropped before it is done has taken nothing.
    ///
    /// # Errors
    /// [`Lagged`]: this reader was too slow. The stream goes on after it.
    pub async fn next(&mut self) -> Option<Result<Event, Lagged>> {
        match self.receiver.recv().await {
            Ok(event) => Some(Ok(event)),
            Err(RecvError::Closed) => None,
            Err(RecvError::Lagged(missed)) => Some(Err(self.start_over(missed))),
        }
    }

    /// The next event, if there is one by now; [`Poll::Pending`] if there is not, and nobody is woken when
    /// there is. Never waits.
    ///
    /// ```
    /// # use clusterer::{ClusterId, Cluster, MachineId, MemoryStore};
    /// # use std::sync::Arc;
    /// use std::task::Poll;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = Arc::new(MemoryStore::default());
    /// # let node = Cluster::builder(MachineId::new(1).unwrap(), store).start().await?;
    /// let (_, mut events) = node.subscribe();
    /// assert!(events.try_next().is_pending());
    /// node.reload().await?;
    /// let Poll::Ready(Some(Ok(event))) = events.try_next() else { panic!("there is one") };
    /// assert!(event.to_string().ends_with("reloaded: 0 clusters, 0 nodes, 0 rows left out"));
    /// node.shutdown().await;
    /// assert!(matches!(events.try_next(), Poll::Ready(None)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Lagged`], as for [`Subscription::next`].
    pub fn try_next(&mut self) -> Poll<Option<Result<Event, Lagged>>> {
        match self.receiver.try_recv() {
            Ok(event) => Poll::Ready(Some(Ok(event))),
            Err(TryRecvError::Closed) => Poll::Ready(None),
            Err(TryRecvError::Empty) => Poll::Pending,
            Err(TryRecvError::Lagged(missed)) => Poll::Ready(Some(Err(self.start_over(missed)))),
        }
    }

    /// Goes on from the present view: what is still there of the past is in it.
    fn start_over(&mut self, missed: u64) -> Lagged {
        let (view, receiver, skipped) = self.feed.resubscribe(&self.receiver);
        self.receiver = receiver;
        let skipped = u64::try_from(skipped).unwrap_or(u64::MAX);
        Lagged { missed: missed.saturating_add(skipped), view }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("unread", &self.receiver.len()).finish_non_exhaustive()
    }
}

impl fmt::Display for Lagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events were missed: look at the view again", self.missed)
    }
}

impl std::error::Error for Lagged {}
