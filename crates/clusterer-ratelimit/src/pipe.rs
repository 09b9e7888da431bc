//! One pipe: its own count, what other nodes count, and how it decides.

use crate::remote::{Remote, Sender};
use crate::window::Window;
use crate::{Algorithm, Config};
use clusterer_node::{MachineId, Moment};
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
    /// By machine id, one of each.
    remotes: Vec<Arc<Remote>>,
    /// The last call here, or counter above 0 from elsewhere that is in `remotes` no more.
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

/// What is to be taken out of a pipe.
#[derive(Debug)]
pub(crate) struct Swept {
    /// These counters.
    pub(crate) remotes: Vec<Arc<Remote>>,
    /// And the pipe itself.
    pub(crate) expired: bool,
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
            remotes: Vec::new(),
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

    /// Another node counts here from now on. What it counted under another [`Sender`] is replaced: nobody
    /// writes to that any more.
    pub(crate) fn add(&mut self, remote: Arc<Remote>) {
        match self.position(remote.sender()) {
            Ok(at) => {
                if let Some(former) = self.remotes.get_mut(at) {
                    self.used = self.used.max(former.used());
                    *former = remote;
                }
            }
            Err(at) => {
                // Most pipes are sent by few nodes.
                self.remotes.reserve_exact(1);
                self.remotes.insert(at, remote);
            }
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
    }

    /// Whose counters a [`Pipe::sweep`] would take out, by machine id; None if there is nothing for it to do.
    pub(crate) fn to_sweep(&self, now: Moment, config: &Config) -> Option<Vec<Arc<Sender>>> {
        let expired = self.is_expired(now, config);
        let gone = |remote: &&Arc<Remote>| expired || !remote.is_live(now, config);
        let senders: Vec<_> =
            self.remotes.iter().filter(gone).map(|remote| Arc::clone(remote.sender())).collect();
        (expired || !senders.is_empty()).then_some(senders)
    }

    /// Takes out what these senders said, by machine id, and what counts no more; all of it if nobody has
    /// used the pipe for `expire_time` and no other sender has appeared. Nobody writes what they say
    /// meanwhile.
    pub(crate) fn sweep(&mut self, now: Moment, config: &Config, senders: &[Arc<Sender>]) -> Swept {
        let known = |remote: &Arc<Remote>| remote.sender().position(senders).is_some();
        let expired = self.is_expired(now, config) && self.remotes.iter().all(known);
        let gone =
            |remote: &Arc<Remote>| known(remote) && (expired || !remote.is_live(now, config));
        let remotes: Vec<_> = self.remotes.extract_if(.., |remote| gone(remote)).collect();
        self.used = remotes.iter().map(|remote| remote.used()).fold(self.used, Moment::max);
        Swept { remotes, expired }
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
        let remotes = self.remotes.iter().map(|remote| remote.count(now, config));
        PipeStatus {
            name: Arc::clone(name),
            algorithm: self.algorithm,
            limit: self.limit,
            counter: self.last_counter,
            own: self.own_count(now),
            remotes: remotes.collect(),
        }
    }

    /// Nobody has used it for `expire_time`.
    fn is_expired(&self, now: Moment, config: &Config) -> bool {
        let used = self.remotes.iter().map(|remote| remote.used()).fold(self.used, Moment::max);
        now.since(used) >= config.expire
    }

    fn position(&self, sender: &Sender) -> Result<usize, usize> {
        self.remotes.binary_search_by_key(&sender.machine(), |remote| remote.sender().machine())
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
        let live = self.remotes.iter().map(|remote| u64::from(remote.live_counter(now, config)));
        live.fold(self.own_count(now), u64::saturating_add)
    }

    /// How many calls the limit allows in one tick.
    fn budget(&self, config: &Config) -> u64 {
        u64::from(self.limit) * config.timer_interval
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
        let sender = Arc::new(Sender::new(MachineId::new(2).unwrap()));
        let remote = Arc::new(Remote::new(&sender));
        remote.receive(Moment::ZERO, 0, MAX_INT);
        pipe.add(remote);
        assert_eq!(pipe.check(Moment::ZERO, MAX_INT, &config), Decision::Limited);
        pipe.tick(Moment::ZERO, &config);
        assert_eq!(pipe.to_send(Moment::ZERO, &config), Some((MAX_INT, MAX_INT)));
    }

    #[test]
    fn a_pipe_stays_while_somebody_writes_in_it_who_is_not_locked() {
        let config = Config::default();
        let mut pipe = Pipe::new(Algorithm::TailDrop, 1, Moment::ZERO);
        let senders = [2, 3].map(|id| Arc::new(Sender::new(MachineId::new(id).unwrap())));
        let now = Moment::ZERO.after(config.expire);
        pipe.add(Arc::new(Remote::new(&senders[0])));
        let locked = pipe.to_sweep(now, &config).unwrap();
        // Not a use, and so no reason by itself for the pipe to stay.
        let newcomer = Arc::new(Remote::new(&senders[1]));
        newcomer.receive(now, 0, 0);
        pipe.add(newcomer);
        let swept = pipe.sweep(now, &config, &locked);
        assert_eq!((swept.expired, swept.remotes.len(), pipe.remotes.len()), (false, 1, 1));
        let locked = pipe.to_sweep(now, &config).unwrap();
        let swept = pipe.sweep(now, &config, &locked);
        assert_eq!((swept.expired, swept.remotes.len(), pipe.remotes.len()), (true, 1, 0));
    }
}
