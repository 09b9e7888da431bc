//! The slots of a module's nodes: they stay where they are over a reload, since whoever still has the former
//! table stamps them, too.

use crate::slot::Slot;
use crate::{Meter, Volume};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use clusterer_node::Moment;
use once_cell::race::OnceBox;

/// Most slots that are allocated together. A slot keeps those of its block in memory.
const BLOCK: usize = 64;

/// A list of places, some of which have a slot. A copy shares everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    /// All of them full, but for a last one of each reload that brought new ones.
    blocks: Arc<[Arc<Block>]>,
    /// Which slot, counted as if all blocks were full; [`NOBODY`] for a place without.
    slots: Arc<[u32]>,
}

const NOBODY: u32 = u32::MAX;

/// Slots that are allocated together.
#[derive(Debug)]
struct Block {
    slots: Box<[Slot]>,
    /// What was queued for each: there from the first packet on, since most nodes of a large table may never be
    /// sent any. Apart from what whoever receives writes. As many as there are slots: a block may have only one.
    sent: OnceBox<Box<[Meter]>>,
}

impl Block {
    fn new(count: usize, now: Moment) -> Self {
        let slots = (0..count).map(|_| Slot::new(now)).collect();
        Self { slots, sent: OnceBox::new() }
    }

    fn sent(&self) -> &[Meter] {
        let none = || Box::new(self.slots.iter().map(|_| Meter::new()).collect());
        self.sent.get_or_init(none)
    }
}

/// A slot for whoever does not hold the list that it is in. It keeps its block in memory, and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct SharedSlot {
    block: Arc<Block>,
    at: usize,
}

impl SharedSlot {
    /// The slot: there always is one.
    pub(crate) fn get(&self) -> Option<&Slot> {
        self.block.slots.get(self.at)
    }
}

/// What a place has after a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// What that place had before.
    Kept(usize),
    /// A slot of its own, heard just now.
    New,
    Nobody,
}

impl Slots {
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Slot> {
        let (block, at) = split(*self.slots.get(place)?);
        self.blocks.get(block)?.slots.get(at)
    }

    /// What was queued for who has a place.
    pub(crate) fn sent(&self, place: usize) -> Option<Volume> {
        let (block, at) = split(*self.slots.get(place)?);
        let sent = self.blocks.get(block)?.sent.get();
        Some(sent.and_then(|sent| sent.get(at)).map(Meter::read).unwrap_or_default())
    }

    /// Counts what is queued for who has a place. `None`: nobody has it.
    pub(crate) fn count_sent(&self, place: usize, bytes: usize) -> Option<()> {
        let (block, at) = split(*self.slots.get(place)?);
        self.blocks.get(block)?.sent().get(at).map(|sent| sent.count(bytes))
    }

    pub(crate) fn share(&self, place: usize) -> Option<SharedSlot> {
        let (block, at) = split(*self.slots.get(place)?);
        Some(SharedSlot { block: self.blocks.get(block)?.clone(), at })
    }

    /// The slots after a reload.
    pub(crate) fn reload(&self, wanted: &[Wanted], now: Moment) -> Self {
        let new = wanted.iter().filter(|&&wanted| wanted == Wanted::New).count();
        let full = |first| Arc::new(Block::new(BLOCK.min(new - first), now));
        let mut blocks: Vec<Arc<Block>> = (0..new).step_by(BLOCK).map(full).collect();
        let mut moved = vec![None; self.blocks.len()];
        let mut next = 0..;
        let mut slot = |wanted: &Wanted| match *wanted {
            Wanted::Nobody => None,
            Wanted::New => next.next(),
            Wanted::Kept(place) => {
                let (from, at) = split(*self.slots.get(place)?);
                let to = moved.get_mut(from)?;
                if to.is_none() {
                    blocks.push(self.blocks.get(from)?.clone());
                    *to = Some(blocks.len() - 1);
                }
                u32::try_from((*to)? * BLOCK + at).ok()
            }
        };
        let slots = wanted.iter().map(|wanted| slot(wanted).unwrap_or(NOBODY)).collect();
        Self { blocks: blocks.into(), slots }
    }
}

