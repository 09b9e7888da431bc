//! The table of pipes, shared by all threads.

use crate::heard::Heard;
use crate::peers::{Peer, Peers};
use crate::pipe::Pipe;
use crate::remote::{Remote, Sender};
use crate::replicate::Entry;
use crate::report::{Report, Skip};
use crate::{Algorithm, CheckError, Config, Decision, PipeStatus, UnknownPipe};
use clusterer_node::Moment;
use clusterer_registry::PacketContext;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::warn;

/// The longest name of a pipe, bytes. With it and the largest threshold a packet still fits.
pub const MAX_NAME: usize = 1024;

/// A power of two. Within a shard, pipes are in order of name, and shards are walked in order: so a
/// simulation repeats exactly.
const SHARDS: usize = 16;

/// A sender outside the table may count in one of so many of the pipes there may be.
const STRANGERS_SHARE: usize = 16;

/// How many pipes are visited under one lock. Whoever counts a call or receives a new pipe waits no longer.
const SLICE: usize = 512;

type Shard = BTreeMap<Arc<[u8]>, Pipe>;

#[derive(Debug)]
pub(crate) struct Pipes {
    shards: [Mutex<Shard>; SHARDS],
    /// Pipes in all shards, and those about to be put there.
    count: AtomicUsize,
}

impl Pipes {
    pub(crate) fn new() -> Self {
        Self { shards: Default::default(), count: AtomicUsize::new(0) }
    }

    pub(crate) fn check(
        &self,
        now: Moment,
        name: &[u8],
        limit: i32,
        asked: Option<Algorithm>,
        config: &Config,
    ) -> Result<Decision, CheckError> {
        let limit = u32::try_from(limit).map_err(|_| CheckError::NegativeLimit(limit))?;
        if name.is_empty() {
            return Err(CheckError::EmptyName);
        }
        if name.len() > MAX_NAME {
            return Err(CheckError::LongName { length: name.len() });
        }
        let mut shard = self.shard(name);
        if let Some(pipe) = shard.get_mut(name) {
            let kept = pipe.algorithm();
            decidable(kept)?;
            let conflict = asked.filter(|&asked| pipe.is_new_conflict(asked));
            let decision = pipe.check(now, limit, config);
            // Whoever takes log lines must not hold up other calls.
            drop(shard);
            if let Some(asked) = conflict {
                let name = name.escape_ascii();
                warn!(pipe = %name, %asked, %kept, "a pipe keeps the algorithm it was made with");
            }
            return Ok(decision);
        }
        let algorithm = asked.unwrap_or(config.default_algorithm);
        decidable(algorithm)?;
        let most = config.max_pipes;
        if !self.reserve(most) {
            return Err(CheckError::TooManyPipes { limit: most });
        }
        let mut pipe = Pipe::new(algorithm, limit, now);
        let decision = pipe.check(now, limit, config);
        shard.insert(name.into(), pipe);
        Ok(decision)
    }

    pub(crate) fn dec(&self, name: &[u8]) -> Result<(), UnknownPipe> {
        self.shard(name).get_mut(name).map(Pipe::dec).ok_or(UnknownPipe)
    }

    pub(crate) fn reset(&self, name: &[u8]) -> Result<(), UnknownPipe> {
        self.shard(name).get_mut(name).map(Pipe::reset).ok_or(UnknownPipe)
    }

    /// A pipe in a packet that its sender has not counted in before, or not lately.
    #[cold]
    pub(crate) fn meet(
        &self,
        context: &PacketContext,
        report: Report<'_>,
        peer: &Peer,
        heard: &mut Heard,
        config: &Config,
    ) -> Result<(), Skip> {
        let Report { name, algorithm, limit, counter } = report;
        // All strangers together would fill the memory otherwise: each with a counter in each pipe.
        if !context.provisioned && heard.counters() >= config.max_pipes.div_ceil(STRANGERS_SHARE) {
            return Err(Skip::TableFull);
        }
        let mut shard = self.shard(name);
        if !shard.contains_key(name) {
            // Whoever may send without being checked must not keep this machine from making its own pipes.
            let most = if context.provisioned { config.max_pipes } else { config.max_pipes / 2 };
            if !self.reserve(most) {
                return Err(Skip::TableFull);
            }
            shard.insert(name.into(), Pipe::new(algorithm, limit, context.now));
        }
        // The table's own name, since a long one is shared.
        if let Some((name, pipe)) = from(&mut shard, Bound::Included(name)).next() {
            let remote = Arc::new(Remote::new(peer.sender()));
            remote.receive(context.now, peer.sender().era(), counter);
            pipe.add(Arc::clone(&remote));
            heard.insert(name, remote);
        }
        Ok(())
    }

