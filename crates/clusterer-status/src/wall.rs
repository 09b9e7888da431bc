//! From the node's own clock to times that people read.

use clusterer::{Clock, Moment, UnixTime};
use serde::{Serialize, Serializer};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How far the wall clock may be from where it was expected before it has been set. It shows whole seconds,
/// so less than one says nothing.
const SET: u64 = 2_000;

/// Tells when a moment was. The distance of the two clocks is kept, so that a moment is always the same
/// time, until somebody sets the wall clock.
pub(crate) struct Wall {
    clock: Arc<dyn Clock>,
    /// When the moment 0 was, in milliseconds since 1970.
    origin: AtomicU64,
}

impl Wall {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let wall = Self { clock, origin: AtomicU64::new(0) };
        wall.look();
        wall
    }

    /// The present moment. To be called before other times are told.
    pub(crate) fn look(&self) -> Moment {
        let now = self.clock.now();
        let unix = self.clock.unix().as_secs().saturating_mul(1_000);
        let expected = self.origin.load(Ordering::Relaxed).saturating_add(now.as_millis());
        if unix.abs_diff(expected) >= SET {
            self.origin.store(unix.saturating_sub(now.as_millis()), Ordering::Relaxed);
        }
        now
    }

    pub(crate) fn time(&self, moment: Moment) -> Seconds {
        let millis = self.origin.load(Ordering::Relaxed).saturating_add(moment.as_millis());
        Seconds(Duration::from_millis(millis))
    }
}

/// Seconds with their fraction: since 1970 if it is a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) Duration);

impl Seconds {
    /// A time of the database, in which 0 means never.
    pub(crate) fn unless_never(time: UnixTime) -> Option<Self> {
        (time != UnixTime::ZERO).then(|| Self(Duration::from_secs(time.as_secs())))
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.subsec_nanos() {
            0 => serializer.serialize_u64(self.0.as_secs()),
            _ => serializer.serialize_f64(self.0.as_secs_f64()),
        }
    }
}
