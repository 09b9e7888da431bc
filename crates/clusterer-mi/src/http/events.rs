//! Server-sent events: one bounded queue a client, from which it is cut off when it is too slow.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::Activity;
use crate::BoxFuture;

/// How many events wait for a client at most.
const MAX_EVENTS: usize = 256;

/// How many bytes of events wait for a client at most. A single event may be longer.
const MAX_BYTES: usize = 1 << 20;

/// A comment is sent after this long without an event, so that nobody between takes the stream for
/// dead, and it is found out whether the client is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What a stream's client gets. To be cloned to send one to many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerEvent(Bytes);

impl ServerEvent {
    /// An event with a name, as browsers listen for it, and data of any number of lines. Line ends in the
    /// name become spaces.
    #[must_use]
    pub fn new(name: &str, data: &str) -> Self {
        let mut text = String::with_capacity(name.len() + data.len() + 16);
        text.push_str("event: ");
        text.extend(name.chars().map(|c| if matches!(c, '\r' | '\n' | '\0') { ' ' } else { c }));
        text.push('\n');
        for line in data.replace("\r\n", "\n").split(['\r', '\n']) {
            text.push_str("data: ");
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
        Self(text.into())
    }
}

/// The way to one client of a stream. Cloning it makes another way to the same one; the stream ends
/// when its source has returned and all of them are dropped.
#[derive(Clone, Debug)]
pub struct EventSender {
    queue: mpsc::Sender<Bytes>,
    waiting: Arc<AtomicUsize>,
    activity: Arc<Activity>,
}

impl EventSender {
    /// Queues an event. Never waits: a client for which too much is waiting already is cut off, its
    /// browser will connect again.
    ///
    /// # Errors
    /// When the client is gone or has been cut off: nothing more can be sent to it.
    pub fn send(&self, event: &ServerEvent) -> Result<(), StreamClosed> {
        let length = event.0.len();
        let before = self.waiting.fetch_add(length, Ordering::Relaxed);
        if before != 0 && before.saturating_add(length) > MAX_BYTES {
            self.activity.cut();
            return Err(StreamClosed);
        }
        self.queue.try_send(event.0.clone()).map_err(|error| {
            if matches!(error, mpsc::error::TrySendError::Full(_)) {
                self.activity.cut();
            }
            StreamClosed
        })
    }

    /// Waits until everything that was queued has been taken up, to be written to the client. A source that
    /// waits for that before each event is as slow as its client, who is then never cut off for it.
    ///
    /// # Errors
    /// When the client is gone or has been cut off.
    pub async fn taken(&self) -> Result<(), StreamClosed> {
        let all = self.queue.reserve_many(self.queue.max_capacity());
        all.await.map(drop).map_err(|_| StreamClosed)
    }

    /// Waits until the client is gone.
    pub async fn closed(&self) {
        self.queue.closed().await;
    }
}

/// The client of a stream is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client of this event stream is gone, or was too slow and has been cut off")]
pub struct StreamClosed;

/// The other end: what hyper takes.
pub(super) struct EventQueue {
    queue: mpsc::Receiver<Bytes>,
    waiting: Arc<AtomicUsize>,
    keep_alive: Pin<Box<Sleep>>,
    source: JoinHandle<()>,
    _place: OwnedSemaphorePermit,
}

impl EventQueue {
    /// Starts the source of a stream for one client. It ends with the queue.
    pub(super) fn start(
        source: impl FnOnce(EventSender) -> BoxFuture<'static, ()>,
        activity: Arc<Activity>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let (sender, queue) = mpsc::channel(MAX_EVENTS);
        let waiting = Arc::new(AtomicUsize::new(0));
        let sender = EventSender { queue: sender, waiting: Arc::clone(&waiting), activity };
        let source = tokio::spawn(source(sender));
        Self {
            queue,
            waiting,
            keep_alive: Box::pin(sleep_until(Instant::now() + KEEP_ALIVE)),
            source,
            _place: place,
        }
    }

    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let next = match self.queue.poll_recv(context) {
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(event)) => {
                self.waiting.fetch_sub(event.len(), Ordering::Relaxed);
                event
            }
            Poll::Pending if self.keep_alive.as_mut().poll(context).is_ready() => {
                Bytes::from_static(b":\n\n")
            }
            Poll::Pending => return Poll::Pending,
        };
        self.keep_alive.as_mut().reset(Instant::now() + KEEP_ALIVE);
        Poll::Ready(Some(next))
    }
}

impl Drop for EventQueue {
    fn drop(&mut self) {
        self.source.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::sync::Semaphore;

    use super::*;

    fn text(event: &ServerEvent) -> &str {
        std::str::from_utf8(&event.0).unwrap()
    }

    fn queue(
        source: impl FnOnce(EventSender) -> BoxFuture<'static, ()>,
    ) -> (EventQueue, Arc<Activity>) {
        let activity = Arc::new(Activity::new(Instant::now()));
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        (EventQueue::start(source, Arc::clone(&activity), place), activity)
    }

    #[test]
    fn no_data_can_forge_an_event() {
        let event = ServerEvent::new("a\nb", "1\r\n2\n\nevent: x\r3");
        assert_eq!(
            text(&event),
            "event: a b\ndata: 1\ndata: 2\ndata: \ndata: event: x\ndata: 3\n\n"
        );
        assert_eq!(text(&ServerEvent::new("", "")), "event: \ndata: \n\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_stream_has_a_comment_every_15_seconds() {
        let (mut queue, _) = queue(|sender| Box::pin(async move { sender.closed().await }));
        let start = Instant::now();
        for round in 1..=3 {
            let next = poll_fn(|context| queue.poll_next(context)).await;
            assert_eq!(next.as_deref(), Some(b":\n\n".as_slice()));
            assert_eq!(start.elapsed().as_secs(), round * 15);
        }
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_cut_off() {
        for (length, fits) in [(0, MAX_EVENTS), (99_000, MAX_BYTES / (99_000 + 16))] {
            let (sent, mut told) = mpsc::unbounded_channel();
            let (_queue, activity) = queue(move |sender| {
                Box::pin(async move {
                    // "event: \ndata: " and two line feeds around the data.
                    let event = ServerEvent::new("", &"x".repeat(length));
                    while sender.send(&event).is_ok() {
                        sent.send(()).unwrap();
                    }
                })
            });
            activity.unwanted().await;
            let mut count = 0;
            while told.recv().await.is_some() {
                count += 1;
            }
            assert_eq!(count, fits, "{length}");
        }
    }

    #[tokio::test]
    async fn a_source_that_waits_is_as_slow_as_its_client() {
        let (mut queue, activity) = queue(|sender| {
            Box::pin(async move {
                let event = ServerEvent::new("", &"x".repeat(MAX_BYTES));
                while sender.taken().await.is_ok() && sender.send(&event).is_ok() {}
            })
        });
        for _ in 0..8 {
            poll_fn(|context| queue.poll_next(context)).await.unwrap();
            // Time to send more than fits, for a source that does not wait.
            tokio::task::yield_now().await;
        }
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(std::pin::pin!(activity.unwanted()).poll(&mut context).is_pending());
    }

    #[tokio::test]
    async fn a_source_ends_with_its_client() {
        let (gone, told) = tokio::sync::oneshot::channel::<()>();
        let (queue, _) = queue(move |_sender| {
            Box::pin(async move {
                let _gone = gone;
                std::future::pending::<()>().await;
            })
        });
        drop(queue);
        assert!(told.await.is_err());
    }
}