    /// Ends a tick: every pipe's, then what counts no more goes, and unused pipes.
    pub(crate) fn tick(&self, now: Moment, config: &Config, peers: &Peers) {
        let mut sweeps = Vec::new();
        self.walk(
            &mut sweeps,
            |sweeps, name, pipe| {
                pipe.tick(now, config);
                sweeps
                    .extend(pipe.to_sweep(now, config).map(|senders| (Arc::clone(name), senders)));
            },
            |sweeps| {
                for (name, senders) in sweeps.drain(..) {
                    self.sweep(now, &name, &senders, config, peers);
                }
            },
        );
    }

    /// Takes what counts no more out of a pipe and of the tables of those who said it, and the pipe itself
    /// if it is not used. A packet that says otherwise comes before, and is seen, or after, and finds
    /// nothing of it any more: its sender is locked meanwhile.
    fn sweep(
        &self,
        now: Moment,
        name: &[u8],
        senders: &[Arc<Sender>],
        config: &Config,
        peers: &Peers,
    ) {
        let peers = peers.of(senders);
        let mut heard: Vec<_> = peers.iter().map(|peer| peer.as_deref().map(Peer::lock)).collect();
        let mut shard = self.shard(name);
        let Some(pipe) = shard.get_mut(name) else { return };
        let swept = pipe.sweep(now, config, senders);
        if swept.expired {
            shard.remove(name);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        drop(shard);
        for remote in swept.remotes {
            let at = remote.sender().position(senders);
            if let Some(Some(heard)) = at.and_then(|at| heard.get_mut(at)) {
                heard.remove(name);
            }
        }
    }

    /// What is to be sent. No lock is held afterwards.
    pub(crate) fn to_send(&self, now: Moment, config: &Config) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.each(|name, pipe| {
            if let Some((limit, counter)) = pipe.to_send(now, config) {
                let (name, algorithm) = (Arc::clone(name), pipe.algorithm());
                entries.push(Entry { name, algorithm, limit, counter });
            }
        });
        entries
    }

    pub(crate) fn status(&self, now: Moment, name: &[u8], config: &Config) -> Option<PipeStatus> {
        let shard = self.shard(name);
        shard.get_key_value(name).map(|(name, pipe)| pipe.status(name, now, config))
    }

    /// All pipes, in order of name.
    pub(crate) fn list(&self, now: Moment, config: &Config) -> Vec<PipeStatus> {
        let mut list = Vec::with_capacity(self.len());
        self.each(|name, pipe| list.push(pipe.status(name, now, config)));
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Makes room for one more pipe, unless there are `most`.
    fn reserve(&self, most: usize) -> bool {
        self.count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                (count < most).then_some(count + 1)
            })
            .is_ok()
    }

    #[expect(clippy::indexing_slicing, reason = "taken modulo the number of shards")]
    fn shard(&self, name: &[u8]) -> MutexGuard<'_, Shard> {
        lock(&self.shards[shard_of(name) % SHARDS])
    }

    /// Visits every pipe, some under one lock.
    fn each(&self, mut visit: impl FnMut(&Arc<[u8]>, &mut Pipe)) {
        self.walk(&mut (), |(), name, pipe| visit(name, pipe), |()| {});
    }

    /// Visits every pipe. After some have been visited under one lock, `between` is called under none. A pipe that is
    /// made meanwhile may be left out, as if it had been made afterwards.
    fn walk<T>(
        &self,
        state: &mut T,
        mut visit: impl FnMut(&mut T, &Arc<[u8]>, &mut Pipe),
        mut between: impl FnMut(&mut T),
    ) {
        for shard in &self.shards {
            let mut last: Option<Arc<[u8]>> = None;
            loop {
                let mut shard = lock(shard);
                let behind = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
                let mut visited = 0;
                let mut reached = None;
                for (name, pipe) in from(&mut shard, behind).take(SLICE) {
                    visit(state, name, pipe);
                    visited += 1;
                    reached = Some(name);
                }
                last = reached.map(Arc::clone);
                drop(shard);
                between(state);
                if visited < SLICE {
                    break;
                }
            }
        }
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The pipes from a name on.
fn from<'a>(
    shard: &'a mut Shard,
    name: Bound<&[u8]>,
) -> impl Iterator<Item = (&'a Arc<[u8]>, &'a mut Pipe)> + use<'a> {
    shard.range_mut::<[u8], _>((name, Bound::Unbounded))
}

const fn decidable(algorithm: Algorithm) -> Result<(), CheckError> {
    if algorithm.decides_locally() { Ok(()) } else { Err(CheckError::NotDecidable(algorithm)) }
}

/// FNV-1a, folded.
fn shard_of(name: &[u8]) -> usize {
    let hash = name
        .iter()
        .fold(0x811c_9dc5_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    usize::from((hash ^ (hash >> 16)).to_le_bytes()[0])
}
