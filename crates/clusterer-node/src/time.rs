//! Time as values: pure code never reads a clock, it is handed a [`Now`].

use core::fmt;
use core::time::Duration;

/// A point on a monotonic clock, in whole milliseconds since an origin that the clock's owner chose.
///
/// Moments of different clocks must not be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Halves);

impl Moment {
    /// The clock's origin.
    pub const ZERO: Self = Self(Halves::of(0));

    /// The moment this many milliseconds after the origin.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(Halves::of(millis))
    }

    /// Milliseconds since the origin.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0.whole()
    }

    /// How long ago `earlier` was; zero if it is later than `self`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.as_millis().saturating_sub(earlier.as_millis()))
    }

    /// This moment plus a duration, whole milliseconds, at most the end of time.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Self::from_millis(self.as_millis().saturating_add(wait))
    }
}

/// Wall-clock time in whole seconds since 1970, as the database stores `last_attempt`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(Halves);

impl UnixTime {
    /// 1970-01-01 00:00:00 UTC, which in `last_attempt` means "never".
    pub const ZERO: Self = Self(Halves::of(0));

    /// This many seconds after 1970.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Halves::of(seconds))
    }

    /// Seconds since 1970.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0.whole()
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_secs().fmt(f)
    }
}

/// The present, as both clocks show it. Everything that waits uses `mono`; `unix` only becomes the
/// value of `last_attempt`, so a jump of the wall clock changes nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock.
    pub mono: Moment,
    /// The wall clock.
    pub unix: UnixTime,
}

/// A number whose address need be no multiple of 8, so that it takes 12 bytes together with one of 4, and
/// not 16: of each of a hundred thousand nodes many times are kept.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Halves {
    high: u32,
    low: u32,
}

impl Halves {
    const fn of(number: u64) -> Self {
        let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
        Self { high: u32::from_be_bytes([a, b, c, d]), low: u32::from_be_bytes([e, f, g, h]) }
    }

    const fn whole(self) -> u64 {
        let [a, b, c, d] = self.high.to_be_bytes();
        let [e, f, g, h] = self.low.to_be_bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Debug for Halves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.whole().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use proptest::prelude::*;

    #[test]
    fn arithmetic_saturates() {
        let end = Moment::from_millis(u64::MAX);
        assert_eq!(end.after(Duration::from_secs(1)), end);
        assert_eq!(Moment::ZERO.since(end), Duration::ZERO);
        assert_eq!(Moment::ZERO.after(Duration::MAX), end);
    }

    proptest! {
        #[test]
        fn a_time_is_what_it_was_made_of_and_in_order(a: u64, b: u64) {
            let times = [a, b].map(Moment::from_millis);
            prop_assert_eq!(times.map(Moment::as_millis), [a, b]);
            prop_assert_eq!(times[0].cmp(&times[1]), a.cmp(&b));
            prop_assert_eq!(UnixTime::from_secs(a).as_secs(), a);
        }
    }

    #[test]
    fn a_time_takes_eight_bytes_and_reads_as_one_number() {
        assert_eq!((size_of::<Moment>(), align_of::<Moment>()), (8, 4));
        let moment = Moment::from_millis(1 << 40);
        assert_eq!(format!("{moment:?}"), format!("Moment({})", 1_u64 << 40));
    }
}
