//! The table of pipes, shared by all threads.

use crate::pipe::Pipe;
use crate::replicate::Entry;
use crate::{Algorithm, CheckError, Config, Decision, PipeStatus, UnknownPipe};
use clusterer_node::{MachineId, Moment};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::warn;

/// The longest name of a pipe, bytes. With it and the largest threshold a packet still fits.
pub const MAX_NAME: usize = 1024;

/// A power of two. Within a shard, pipes are in order of name, and shards are walked in order: so a
/// simulation repeats exactly.
const SHARDS: usize = 16;

type Shard = BTreeMap<Arc<[u8]>, Pipe>;

#[derive(Debug)]
pub(crate) struct Pipes {
    shards: [Mutex<Shard>; SHARDS],
    /// Pipes in all shards, and those about to be put there.
    count: AtomicUsize,
}

/// What a packet says of one pipe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received<'a> {
    pub(crate) name: &'a [u8],
    /// As on the wire: 0 is the receiver's default.
    pub(crate) algorithm: i32,
    pub(crate) limit: i32,
    pub(crate) counter: i32,
}

/// Why a pipe in a packet was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skip {
    EmptyName,
    LongName,
    Negative,
    TableFull,
    UnknownAlgorithm,
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

    pub(crate) fn receive(
        &self,
        now: Moment,
        machine: MachineId,
        provisioned: bool,
        received: Received<'_>,
        config: &Config,
    ) -> Result<(), Skip> {
        let Received { name, algorithm, limit, counter } = received;
        match name.len() {
            0 => return Err(Skip::EmptyName),
            1..=MAX_NAME => {}
            _ => return Err(Skip::LongName),
        }
        let algorithm = match algorithm {
            0 => config.default_algorithm,
            id => Algorithm::from_id(id).ok_or(Skip::UnknownAlgorithm)?,
        };
        let limit = u32::try_from(limit).map_err(|_| Skip::Negative)?;
        let counter = u32::try_from(counter).map_err(|_| Skip::Negative)?;
        let mut shard = self.shard(name);
        if let Some(pipe) = shard.get_mut(name) {
            pipe.receive(now, machine, counter);
            return Ok(());
        }
        // Whoever may send without being checked must not keep this machine from making its own pipes.
        let most = if provisioned { config.max_pipes } else { config.max_pipes / 2 };
        if !self.reserve(most) {
            return Err(Skip::TableFull);
        }
        let mut pipe = Pipe::new(algorithm, limit, now);
        pipe.receive(now, machine, counter);
        shard.insert(name.into(), pipe);
        Ok(())
    }

    pub(crate) fn forget(&self, machine: MachineId) {
        for mut shard in self.each() {
            shard.values_mut().for_each(|pipe| pipe.forget(machine));
        }
    }

    /// Ends a tick: every pipe's, then unused pipes go.
    pub(crate) fn tick(&self, now: Moment, config: &Config) {
        for mut shard in self.each() {
            let before = shard.len();
            shard.retain(|_, pipe| {
                pipe.tick(now, config);
                !pipe.is_expired(now, config)
            });
            self.count.fetch_sub(before - shard.len(), Ordering::Relaxed);
        }
    }

    /// What is to be sent. No lock is held afterwards.
    pub(crate) fn to_send(&self, now: Moment, config: &Config) -> Vec<Entry> {
        let mut entries = Vec::new();
        for shard in self.each() {
            entries.extend(shard.iter().filter_map(|(name, pipe)| {
                let (limit, counter) = pipe.to_send(now, config)?;
                let (name, algorithm) = (Arc::clone(name), pipe.algorithm());
                Some(Entry { name, algorithm, limit, counter })
            }));
        }
        entries
    }

    pub(crate) fn status(&self, now: Moment, name: &[u8], config: &Config) -> Option<PipeStatus> {
        let shard = self.shard(name);
        shard.get_key_value(name).map(|(name, pipe)| pipe.status(name, now, config))
    }

    /// All pipes, in order of name.
    pub(crate) fn list(&self, now: Moment, config: &Config) -> Vec<PipeStatus> {
        let mut list = Vec::with_capacity(self.len());
        for shard in self.each() {
            list.extend(shard.iter().map(|(name, pipe)| pipe.status(name, now, config)));
        }
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

    /// Each shard, locked while it is held.
    fn each(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.shards.iter().map(lock)
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Skip {
    /// The value of the metric's label.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::EmptyName => "empty_name",
            Self::LongName => "long_name",
            Self::Negative => "negative",
            Self::TableFull => "table_full",
            Self::UnknownAlgorithm => "unknown_algorithm",
        }
    }
}
