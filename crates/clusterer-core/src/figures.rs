//! What changes about a node with every ping and packet: seen at the time of a look, without a new view.

use clusterer_node::Moment;
use clusterer_registry::{Meter, Volume};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::time::Duration;

/// No round trip is known.
const UNKNOWN: u32 = u32::MAX;
/// Microseconds, more than an hour: no ping is waited for that long.
const LONGEST: u32 = UNKNOWN - 1;
/// Nothing is planned.
const NEVER: u64 = u64::MAX;
/// The part of the last round trip in the smoothed one.
const SHARE: u32 = 8;

/// How long pings of a node took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoundTrip {
    /// The last one, whole milliseconds: from the turn in which the ping was sent to the one in which its
    /// answer was taken in.
    pub last: Duration,
    /// The mean of all, in which the last one has a part of an eighth.
    pub smoothed: Duration,
}

/// A node's figures. All views share them; the counters are written by whoever sends, the rest by the core's
/// owner alone.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) sent: Meter,
    /// Milliseconds, or [`NEVER`].
    next_attempt: AtomicU64,
    /// Microseconds, or [`UNKNOWN`].
    last: AtomicU32,
    /// Microseconds; means nothing while the last one is unknown.
    smoothed: AtomicU32,
}

impl Figures {
    pub(crate) const fn new() -> Self {
        Self {
            sent: Meter::new(),
            next_attempt: AtomicU64::new(NEVER),
            last: AtomicU32::new(UNKNOWN),
            smoothed: AtomicU32::new(0),
        }
    }

    pub(crate) fn next_attempt(&self) -> Option<Moment> {
        let at = self.next_attempt.load(Ordering::Relaxed);
        (at != NEVER).then_some(Moment::from_millis(at))
    }

    pub(crate) fn plan(&self, at: Option<Moment>) {
        self.next_attempt.store(at.map_or(NEVER, Moment::as_millis), Ordering::Relaxed);
    }

    pub(crate) fn round_trip(&self) -> Option<RoundTrip> {
        let [last, smoothed] = [&self.last, &self.smoothed].map(|of| of.load(Ordering::Relaxed));
        let known = RoundTrip { last: duration(last), smoothed: duration(smoothed) };
        (last != UNKNOWN).then_some(known)
    }

    pub(crate) fn answered(&self, round_trip: Duration) {
        let last = u32::try_from(round_trip.as_micros()).unwrap_or(LONGEST).min(LONGEST);
        let former = self.smoothed.load(Ordering::Relaxed);
        let smoothed = match self.last.load(Ordering::Relaxed) {
            UNKNOWN => last,
            _ => former - former / SHARE + last / SHARE,
        };
        self.smoothed.store(smoothed, Ordering::Relaxed);
        self.last.store(last, Ordering::Relaxed);
    }

    /// Whether they say more than what is planned.
    pub(crate) fn is_worth_keeping(&self) -> bool {
        self.round_trip().is_some() || self.sent.read() != Volume::default()
    }

    /// Its link leads somewhere else now.
    pub(crate) fn forget_round_trip(&self) {
        self.last.store(UNKNOWN, Ordering::Relaxed);
    }
}

fn duration(micros: u32) -> Duration {
    Duration::from_micros(micros.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_smoothed_round_trip_begins_with_the_first_and_follows_by_an_eighth() {
        let figures = Figures::new();
        assert_eq!(figures.round_trip(), None);
        figures.answered(millis(80));
        let [last, smoothed] = [millis(80), millis(80)];
        assert_eq!(figures.round_trip(), Some(RoundTrip { last, smoothed }));
        figures.answered(millis(0));
        let [last, smoothed] = [millis(0), millis(70)];
        assert_eq!(figures.round_trip(), Some(RoundTrip { last, smoothed }));
        figures.forget_round_trip();
        assert_eq!(figures.round_trip(), None);
        figures.answered(millis(8));
        let [last, smoothed] = [millis(8), millis(8)];
        assert_eq!(figures.round_trip(), Some(RoundTrip { last, smoothed }), "it begins anew");
    }

    #[test]
    fn a_round_trip_beyond_all_reason_is_one_all_the_same() {
        let figures = Figures::new();
        for beyond in [u64::from(UNKNOWN), u64::MAX] {
            figures.answered(Duration::from_micros(beyond));
        }
        assert!(figures.round_trip().is_some_and(|known| known.last > Duration::from_secs(4_000)));
    }
}
