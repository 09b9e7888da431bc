//! Deadlines in order: a look costs nothing for what is not due, and a cancelled timer is gone.

use crate::Moment;
use alloc::collections::{BTreeMap, BTreeSet};

/// At most one deadline per key, in order of time.
///
/// Setting a key again moves its deadline and clearing it removes it, so a stale timer cannot fire:
/// there is none. All operations are O(log n).
///
/// ```
/// use clusterer_node::{Moment, Timers};
///
/// let mut timers = Timers::new();
/// timers.set("ping", Moment::from_millis(20));
/// timers.set("ping", Moment::from_millis(10));
/// assert_eq!(timers.pop_due(Moment::from_millis(9)), None);
/// assert_eq!(timers.pop_due(Moment::from_millis(10)), Some("ping"));
/// assert_eq!(timers.next(), None);
/// ```
#[derive(Clone, Debug)]
pub struct Timers<K> {
    by_time: BTreeSet<(Moment, K)>,
    by_key: BTreeMap<K, Moment>,
}

impl<K: Copy + Ord> Timers<K> {
    /// No deadlines.
    #[must_use]
    pub const fn new() -> Self {
        Self { by_time: BTreeSet::new(), by_key: BTreeMap::new() }
    }

    /// The deadline of `key` is `at`, whatever it was before.
    pub fn set(&mut self, key: K, at: Moment) {
        self.clear(key);
        self.by_key.insert(key, at);
        self.by_time.insert((at, key));
    }

    /// `key` has no deadline.
    pub fn clear(&mut self, key: K) {
        if let Some(at) = self.by_key.remove(&key) {
            self.by_time.remove(&(at, key));
        }
    }

    /// The deadline of `key`.
    #[must_use]
    pub fn get(&self, key: K) -> Option<Moment> {
        self.by_key.get(&key).copied()
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next(&self) -> Option<Moment> {
        self.by_time.first().map(|&(at, _)| at)
    }

    /// Takes the earliest deadline that has come, with its key.
    pub fn pop_due(&mut self, now: Moment) -> Option<K> {
        let &(at, key) = self.by_time.first()?;
        if at > now {
            return None;
        }
        self.clear(key);
        Some(key)
    }
}

impl<K: Copy + Ord> Default for Timers<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn fires_at_the_millisecond_and_in_order() {
        let mut timers = Timers::new();
        for (key, at) in [('b', 5), ('a', 5), ('c', 3), ('d', 9)] {
            timers.set(key, Moment::from_millis(at));
        }
        timers.clear('d');
        assert_eq!(timers.pop_due(Moment::from_millis(2)), None);
        let due: Vec<_> = core::iter::from_fn(|| timers.pop_due(Moment::from_millis(5))).collect();
        assert_eq!(due, ['c', 'a', 'b']);
        assert_eq!(timers.next(), None);
        assert_eq!(timers.get('d'), None);
    }
}
