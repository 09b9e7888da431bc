//! What a connection is busy with, and since when. Its own task writes it, the acceptor reads it when
//! it looks for somebody who can make room.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::HttpConfig;

/// Whom a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Nothing has arrived yet.
    Fresh,
    /// For the next request.
    Idle,
    /// For the rest of a request's head.
    Head,
    /// For the rest of a request's body. Who reads it keeps the time.
    Body,
    /// For us. Who answers keeps the time.
    Working,
    /// For events.
    Streaming,
    /// For the client to close it.
    Leaving,
}

const PHASES: [Phase; 7] = [
    Phase::Fresh,
    Phase::Idle,
    Phase::Head,
    Phase::Body,
    Phase::Working,
    Phase::Streaming,
    Phase::Leaving,
];
const PHASE_BITS: u32 = 3;

/// A connection as others see it.
#[derive(Debug)]
pub(super) struct Activity {
    start: Instant,
    /// The phase in the lowest bits, above them since when, in milliseconds from the start.
    state: AtomicU64,
    /// Since when the client takes nothing of what is written, in milliseconds from the start, plus
    /// one; 0 if it does.
    stalled: AtomicU64,
    asked: AtomicBool,
    cut: AtomicBool,
    ending: AtomicBool,
    signal: Notify,
}

impl Activity {
    /// A connection that has just been accepted. `start` is not later than now, and the same for all.
    pub(super) fn new(start: Instant) -> Self {
        let activity = Self {
            start,
            state: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
            asked: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            signal: Notify::new(),
        };
        activity.enter(Phase::Fresh);
        activity
    }

    pub(super) fn enter(&self, phase: Phase) {
        let state = (self.millis() << PHASE_BITS) | u64::from(phase as u8);
        self.state.store(state, Ordering::Relaxed);
    }

    pub(super) fn phase(&self) -> Phase {
        self.state().0
    }

    /// Bytes have arrived.
    pub(super) fn received(&self) {
        if matches!(self.phase(), Phase::Fresh | Phase::Idle) {
            self.enter(Phase::Head);
        }
    }

    /// The client took something of what is written, or did not.
    pub(super) fn written(&self, progress: bool) {
        if progress {
            self.stalled.store(0, Ordering::Relaxed);
            // An answer is taken up before the client has all of it: idle is who has.
            if self.phase() == Phase::Idle {
                self.enter(Phase::Idle);
            }
        } else if self.stalled.load(Ordering::Relaxed) == 0 {
            self.stalled.store(self.millis() + 1, Ordering::Relaxed);
        }
    }

    /// When the connection is given up unless something happens.
    pub(super) fn deadline(&self, config: &HttpConfig) -> Option<Instant> {
        let (phase, since) = self.state();
        let patience = match phase {
            Phase::Fresh | Phase::Head => Some(config.header_timeout),
            Phase::Idle => Some(config.idle_timeout),
            Phase::Body | Phase::Working | Phase::Streaming | Phase::Leaving => None,
        };
        let quiet = patience.and_then(|patience| self.instant(since).checked_add(patience));
        let stalled = self.stalled_since().and_then(|at| at.checked_add(config.write_timeout));
        [quiet, stalled].into_iter().flatten().min()
    }

    pub(super) fn stalled_since(&self) -> Option<Instant> {
        let stalled = self.stalled.load(Ordering::Relaxed);
        stalled.checked_sub(1).map(|millis| self.instant(millis))
    }

    /// How readily this connection makes room: the least first. `None`: somebody waits for us.
    pub(super) fn rank(&self) -> Option<(u8, u64)> {
        let (phase, since) = self.state();
        let rank = match phase {
            Phase::Idle | Phase::Leaving if self.stalled_since().is_none() => 0,
            Phase::Fresh => 0,
            Phase::Idle | Phase::Leaving | Phase::Head | Phase::Body => 1,
            Phase::Working if self.stalled_since().is_some() => 1,
            Phase::Working | Phase::Streaming => return None,
        };
        Some((rank, since))
    }

    /// Asks the connection to make room, if it still can when it hears of it.
    pub(super) fn ask(&self) {
        if !self.asked.swap(true, Ordering::Relaxed) {
            self.signal.notify_one();
        }
    }

    /// Ends the connection, whatever it is doing.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
        self.signal.notify_one();
    }

    /// Event streams end, answers are finished.
    pub(super) fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Waits until the connection has to be closed for a reason that is not its own.
    pub(super) async fn unwanted(&self) {
        loop {
            if self.cut.load(Ordering::Relaxed) {
                return;
            }
            if self.asked.swap(false, Ordering::Relaxed) && self.rank().is_some() {
                return;
            }
            self.signal.notified().await;
        }
    }

    fn state(&self) -> (Phase, u64) {
        let state = self.state.load(Ordering::Relaxed);
        let index = usize::try_from(state & ((1 << PHASE_BITS) - 1)).unwrap_or_default();
        (PHASES.get(index).copied().unwrap_or(Phase::Working), state >> PHASE_BITS)
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX >> PHASE_BITS)
    }

    fn instant(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_reads_as_it_was_written() {
        let activity = Activity::new(Instant::now());
        for phase in PHASES {
            activity.enter(phase);
            assert_eq!(activity.phase(), phase);
        }
    }

    #[test]
    fn who_waits_for_us_is_never_asked_to_go() {
        let activity = Activity::new(Instant::now());
        let rank = |phase| {
            activity.enter(phase);
            activity.rank().map(|(rank, _)| rank)
        };
        assert_eq!(rank(Phase::Fresh), Some(0));
        assert_eq!(rank(Phase::Idle), Some(0));
        assert_eq!(rank(Phase::Leaving), Some(0));
        assert_eq!(rank(Phase::Head), Some(1));
        assert_eq!(rank(Phase::Body), Some(1));
        assert_eq!(rank(Phase::Working), None);
        assert_eq!(rank(Phase::Streaming), None);
        activity.written(false);
        assert_eq!(rank(Phase::Idle), Some(1));
        assert_eq!(rank(Phase::Working), Some(1));
        assert_eq!(rank(Phase::Streaming), None);
    }

    #[test]
    fn a_deadline_follows_what_the_connection_does() {
        let mut config = HttpConfig::new(([127, 0, 0, 1], 0).into());
        config.header_timeout = Duration::from_secs(1);
        config.idle_timeout = Duration::from_secs(60);
        config.write_timeout = Duration::from_secs(5);
        let start = Instant::now();
        let activity = Activity::new(start);
        let seconds = || activity.deadline(&config).map(|at| (at - start).as_secs_f64().round());
        assert_eq!(seconds(), Some(1.0));
        activity.received();
        assert_eq!((activity.phase(), seconds()), (Phase::Head, Some(1.0)));
        activity.enter(Phase::Working);
        assert_eq!(seconds(), None);
        activity.written(false);
        assert_eq!(seconds(), Some(5.0));
        activity.written(true);
        activity.enter(Phase::Idle);
        assert_eq!(seconds(), Some(60.0));
    }
}
