//! The table in which a sender's short names are looked up: for every pipe of every packet.
//!
//! Not hashbrown's, which first looks for a hash's tag among sixteen: with a name's words in the slot, one comparison
//! that nearly always holds is half of that, and what the processor waits for is shorter.

use crate::name::{Seed, Words};
use crate::remote::Remote;
use std::sync::Arc;

/// Slots there are for each name, at least: then most names stand where they are looked for first, and the processor
/// guesses so.
const SPARE: usize = 2;
/// A power of two, as all numbers of slots.
const FEWEST: usize = 8;

/// Odd, and about 2^64 over the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Counters by short names. A name stands in the slot that its hash says or, if that is taken, in the next free one.
#[derive(Debug, Default)]
pub(crate) struct Shorts {
    /// None at first.
    slots: Vec<Slot>,
    taken: usize,
    seed: Seed,
}

/// The name is in it, so that a counter is found before its own memory is there.
#[derive(Debug, Default)]
struct Slot {
    /// Zeros, which are no name, if the slot is free.
    name: Words,
    remote: Option<Arc<Remote>>,
}

impl Shorts {
    #[inline]
    pub(crate) fn find(&self, name: Words) -> Option<&Remote> {
        let mut at = self.first(name);
        loop {
            let slot = self.slots.get(at)?;
            if slot.name == name {
                return slot.remote.as_deref();
            }
            if slot.is_free() {
                return None;
            }
            at = self.next(at);
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.taken
    }

    /// Takes in a name that is not there.
    pub(crate) fn insert(&mut self, name: Words, remote: Arc<Remote>) {
        self.taken += 1;
        if self.slots.len() < SPARE * self.taken {
            self.resize((2 * self.slots.len()).max(FEWEST));
        }
        self.put(Slot { name, remote: Some(remote) });
    }

    pub(crate) fn remove(&mut self, name: Words) {
        let mut at = self.first(name);
        while let Some(slot) = self.slots.get_mut(at).filter(|slot| !slot.is_free()) {
            if slot.name == name {
                *slot = Slot::default();
                self.taken -= 1;
                self.close(at);
                break;
            }
            at = self.next(at);
        }
        // What many names once took is given back.
        if self.slots.len() > FEWEST && self.slots.len() > 4 * SPARE * self.taken {
            self.resize(self.slots.len() / 2);
        }
    }

    fn resize(&mut self, slots: usize) {
        let free = std::iter::repeat_with(Slot::default).take(slots).collect();
        let former = std::mem::replace(&mut self.slots, free);
        former.into_iter().filter(|slot| !slot.is_free()).for_each(|slot| self.put(slot));
    }

    /// After a slot has become free: what stands behind it, up to another free one, may be there only because it was
    /// not.
    fn close(&mut self, mut at: usize) {
        if self.taken == 0 {
            // A machine that has gone keeps no room.
            self.slots = Vec::new();
        }
        loop {
            at = self.next(at);
            match self.slots.get_mut(at).map(std::mem::take) {
                Some(slot) if !slot.is_free() => self.put(slot),
                _ => return,
            }
        }
    }

    /// There always is a free slot.
    fn put(&mut self, slot: Slot) {
        let mut at = self.first(slot.name);
        while self.slots.get(at).is_some_and(|slot| !slot.is_free()) {
            at = self.next(at);
        }
        if let Some(free) = self.slots.get_mut(at) {
            *free = slot;
        }
    }

    #[inline]
    fn first(&self, name: Words) -> usize {
        // Names in sequence leave something of their order in the low bits of such a quick hash: for some seeds they
        // stood in long rows. Of this product the upper half depends on all bits; there are fewer slots than it
        // has values.
        let spread = self.seed.short(name).wrapping_mul(SPREAD) >> 32;
        self.around(usize::try_from(spread).unwrap_or(0))
    }

    #[inline]
    fn next(&self, at: usize) -> usize {
        self.around(at + 1)
    }

    #[inline]
    fn around(&self, at: usize) -> usize {
        at & self.slots.len().wrapping_sub(1)
    }
}

impl Slot {
    #[inline]
    const fn is_free(&self) -> bool {
        self.remote.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;
    use crate::remote::Sender;
    use clusterer_node::MachineId;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::collections::btree_map::Entry;

    fn words(name: u16) -> Words {
        let Name::Short(words) = Name::new(&name.to_le_bytes()) else { panic!("it is short") };
        words
    }

    proptest! {
        // The seed is another one each time, and so is what collides.
        #[test]
        fn it_equals_a_map(steps in prop::collection::vec((0_u16..40, any::<bool>()), 1..200)) {
            let sender = Arc::new(Sender::new(MachineId::new(1).unwrap()));
            let (mut shorts, mut map) = (Shorts::default(), BTreeMap::new());
            for (name, inserts) in steps {
                if !inserts {
                    shorts.remove(words(name));
                    map.remove(&name);
                } else if let Entry::Vacant(vacant) = map.entry(name) {
                    let remote = vacant.insert(Arc::new(Remote::new(&sender)));
                    shorts.insert(words(name), Arc::clone(remote));
                }
                prop_assert_eq!(shorts.len(), map.len());
                for name in 0..40 {
                    let found = shorts.find(words(name)).map(std::ptr::from_ref);
                    prop_assert_eq!(found, map.get(&name).map(Arc::as_ptr));
                }
            }
        }
    }

    /// Of some seeds in a hundred, a name of these stood ten slots behind its place, in the mean.
    #[test]
    fn names_in_sequence_stand_near_their_places_whatever_the_seed() {
        const NAMES: u32 = 1_000;
        let remote = Arc::new(Remote::new(&Arc::new(Sender::new(MachineId::new(1).unwrap()))));
        for table in 0..300 {
            let mut shorts = Shorts::default();
            for number in 0..NAMES {
                let name = match table % 3 {
                    0 => format!("gw{number:06}"),
                    1 => format!("{number}"),
                    _ => format!("customer{number:06}"),
                };
                let Name::Short(name) = Name::new(name.as_bytes()) else { panic!("it is short") };
                shorts.insert(name, Arc::clone(&remote));
            }
            let places = shorts.slots.iter().enumerate().filter(|(_, slot)| !slot.is_free());
            let far: usize = places
                .map(|(at, slot)| shorts.around(at.wrapping_sub(shorts.first(slot.name))))
                .sum();
            let mean = far as f64 / f64::from(NAMES);
            // Half of the slots are taken: half a slot is what chance would have.
            assert!(mean < 1.0, "{mean} slots in table {table}");
        }
    }

    #[test]
    fn there_are_spare_slots_and_none_once_it_is_empty() {
        let remote = Arc::new(Remote::new(&Arc::new(Sender::new(MachineId::new(1).unwrap()))));
        let mut shorts = Shorts::default();
        for name in 0..1000 {
            shorts.insert(words(name), Arc::clone(&remote));
            assert!(shorts.slots.len() >= SPARE * shorts.len(), "{name}");
            assert!(shorts.slots.len() <= (2 * SPARE * shorts.len()).max(FEWEST), "{name}");
        }
        for name in 0..1000 {
            shorts.remove(words(name));
            assert!(shorts.slots.len() <= (4 * SPARE * shorts.len()).max(FEWEST), "{name}");
        }
        assert_eq!((shorts.len(), shorts.slots.capacity()), (0, 0));
        shorts.remove(words(1));
        assert_eq!(Arc::strong_count(&remote), 1);
    }
}
