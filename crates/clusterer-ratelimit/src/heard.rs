//! What one machine has said, where a packet of it finds its pipes.

use crate::name::{Key, Name, Seed};
use crate::remote::Remote;
use hashbrown::HashTable;
use std::sync::Arc;

/// The counters of one machine by the names of their pipes, and how much it has sent. Behind its peer's lock.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The names stand here, so that a counter is found before its own memory is there.
    remotes: HashTable<(Key, Arc<Remote>)>,
    seed: Seed,
    /// Packets taken, heartbeats included.
    pub(crate) packets: u64,
    /// Pipes taken from them.
    pub(crate) pipes: u64,
    /// Pipes skipped.
    pub(crate) skipped: u64,
}

impl Heard {
    /// The counter of a pipe that the machine has counted in before.
    #[inline]
    pub(crate) fn find(&self, name: &Name<'_>) -> Option<&Remote> {
        let found = self.remotes.find(self.seed.hash(name), |(key, _)| name.is(key));
        found.map(|(_, remote)| &**remote)
    }

    /// In how many pipes the machine counts.
    pub(crate) fn counters(&self) -> usize {
        self.remotes.len()
    }

    /// The machine counts in one more pipe.
    pub(crate) fn insert(&mut self, key: Key, remote: Arc<Remote>) {
        let hash = self.seed.hash_key(&key);
        let _ = self.remotes.insert_unique(hash, (key, remote), |(key, _)| self.seed.hash_key(key));
    }

    /// Its counter of a pipe is nobody's any more.
    pub(crate) fn remove(&mut self, name: &Name<'_>) {
        if let Ok(found) = self.remotes.find_entry(self.seed.hash(name), |(key, _)| name.is(key)) {
            found.remove();
        }
        if self.remotes.is_empty() {
            // A machine that has gone keeps no room.
            self.remotes = HashTable::new();
        }
    }
}
