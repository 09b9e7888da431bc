//! Deadlines of things that stand in slots: many, and most of them set.

use crate::Moment;
use alloc::vec::Vec;

/// At most one deadline per slot, in order of time; at the same moment, in order of slots.
///
/// What [`Timers`](crate::Timers) does, for keys that are small numbers given out again and again: 16
/// bytes a deadline, 4 for a slot without one (the room for four times as many deadlines is given back). Setting and clearing is O(log n), a look O(1).
///
/// ```
/// use clusterer_node::{Moment, SlotTimers};
///
/// let mut timers = SlotTimers::new();
/// timers.set(7, Moment::from_millis(20));
/// timers.set(7, Moment::from_millis(10));
/// assert_eq!(timers.pop_due(Moment::from_millis(9)), None);
/// assert_eq!(timers.pop_due(Moment::from_millis(10)), Some(7));
/// assert_eq!(timers.next(), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct SlotTimers {
    /// A binary heap: no entry comes before its [`parent`].
    heap: Vec<Entry>,
    /// Where each slot's entry is in the heap, or [`NOWHERE`].
    places: Vec<u32>,
}

/// Packed, since there is one for each of a hundred thousand links: 12 bytes, and not 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(Rust, packed(4))]
struct Entry {
    at: Moment,
    slot: u32,
}

const NOWHERE: u32 = u32::MAX;
/// Room for so many deadlines is not worth giving back.
const LEAST: usize = 64;

impl SlotTimers {
    /// No deadlines.
    #[must_use]
    pub const fn new() -> Self {
        Self { heap: Vec::new(), places: Vec::new() }
    }

    /// Makes room for the deadlines of this many slots, and for no more.
    pub fn reserve(&mut self, slots: usize) {
        self.heap.reserve_exact(slots.saturating_sub(self.heap.len()));
        self.places.reserve_exact(slots.saturating_sub(self.places.len()));
    }

    /// The deadline of `slot` is `at`, whatever it was before.
    pub fn set(&mut self, slot: u32, at: Moment) {
        let entry = Entry { at, slot };
        match self.place(slot) {
            Some(place) => self.settle(place, entry),
            None => {
                let slots = index(slot).saturating_add(1);
                if self.places.len() < slots {
                    self.places.resize(slots, NOWHERE);
                }
                self.heap.push(entry);
                self.rise(self.heap.len() - 1, entry);
            }
        }
    }

    /// `slot` has no deadline.
    pub fn clear(&mut self, slot: u32) {
        let Some(place) = self.place(slot) else { return };
        if let Some(known) = self.places.get_mut(index(slot)) {
            *known = NOWHERE;
        }
        // The last one fills the gap, unless it was the one.
        if let Some(last) = self.heap.pop().filter(|last| last.slot != slot) {
            self.settle(place, last);
        }
        self.fit();
    }

    /// Gives room back that was needed when there were more deadlines.
    fn fit(&mut self) {
        let needed = self.heap.len().saturating_mul(2);
        if self.heap.capacity() > needed.saturating_mul(2).max(LEAST) {
            self.heap.shrink_to(needed);
        }
    }

    /// The deadline of `slot`.
    #[must_use]
    pub fn get(&self, slot: u32) -> Option<Moment> {
        self.heap.get(self.place(slot)?).map(|entry| entry.at)
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next(&self) -> Option<Moment> {
        self.heap.first().map(|entry| entry.at)
    }

    /// Takes the earliest deadline that has come, with its slot.
    pub fn pop_due(&mut self, now: Moment) -> Option<u32> {
        let &Entry { at, slot } = self.heap.first()?;
        if at > now {
            return None;
        }
        self.clear(slot);
        Some(slot)
    }

    fn place(&self, slot: u32) -> Option<usize> {
        self.places.get(index(slot)).filter(|&&place| place != NOWHERE).map(|&place| index(place))
    }

    /// Puts an entry at a place that is free for it, or further up or down where it belongs.
    fn settle(&mut self, place: usize, entry: Entry) {
        let above = parent(place).and_then(|parent| self.heap.get(parent));
        if above.is_some_and(|above| entry < *above) {
            self.rise(place, entry);
        } else {
            self.sink(place, entry);
        }
    }

    fn rise(&mut self, mut place: usize, entry: Entry) {
        while let Some(parent) = parent(place) {
            let Some(&above) = self.heap.get(parent).filter(|&&above| entry < above) else { break };
            self.put(place, above);
            place = parent;
        }
        self.put(place, entry);
    }

    fn sink(&mut self, mut place: usize, entry: Entry) {
        loop {
            let left = 2 * place + 1;
            let children = [left, left + 1].map(|child| Some((*self.heap.get(child)?, child)));
            let Some((first, child)) = children.into_iter().flatten().min() else { break };
            if entry <= first {
                break;
            }
            self.put(place, first);
            place = child;
        }
        self.put(place, entry);
    }

    fn put(&mut self, place: usize, entry: Entry) {
        if let Some(there) = self.heap.get_mut(place) {
            *there = entry;
        }
        if let Some(known) = self.places.get_mut(index(entry.slot)) {
            *known = u32::try_from(place).unwrap_or(NOWHERE);
        }
    }
}

const fn parent(place: usize) -> Option<usize> {
    match place.checked_sub(1) {
        Some(before) => Some(before / 2),
        None => None,
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timers;
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Set(u32, u64),
        Clear(u32),
        Pop(u64),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..24_u32, 0..40_u64).prop_map(|(slot, at)| Step::Set(slot, at)),
            1 => (0..24_u32).prop_map(Step::Clear),
            1 => (0..40_u64).prop_map(Step::Pop),
        ]
    }

    proptest! {
        /// The plain structure is what it is to be like.
        #[test]
        fn whatever_is_done_it_is_as_the_timers_are(
            steps in prop::collection::vec(any_step(), 0..300)
        ) {
            let (mut timers, mut plain) = (SlotTimers::new(), Timers::new());
            for step in steps {
                match step {
                    Step::Set(slot, at) => {
                        timers.set(slot, Moment::from_millis(at));
                        plain.set(slot, Moment::from_millis(at));
                    }
                    Step::Clear(slot) => {
                        timers.clear(slot);
                        plain.clear(slot);
                    }
                    Step::Pop(now) => {
                        let now = Moment::from_millis(now);
                        prop_assert_eq!(timers.pop_due(now), plain.pop_due(now));
                    }
                }
                prop_assert_eq!(timers.next(), plain.next());
                for slot in 0..25 {
                    prop_assert_eq!(timers.get(slot), plain.get(slot));
                }
            }
        }
    }

    #[test]
    fn a_deadline_costs_sixteen_bytes_and_a_slot_without_one_four() {
        let mut timers = SlotTimers::new();
        let bytes = |timers: &SlotTimers| {
            size_of::<Entry>() * timers.heap.capacity() + 4 * timers.places.capacity()
        };
        timers.reserve(1_000);
        (0..1_000).for_each(|slot| timers.set(slot, Moment::ZERO));
        assert_eq!(bytes(&timers), 16_000);
        while timers.pop_due(Moment::ZERO).is_some() {}
        assert!(bytes(&timers) <= 4_000 + LEAST * size_of::<Entry>());
    }
}
