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

#[cfg(test)]
mod tests {
    use super::*;
    use clusterer::BoxFuture;

    /// The monotonic clock in milliseconds, the wall clock in seconds.
    #[derive(Default)]
    struct Hands(AtomicU64, AtomicU64);

    impl Clock for Hands {
        fn now(&self) -> Moment {
            Moment::from_millis(self.0.load(Ordering::Relaxed))
        }

        fn unix(&self) -> UnixTime {
            UnixTime::from_secs(self.1.load(Ordering::Relaxed))
        }

        fn sleep_until(&self, _: Moment) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    #[test]
    fn a_moment_is_always_the_same_time_until_the_wall_clock_is_set() {
        let hands = Arc::new(Hands::default());
        hands.1.store(1_000, Ordering::Relaxed);
        let wall = Wall::new(hands.clone());
        let show = |mono: u64, unix: u64| {
            hands.0.store(mono, Ordering::Relaxed);
            hands.1.store(unix, Ordering::Relaxed);
            wall.look();
            wall.time(Moment::from_millis(500)).0.as_millis()
        };
        assert_eq!(show(0, 1_000), 1_000_500);
        // It shows whole seconds, so these two are no jumps.
        assert_eq!(show(1_999, 1_000), 1_000_500);
        assert_eq!(show(2_000, 1_003), 1_000_500);
        assert_eq!(show(3_000, 1_005), 1_002_500);
        assert_eq!(show(4_000, 5), 1_500, "it was set back");
    }

    #[test]
    fn seconds_are_whole_where_they_can_be() {
        let text = |millis| serde_json::to_string(&Seconds(Duration::from_millis(millis))).unwrap();
        assert_eq!([text(0), text(2_000), text(1_795_363_200_123)], ["0", "2", "1795363200.123"]);
        assert_eq!(Seconds::unless_never(UnixTime::ZERO), None);
    }
}
