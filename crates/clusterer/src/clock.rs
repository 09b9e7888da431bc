//! The clock of an engine.

use clusterer_node::{BoxFuture, Moment, UnixTime};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where an engine's time comes from. One that a test winds by hand makes an engine's day short.
pub trait Clock: Send + Sync {
    /// The monotonic clock.
    fn now(&self) -> Moment;

    /// The wall clock.
    fn unix(&self) -> UnixTime;

    /// Ends when the monotonic clock shows `at`, or soon after. Runs on the control thread.
    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()>;
}

/// The machine's own clock. Its moments count from when it was made.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock that begins now.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let millis = self.origin.elapsed().as_millis();
        Moment::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    fn unix(&self) -> UnixTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixTime::from_secs(since.as_secs())
    }

    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        let at = self.origin.checked_add(Duration::from_millis(at.as_millis()));
        Box::pin(async move {
            match at {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        })
    }
}
