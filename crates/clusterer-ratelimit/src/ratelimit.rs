//! What a program holds: the pipes, and when they are due.

use crate::metric;
use crate::peers::Peers;
use crate::pipes::Pipes;
use crate::replicate;
use crate::{Algorithm, Batch, CheckError, Config, Decision, PeerStatus, PipeStatus, UnknownPipe};
use clusterer_node::Moment;
use core::time::Duration;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The ratelimit module: a handle that all clones share.
///
/// Every method takes `&self`, may be called from any thread, and holds a lock for no longer than it takes to
/// visit some hundred pipes. It reads no clock: `now` is handed in, always of one clock, and
/// the owner calls [`RateLimit::run_due`] whenever [`RateLimit::deadline`] has come.
#[derive(Clone, Debug)]
pub struct RateLimit {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) pipes: Pipes,
    pub(crate) peers: Peers,
    due: Mutex<Due>,
    /// Since the last tick: a metric a call would cost more than the call.
    allowed: AtomicU64,
    limited: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Due {
    tick: Moment,
    /// None if pipes are sent nowhere.
    replication: Option<Moment>,
}

impl RateLimit {
    /// No pipes yet. The first tick and the first replication are one interval after `now`.
    #[must_use]
    pub fn new(config: Config, now: Moment) -> Self {
        let due = Due {
            tick: now.after(config.timer_interval()),
            replication: config.replicate_to().map(|_| now.after(config.repl_timer_interval())),
        };
        Self {
            shared: Arc::new(Shared {
                config,
                pipes: Pipes::new(),
                peers: Peers::default(),
                due: Mutex::new(due),
                allowed: AtomicU64::new(0),
                limited: AtomicU64::new(0),
            }),
        }
    }

    /// Counts one call into a pipe and decides it (`rl_check`). An unknown pipe is made, with the
    /// default algorithm if none is named. A known one takes the new limit and keeps its algorithm.
    ///
    /// `limit` is in calls per second; SBT: per window.
    ///
    /// # Errors
    /// The call cannot be decided: nothing was counted.
    pub fn check(
        &self,
        now: Moment,
        pipe: &[u8],
        limit: i32,
        algorithm: Option<Algorithm>,
    ) -> Result<Decision, CheckError> {
        let Shared { config, pipes, allowed, limited, .. } = self.shared();
        let decision = pipes.check(now, pipe, limit, algorithm, config)?;
        let decided = if decision.is_allowed() { allowed } else { limited };
        decided.fetch_add(1, Ordering::Relaxed);
        Ok(decision)
    }

    /// Takes one call back (`rl_dec_count`): at least 0 are left. SBT: from the slot that was begun last.
    ///
    /// # Errors
    /// There is no such pipe.
    pub fn dec(&self, pipe: &[u8]) -> Result<(), UnknownPipe> {
        self.shared.pipes.dec(pipe)
    }

    /// Forgets the calls counted here since the last tick, or in the SBT window (`rl_reset_count`). What
    /// other nodes counted stays, so does the counter that [`RateLimit::list`] shows.
    ///
    /// # Errors
    /// There is no such pipe.
    pub fn reset(&self, pipe: &[u8]) -> Result<(), UnknownPipe> {
        self.shared.pipes.reset(pipe)
    }

    /// All pipes, in order of name.
    #[must_use]
    pub fn list(&self, now: Moment) -> Vec<PipeStatus> {
        self.shared.pipes.list(now, &self.shared.config)
    }

    /// One pipe.
    #[must_use]
    pub fn pipe(&self, now: Moment, name: &[u8]) -> Option<PipeStatus> {
        self.shared.pipes.status(now, name, &self.shared.config)
    }

    /// What each machine has sent, by machine id.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerStatus> {
        self.shared.peers.list()
    }

    /// The parameters.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// When [`RateLimit::run_due`] is next to be called.
    #[must_use]
    pub fn deadline(&self) -> Moment {
        let Due { tick, replication } = *self.due();
        replication.map_or(tick, |replication| replication.min(tick))
    }

    /// Does what is due: a tick, then a replication, so that what the tick counted goes out at once.
    /// Intervals that were slept through are skipped, not made up for: the next deadline is after `now`
    /// and in step with the former ones.
    ///
    /// `sink` gets each packet to send to the nodes of [`Config::replicate_to`]; no lock is held.
    pub fn run_due(&self, now: Moment, sink: &mut dyn FnMut(&Batch<'_>)) {
        let config = &self.shared.config;
        let (tick, replicate) = {
            let mut due = self.due();
            let tick = advance(&mut due.tick, config.timer_interval(), now);
            let replication = due.replication.as_mut();
            (tick, replication.is_some_and(|at| advance(at, config.repl_timer_interval(), now)))
        };
        if tick {
            self.tick(now);
        }
        if replicate {
            self.replicate(now, sink);
        }
    }

    /// Ends a tick now. [`RateLimit::run_due`] does that; a driver of its own kind may.
    pub fn tick(&self, now: Moment) {
        let Shared { config, pipes, peers, allowed, limited, .. } = self.shared();
        pipes.tick(now, config, peers);
        let decided = |calls: &AtomicU64| calls.swap(0, Ordering::Relaxed);
        metric::called(decided(allowed), decided(limited));
        metric::pipes(pipes.len());
    }

    /// Hands over the packets that tell other nodes what is counted here: at least one, a heartbeat if
    /// no pipe is used here. [`RateLimit::run_due`] does that; a driver of its own kind may.
    pub fn replicate(&self, now: Moment, sink: &mut dyn FnMut(&Batch<'_>)) {
        let Shared { config, pipes, .. } = self.shared();
        replicate::send(&pipes.to_send(now, config), config, sink);
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn due(&self) -> MutexGuard<'_, Due> {
        self.shared.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// If `at` has come, moves it behind `now` by whole intervals.
fn advance(at: &mut Moment, interval: Duration, now: Moment) -> bool {
    if now < *at {
        return false;
    }
    let interval = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
    let late = now.as_millis() - at.as_millis();
    *at = Moment::from_millis(now.as_millis().saturating_add(interval - late % interval));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_keeps_step_and_skips_what_was_slept_through() {
        for (now, runs, next) in
            [(999, false, 1000), (1000, true, 2000), (1999, true, 2000), (5500, true, 6000)]
        {
            let mut at = Moment::from_millis(1000);
            let ran = advance(&mut at, Duration::from_secs(1), Moment::from_millis(now));
            assert_eq!((ran, at.as_millis()), (runs, next), "{now}");
        }
    }

    #[test]
    fn without_a_cluster_to_send_to_only_ticks_are_due() {
        let limit = RateLimit::new(Config::default(), Moment::from_millis(5));
        assert_eq!(limit.deadline(), Moment::from_millis(10_005));
        limit.run_due(Moment::from_millis(10_005), &mut |_| panic!("sent"));
        assert_eq!(limit.deadline(), Moment::from_millis(20_005));
    }
}
