//! One pipe: its own count, what other nodes count, and how it decides.

use crate::window::Window;
use crate::{Algorithm, Config};
use clusterer_node::{MachineId, Moment};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may pass.
    Allowed,
    /// It exceeds the limit.
    Limited,
}

impl Decision {
    /// The call may pass.
    #[must_use]
    pub const fn is_allowed(self) -> bool {
        matches!(self, Self::Allowed)
    }
}

/// A pipe, as it stood when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PipeStatus {
    /// Its name: any bytes.
    pub name: Arc<[u8]>,
    /// How it decides.
    pub algorithm: Algorithm,
    /// Calls per second; SBT: per window.
    pub limit: u32,
    /// The calls of the whole cluster at the last tick: what `rl_list` prints.
    pub counter: u64,
    /// The calls here since the last tick; SBT: in the window.
    pub own: u64,
    /// What each other node counted, by machine id, as it said last.
    pub remotes: Vec<RemoteCount>,
}

/// What another node counted in a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteCount {
    /// The node.
    pub machine: MachineId,
    /// Its count: 0 once it is older than `repl_timer_expire`, and after a timeout of the node.
    pub counter: u32,
    /// When it said so.
    pub received: Moment,
}

#[derive(Debug)]
pub(crate) struct Pipe {
    algorithm: Algorithm,
    limit: u32,
    own: Own,
    /// Own calls of the last whole tick.
    my_last: u64,
    /// Calls of the cluster at the last tick.
    last_counter: u64,
    /// RED: how many times the limit the last tick's own calls were.
    load: u64,
    remotes: BTreeMap<MachineId, Remote>,
    /// The last call here, or counter above 0 from elsewhere.
    used: Moment,
    used_here: Option<Moment>,
    /// Calls have asked for another algorithm.
    conflict: bool,
}

#[derive(Debug)]
enum Own {
    /// Calls since the last tick.
    Count(u64),
    /// SBT. Made at the first call: pipes that only others use cost no slots.
    Window(Option<Window>),
}

#[derive(Clone, Copy, Debug)]
struct Remote {
    counter: u32,
    received: Moment,
}

impl Pipe {
    pub(crate) fn new(algorithm: Algorithm, limit: u32, now: Moment) -> Self {
        let own = match algorithm {
            Algorithm::Sbt => Own::Window(None),
            _ => Own::Count(0),
        };
        Self {
            algorithm,
            limit,
            own,
            my_last: 0,
            last_counter: 0,
            load: 0,
            remotes: BTreeMap::new(),
            used: now,
            used_here: None,
            conflict: false,
        }
    }

    pub(crate) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// A call asks for another algorithm than the pipe has: true for the first such call only.
    pub(crate) fn is_new_conflict(&mut self, asked: Algorithm) -> bool {
        asked != self.algorithm && !std::mem::replace(&mut self.conflict, true)
    }

    /// Counts a call and decides it. An algorithm that needs the machine's load allows what it is
    /// asked: the table refuses such pipes before.
    pub(crate) fn check(&mut self, now: Moment, limit: u32, config: &Config) -> Decision {
        self.limit = limit;
        self.used = now;
        self.used_here = Some(now);
        self.count(now, config);
        let all = self.total(now, config);
        let allowed = match self.algorithm {
            Algorithm::TailDrop => all <= self.budget(config),
            Algorithm::Red => self.load == 0 || all.is_multiple_of(self.load),
            Algorithm::Sbt => all <= u64::from(self.limit),
            Algorithm::Feedback | Algorithm::Network => true,
        };
        if allowed { Decision::Allowed } else { Decision::Limited }
    }

    /// Takes one call back.
    pub(crate) fn dec(&mut self) {
        match &mut self.own {
            Own::Count(count) => *count = count.saturating_sub(1),
            Own::Window(window) => {
                if let Some(window) = window {
                    window.uncount();
                }
            }
        }
    }

    /// Forgets the calls here since the last tick; SBT: in the window.
    pub(crate) fn reset(&mut self) {
        match &mut self.own {
            Own::Count(count) => *count = 0,
            Own::Window(window) => {
                if let Some(window) = window {
                    window.clear();
                }
            }
        }
    }

    /// Another node has said what it counts.
    pub(crate) fn receive(&mut self, now: Moment, machine: MachineId, counter: u32) {
        if counter > 0 {
            self.used = now;
        }
        self.remotes.insert(machine, Remote { counter, received: now });
    }

