//! How many packets, and how much they weigh.

use core::sync::atomic::{AtomicU64, Ordering};

/// Packets, and their bytes on the wire, headers included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Volume {
    /// How many.
    pub packets: u64,
    /// All of them together, bytes.
    pub bytes: u64,
}

impl Volume {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            packets: self.packets.saturating_add(other.packets),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

/// Counts packets on any thread, without a lock. Only ever grows.
#[derive(Debug, Default)]
pub struct Meter {
    packets: AtomicU64,
    bytes: AtomicU64,
}

impl Meter {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { packets: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    /// One packet of so many bytes.
    pub fn count(&self, bytes: usize) {
        self.add(Volume { packets: 1, bytes: u64::try_from(bytes).unwrap_or(u64::MAX) });
    }

    /// Packets that were counted elsewhere.
    pub(crate) fn add(&self, volume: Volume) {
        self.packets.fetch_add(volume.packets, Ordering::Relaxed);
        self.bytes.fetch_add(volume.bytes, Ordering::Relaxed);
    }

    /// What was counted. A packet that is being counted may be in one of the two and not in the other yet.
    #[must_use]
    pub fn read(&self) -> Volume {
        Volume {
            packets: self.packets.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}
