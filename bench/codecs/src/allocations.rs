//! How often memory is asked for.

#[path = "../../shared/allocator.rs"]
mod allocator;

use std::sync::atomic::{AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// A load and a store: there is one thread here, and a locked addition would be a cost of its own.
fn note() {
    COUNT.store(COUNT.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// How often `work` asks for memory.
pub(crate) fn of(work: &mut dyn FnMut()) -> u64 {
    let before = COUNT.load(Ordering::Relaxed);
    work();
    COUNT.load(Ordering::Relaxed) - before
}
