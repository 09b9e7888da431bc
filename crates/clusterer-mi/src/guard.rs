//! What watches over a command while it runs.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use crate::{BoxFuture, MiReply};

/// Turns a command that panics or hangs into one that failed.
pub(crate) trait Guard: Send + Sync {
    fn watch<'a>(&'a self, command: &'a str, run: BoxFuture<'a, MiReply>)
    -> BoxFuture<'a, MiReply>;
}

/// Catches panics only.
pub(crate) struct Unguarded;

impl Guard for Unguarded {
    fn watch<'a>(&'a self, _: &'a str, run: BoxFuture<'a, MiReply>) -> BoxFuture<'a, MiReply> {
        Box::pin(async { catch_panic(run).await.unwrap_or(MiReply::Failed) })
    }
}

/// Catches panics and gives up on what hangs; says so in the log.
#[cfg(any(feature = "datagram", feature = "fifo", feature = "http"))]
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    pub(crate) timeout: std::time::Duration,
    pub(crate) log: std::sync::Arc<crate::limited::LimitedLog>,
}

#[cfg(any(feature = "datagram", feature = "fifo", feature = "http"))]
impl Guard for Patience {
    fn watch<'a>(
        &'a self,
        command: &'a str,
        run: BoxFuture<'a, MiReply>,
    ) -> BoxFuture<'a, MiReply> {
        Box::pin(async move {
            match tokio::time::timeout(self.timeout, catch_panic(run)).await {
                Ok(Some(reply)) => reply,
                Ok(None) => {
                    self.log.warn(format_args!("command {command:?} panicked"));
                    MiReply::Failed
                }
                Err(_) => {
                    let patience = self.timeout;
                    self.log
                        .warn(format_args!("command {command:?} was given up after {patience:?}"));
                    MiReply::Failed
                }
            }
        })
    }
}

/// `None` if the future panics. It is not polled again then.
pub(crate) async fn catch_panic<T>(mut future: BoxFuture<'_, T>) -> Option<T> {
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(None),
    })
    .await
}
