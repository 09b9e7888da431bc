//! What one machine has said, where a packet of it finds its pipes.

use crate::name::{Name, Seed};
use crate::remote::Remote;
use crate::shorts::Shorts;
use hashbrown::HashTable;
use std::sync::Arc;

/// The counters of one machine by the names of their pipes, and how much it has sent. Behind its peer's lock.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    shorts: Shorts,
    /// By the pipes' own names.
    longs: HashTable<(Arc<[u8]>, Arc<Remote>)>,
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
    pub(crate) fn find(&self, name: Name<'_>) -> Option<&Remote> {
        match name {
            Name::Short(words) => self.shorts.find(words),
            Name::Long(name) => {
                let found = self.longs.find(self.seed.long(name), |(own, _)| **own == *name);
                found.map(|(_, remote)| &**remote)
            }
        }
    }

    /// In how many pipes the machine counts.
    pub(crate) fn counters(&self) -> usize {
        self.shorts.len() + self.longs.len()
    }

    /// The machine counts in one more pipe, of this name.
    pub(crate) fn insert(&mut self, own: &Arc<[u8]>, remote: Arc<Remote>) {
        match Name::new(own) {
            Name::Short(words) => self.shorts.insert(words, remote),
            Name::Long(name) => {
                let hash = |(own, _): &(Arc<[u8]>, _)| self.seed.long(own);
                let entry = (Arc::clone(own), remote);
                let _ = self.longs.insert_unique(self.seed.long(name), entry, hash);
            }
        }
    }

    /// Its counter of a pipe is nobody's any more.
    pub(crate) fn remove(&mut self, name: &[u8]) {
        match Name::new(name) {
            Name::Short(words) => self.shorts.remove(words),
            Name::Long(name) => {
                let hash = self.seed.long(name);
                if let Ok(found) = self.longs.find_entry(hash, |(own, _)| **own == *name) {
                    found.remove();
                }
                if self.longs.is_empty() {
                    // A machine that has gone keeps no room.
                    self.longs = HashTable::new();
                }
            }
        }
    }
}