    /// What another node counted is invalid.
    pub(crate) fn forget(&mut self, machine: MachineId) {
        if let Some(remote) = self.remotes.get_mut(&machine) {
            remote.counter = 0;
        }
    }

    /// Ends a tick.
    pub(crate) fn tick(&mut self, now: Moment, config: &Config) {
        let own = self.own_count(now);
        let budget = self.budget(config);
        if self.algorithm == Algorithm::Red && budget > 0 {
            self.load = own / budget;
        }
        self.last_counter = self.total(now, config);
        self.my_last = own;
        if let Own::Count(count) = &mut self.own {
            *count = 0;
        }
        self.remotes.retain(|_, remote| remote.is_live(now, config));
    }

    /// Nobody has used it for `expire_time`.
    pub(crate) fn is_expired(&self, now: Moment, config: &Config) -> bool {
        now.since(self.used) >= config.expire
    }

    /// The limit and count to send, of a pipe that has been used here within `expire_time`: else
    /// nodes would keep each other's pipes alive for ever.
    pub(crate) fn to_send(&self, now: Moment, config: &Config) -> Option<(u32, u32)> {
        self.used_here.filter(|&used| now.since(used) < config.expire)?;
        // 2.2 sends an SBT pipe's own sum plus all remotes, so that two nodes amplify each other.
        let counter = match &self.own {
            Own::Count(_) => self.my_last,
            Own::Window(_) => self.own_count(now),
        };
        Some((self.limit, u32::try_from(counter).unwrap_or(u32::MAX).min(MAX_INT)))
    }

    pub(crate) fn status(&self, name: &Arc<[u8]>, now: Moment, config: &Config) -> PipeStatus {
        let remotes = self.remotes.iter().map(|(&machine, remote)| RemoteCount {
            machine,
            counter: remote.live_counter(now, config),
            received: remote.received,
        });
        PipeStatus {
            name: Arc::clone(name),
            algorithm: self.algorithm,
            limit: self.limit,
            counter: self.last_counter,
            own: self.own_count(now),
            remotes: remotes.collect(),
        }
    }

    fn count(&mut self, now: Moment, config: &Config) {
        match &mut self.own {
            Own::Count(count) => *count = count.saturating_add(1),
            Own::Window(window) => window
                .get_or_insert_with(|| Window::new(config.slot_period, config.slots))
                .count(now),
        }
    }

    fn own_count(&self, now: Moment) -> u64 {
        match &self.own {
            Own::Count(count) => *count,
            Own::Window(window) => window.as_ref().map_or(0, |window| window.sum(now)),
        }
    }

    /// Own calls and those of all nodes that have said theirs lately.
    fn total(&self, now: Moment, config: &Config) -> u64 {
        let live = self.remotes.values().map(|remote| u64::from(remote.live_counter(now, config)));
        live.fold(self.own_count(now), u64::saturating_add)
    }

    /// How many calls the limit allows in one tick.
    fn budget(&self, config: &Config) -> u64 {
        u64::from(self.limit) * config.timer_interval
    }
}

impl Remote {
    fn live_counter(&self, now: Moment, config: &Config) -> u32 {
        if self.is_live(now, config) { self.counter } else { 0 }
    }

    fn is_live(&self, now: Moment, config: &Config) -> bool {
        now.since(self.received) <= config.repl_expire
    }
}

/// The largest integer on the wire.
const MAX_INT: u32 = i32::MAX.unsigned_abs();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_is_reported_once() {
        let mut pipe = Pipe::new(Algorithm::Red, 1, Moment::ZERO);
        assert!(!pipe.is_new_conflict(Algorithm::Red));
        assert!(pipe.is_new_conflict(Algorithm::Sbt));
        assert!(!pipe.is_new_conflict(Algorithm::TailDrop));
    }

    #[test]
    fn what_exceeds_the_wire_is_sent_as_its_largest_integer() {
        let mut pipe = Pipe::new(Algorithm::TailDrop, 1, Moment::ZERO);
        let config = Config::default();
        pipe.check(Moment::ZERO, i32::MAX.unsigned_abs(), &config);
        pipe.own = Own::Count(u64::MAX);
        pipe.receive(Moment::ZERO, MachineId::new(2).unwrap(), MAX_INT);
        assert_eq!(pipe.check(Moment::ZERO, MAX_INT, &config), Decision::Limited);
        pipe.tick(Moment::ZERO, &config);
        assert_eq!(pipe.to_send(Moment::ZERO, &config), Some((MAX_INT, MAX_INT)));
    }
}
