//! How much memory is in use.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

static BYTES: AtomicUsize = AtomicUsize::new(0);
static PIECES: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is passed on unchanged to the system's allocator; the counting touches atomics only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        PIECES.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        PIECES.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// What is allocated, as it was asked for: an allocator takes some 8 to 16 bytes more for each piece.
#[derive(Clone, Copy)]
pub(crate) struct Weight {
    pub(crate) bytes: usize,
    pub(crate) pieces: usize,
}

impl Weight {
    fn of_all() -> Self {
        let [bytes, pieces] = [&BYTES, &PIECES].map(|counter| counter.load(Ordering::Relaxed));
        Self { bytes, pieces }
    }
}

impl Add for Weight {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, pieces: self.pieces + other.pieces }
    }
}

impl Sub for Weight {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let less = usize::saturating_sub;
        Self { bytes: less(self.bytes, other.bytes), pieces: less(self.pieces, other.pieces) }
    }
}

/// What is allocated more once something is made, which is returned.
pub(crate) fn weigh<T>(make: impl FnOnce() -> T) -> (Weight, T) {
    let before = Weight::of_all();
    let made = make();
    (Weight::of_all() - before, made)
}

/// Waits until no thread asks for memory any more, or gives it back.
pub(crate) fn settle() {
    let mut before = usize::MAX;
    while before != BYTES.load(Ordering::Relaxed) {
        before = BYTES.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(300));
    }
}