/// The block of a slot, and which one it is in there. That of [`NOBODY`] does not exist.
fn split(slot: u32) -> (usize, usize) {
    let slot = usize::try_from(slot).unwrap_or(usize::MAX);
    (slot / BLOCK, slot % BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn times(slots: &Slots) -> Vec<Option<u64>> {
        let time = |place| Some(slots.get(place)?.last_seen().as_millis());
        (0..slots.len()).map(time).collect()
    }

    fn any_wanted() -> impl Strategy<Value = Wanted> {
        prop_oneof![
            4 => (0..100_usize).prop_map(Wanted::Kept),
            2 => Just(Wanted::New),
            1 => Just(Wanted::Nobody),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// A plain list is what they are to be like.
        #[test]
        fn whatever_is_reloaded_everybody_keeps_a_slot(
            reloads in prop::collection::vec(prop::collection::vec(any_wanted(), 0..100), 1..5)
        ) {
            let (mut slots, mut plain) = (Slots::default(), Vec::<Option<u64>>::new());
            for (time, wanted) in (1..).zip(reloads) {
                slots = slots.reload(&wanted, at(time));
                let of = |wanted: &Wanted| match *wanted {
                    Wanted::Kept(place) => plain.get(place).copied().flatten(),
                    Wanted::New => Some(time),
                    Wanted::Nobody => None,
                };
                plain = wanted.iter().map(of).collect();
                prop_assert_eq!(times(&slots), plain.clone());
            }
        }
    }

    #[test]
    fn who_has_the_former_list_stamps_the_same_slot() {
        let former = Slots::default().reload(&[Wanted::New; 3], at(1));
        let present = former.reload(&[Wanted::New, Wanted::Nobody, Wanted::Kept(1)], at(2));
        assert!(former.get(1).unwrap().arrive(at(9)).is_ok());
        assert_eq!(times(&present), [Some(2), None, Some(9)]);
        assert!(former.share(1).unwrap().get().unwrap().arrive(at(10)).is_ok());
        assert_eq!(times(&present), [Some(2), None, Some(10)]);
        assert!(present.share(1).is_none());
    }

    #[test]
    fn what_is_sent_follows_a_slot_and_costs_nothing_before() {
        let former = Slots::default().reload(&[Wanted::New; 2], at(1));
        assert!(former.blocks.iter().all(|block| block.sent.get().is_none()));
        assert_eq!(former.sent(1), Some(Volume::default()));
        assert_eq!(former.count_sent(1, 7), Some(()));
        let present = former.reload(&[Wanted::Nobody, Wanted::New, Wanted::Kept(1)], at(2));
        assert_eq!(former.count_sent(1, 5), Some(()), "who has the former list counts on");
        let sent = |place| present.sent(place).map(|sent| (sent.packets, sent.bytes));
        assert_eq!([sent(0), sent(1), sent(2)], [None, Some((0, 0)), Some((2, 12))]);
        assert_eq!(present.count_sent(0, 1), None);
        assert_eq!(present.count_sent(9, 1), None);
    }

    #[test]
    fn what_is_sent_costs_a_block_as_much_as_it_has_slots() {
        for count in [1, BLOCK - 1, BLOCK] {
            let slots = Slots::default().reload(&vec![Wanted::New; count], at(1));
            assert_eq!(slots.count_sent(0, 7), Some(()));
            let [block] = &*slots.blocks else { panic!("one is enough for {count}") };
            assert_eq!(block.sent.get().map(|sent| sent.len()), Some(count));
        }
    }

    #[test]
    fn blocks_that_nobody_needs_are_given_back() {
        let many = Slots::default().reload(&[Wanted::New; 3 * BLOCK], at(1));
        assert_eq!(many.blocks.len(), 3);
        let few = many.reload(&[Wanted::Kept(BLOCK), Wanted::Kept(BLOCK + 1)], at(2));
        assert_eq!(few.blocks.len(), 1);
    }
}
