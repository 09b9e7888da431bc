//! How often memory was asked for in this process.

#[path = "../shared/allocator.rs"]
mod allocator;

use std::sync::atomic::{AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);

fn note() {
    COUNT.fetch_add(1, Ordering::Relaxed);
}

/// By all threads, so far.
pub(crate) fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}
