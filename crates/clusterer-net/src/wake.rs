//! Waking the mio thread, at most once for whatever happens while it works, and knowing how long it kept
//! others waiting.

use crate::Clock;
use clusterer_node::Moment;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Nobody waits.
const NOBODY: u64 = u64::MAX;

/// A waker that costs a system call only if the mio thread may be asleep.
///
/// Whoever hands something over first puts it where the mio thread will look, then calls
/// [`Wake::wake`]. The mio thread calls [`Wake::awake`] when it wakes and [`Wake::before_looking`]
/// before it looks, so what was put there before is seen, and what comes later wakes it.
pub(crate) struct Wake {
    waker: mio::Waker,
    clock: Clock,
    /// A wake is under way, or the mio thread is awake and will look before it sleeps.
    pending: AtomicBool,
    /// Since when something may be waiting to be looked at, milliseconds.
    waiting: AtomicU64,
}

impl Wake {
    pub(crate) fn new(
        registry: &mio::Registry,
        token: mio::Token,
        clock: Clock,
    ) -> io::Result<Self> {
        let waker = mio::Waker::new(registry, token)?;
        let (pending, waiting) = (AtomicBool::new(false), AtomicU64::new(NOBODY));
        Ok(Self { waker, clock, pending, waiting })
    }

    pub(crate) fn wake(&self) {
        if self.pending.swap(true, Ordering::AcqRel) {
            return;
        }
        // Before it is woken: so it looks after every stamp, and none grows old unseen.
        self.waiting.fetch_min((self.clock)().as_millis(), Ordering::AcqRel);
        if let Err(error) = self.waker.wake() {
            // The next caller tries again; what was handed over waits until then.
            self.pending.store(false, Ordering::Release);
            tracing::error!(%error, "cannot wake the transport");
        }
    }

    /// Nobody calls the system's waker from now on until the next look.
    pub(crate) fn awake(&self, now: Moment) {
        // A swap, not a store: it must not break the chain from a wake that was left out to the look.
        self.pending.swap(true, Ordering::AcqRel);
        self.waiting.fetch_min(now.as_millis(), Ordering::AcqRel);
    }

    /// Returns since when something may have been waiting.
    pub(crate) fn before_looking(&self) -> Option<Moment> {
        self.pending.swap(false, Ordering::AcqRel);
        let since = self.waiting.swap(NOBODY, Ordering::AcqRel);
        (since != NOBODY).then(|| Moment::from_millis(since))
    }
}
