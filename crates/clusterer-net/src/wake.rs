//! Waking the mio thread, at most once for whatever happens while it works.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// A waker that costs a system call only if the mio thread may be asleep.
///
/// Whoever hands something over first puts it where the mio thread will look, then calls
/// [`Wake::wake`]. The mio thread calls [`Wake::awake`] when it wakes and [`Wake::before_looking`]
/// before it looks, so what was put there before is seen, and what comes later wakes it.
#[derive(Debug)]
pub(crate) struct Wake {
    waker: mio::Waker,
    /// A wake is under way, or the mio thread is awake and will look before it sleeps.
    pending: AtomicBool,
}

impl Wake {
    pub(crate) fn new(registry: &mio::Registry, token: mio::Token) -> io::Result<Self> {
        Ok(Self { waker: mio::Waker::new(registry, token)?, pending: AtomicBool::new(false) })
    }

    pub(crate) fn wake(&self) {
        if !self.pending.swap(true, Ordering::AcqRel)
            && let Err(error) = self.waker.wake()
        {
            // The next caller tries again; what was handed over waits until then.
            self.pending.store(false, Ordering::Release);
            tracing::error!(%error, "cannot wake the transport");
        }
    }

    pub(crate) fn awake(&self) {
        // A swap, not a store: it must not break the chain from a wake that was left out to the look.
        self.pending.swap(true, Ordering::AcqRel);
    }

    pub(crate) fn before_looking(&self) {
        self.pending.swap(false, Ordering::AcqRel);
    }
}
