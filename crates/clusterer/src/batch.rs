//! What waits for a module, in the order in which it happened.

use clusterer_bin::{Dialect, Packet};
use clusterer_node::{Moment, NodeKey};
use clusterer_registry::{ModuleEvent, PacketContext};
use std::collections::{BTreeMap, BTreeSet};

/// Room that a batch keeps while nothing is in it. What a peak took beyond that is given back.
const KEPT_BYTES: usize = 64 * 1024;
const KEPT_ITEMS: usize = 1024;
/// Withdrawn items that may lie around before it is worth sweeping.
const LITTER: usize = 64;

/// Packets, copied one behind the other, and events between them.
///
/// Packets are as many as its owner puts in. Events are at most two a node: a second
/// [`ModuleEvent::Timeout`] of a node replaces the first, and comes last, since it is also about the
/// packets between the two; a second [`ModuleEvent::TemporarilyDisabled`] says nothing new.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    items: Vec<Item>,
    packets: usize,
    /// Where the nodes' timeouts stand in `items`.
    timeouts: BTreeMap<NodeKey, usize>,
    disabled: BTreeSet<NodeKey>,
    withdrawn: usize,
    since: Option<Moment>,
}

#[derive(Clone, Copy, Debug)]
enum Item {
    Event(ModuleEvent),
    Packet { context: PacketContext, dialect: Dialect, length: usize },
    Withdrawn,
}

/// One call to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry<'b> {
    Event(ModuleEvent),
    /// A whole packet, that could be parsed before.
    Packet {
        context: PacketContext,
        dialect: Dialect,
        bytes: &'b [u8],
    },
}

impl Batch {
    pub(crate) fn push_packet(&mut self, context: PacketContext, packet: &Packet<'_>) {
        self.since.get_or_insert(context.now);
        if self.bytes.capacity() == 0 {
            // From here it doubles, so that it ends at the limit and not anywhere beyond.
            self.bytes.reserve_exact(KEPT_BYTES);
            self.items.reserve_exact(KEPT_ITEMS);
        }
        let (dialect, bytes) = (packet.dialect, packet.bytes());
        self.bytes.extend_from_slice(bytes);
        self.items.push(Item::Packet { context, dialect, length: bytes.len() });
        self.packets += 1;
    }

    pub(crate) fn push_event(&mut self, now: Moment, event: ModuleEvent) {
        match event {
            ModuleEvent::TemporarilyDisabled(node) if !self.disabled.insert(node) => return,
            ModuleEvent::Timeout(node) => {
                let earlier = self.timeouts.insert(node, self.items.len());
                if let Some(item) = earlier.and_then(|at| self.items.get_mut(at)) {
                    *item = Item::Withdrawn;
                    self.withdrawn += 1;
                }
            }
            _ => {}
        }
        self.since.get_or_insert(now);
        self.items.push(Item::Event(event));
        if self.withdrawn > LITTER + self.items.len() / 2 {
            self.sweep();
        }
    }

    /// Everything, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut rest = self.bytes.as_slice();
        self.items.iter().filter_map(move |item| match *item {
            Item::Event(event) => Some(Entry::Event(event)),
            Item::Packet { context, dialect, length } => {
                let (bytes, behind) = rest.split_at_checked(length)?;
                rest = behind;
                Some(Entry::Packet { context, dialect, bytes })
            }
            Item::Withdrawn => None,
        })
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) const fn packets(&self) -> usize {
        self.packets
    }

    /// Of all packets together.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Since when the first of it has been waiting.
    pub(crate) const fn since(&self) -> Option<Moment> {
        self.since
    }

    /// Empties it, and keeps its room.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
        self.packets = 0;
        self.timeouts.clear();
        self.disabled.clear();
        self.withdrawn = 0;
        self.since = None;
    }

    /// It has room that is not worth keeping.
    pub(crate) const fn is_fat(&self) -> bool {
        self.bytes.capacity() > KEPT_BYTES || self.items.capacity() > KEPT_ITEMS
    }

    /// Gives back what is not worth keeping. To be called when it is empty.
    pub(crate) fn slim(&mut self) {
        self.bytes.shrink_to(KEPT_BYTES);
        self.items.shrink_to(KEPT_ITEMS);
    }

    fn sweep(&mut self) {
        self.items.retain(|item| !matches!(item, Item::Withdrawn));
        self.withdrawn = 0;
        for (at, item) in self.items.iter().enumerate() {
            if let Item::Event(ModuleEvent::Timeout(node)) = item {
                self.timeouts.insert(*node, at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail_tests::{Naive, at, context, event, node, packet};
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Disabled(i32),
        Packet { sender: i32, length: usize },
        Taken,
        Timeout(i32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1..4_i32, 0..40_usize).prop_map(|(sender, length)| Step::Packet { sender, length }),
            4 => (1..4_i32).prop_map(Step::Timeout),
            2 => (1..4_i32).prop_map(Step::Disabled),
            1 => Just(Step::Taken),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_holds_what_a_plain_list_would(steps in prop::collection::vec(step(), 0..600)) {
            let (mut batch, mut naive) = (Batch::default(), Naive::default());
            for (number, step) in steps.into_iter().enumerate() {
                let now = at(number as u64);
                match step {
                    Step::Disabled(id) => {
                        batch.push_event(now, ModuleEvent::TemporarilyDisabled(node(id)));
                        naive.event(ModuleEvent::TemporarilyDisabled(node(id)));
                    }
                    Step::Packet { sender, length } => {
                        let bytes = packet(sender, length);
                        let parsed = Packet::parse(Dialect::V22, &bytes).unwrap();
                        batch.push_packet(context(sender, now), &parsed);
                        naive.packet(context(sender, now), bytes);
                    }
                    Step::Taken => {
                        batch.clear();
                        naive = Naive::default();
                    }
                    Step::Timeout(id) => {
                        batch.push_event(now, ModuleEvent::Timeout(node(id)));
                        naive.event(ModuleEvent::Timeout(node(id)));
                    }
                }
                prop_assert_eq!(batch.is_empty(), naive.is_empty());
                prop_assert_eq!(batch.packets(), naive.packets());
                prop_assert_eq!(batch.bytes(), naive.bytes());
                prop_assert!(batch.items.len() <= 2 * (naive.len() + LITTER) + 2);
            }
            naive.compare(&batch);
        }
    }

    #[test]
    fn a_second_timeout_replaces_the_first_and_comes_last() {
        let mut batch = Batch::default();
        let bytes = packet(2, 1);
        let parsed = Packet::parse(Dialect::V22, &bytes).unwrap();
        batch.push_event(at(0), ModuleEvent::Timeout(node(2)));
        batch.push_packet(context(2, at(1)), &parsed);
        batch.push_event(at(2), ModuleEvent::Timeout(node(2)));
        let entries: Vec<_> = batch.entries().collect();
        let kept =
            Entry::Packet { context: context(2, at(1)), dialect: Dialect::V22, bytes: &bytes };
        assert_eq!(entries, [kept, event(ModuleEvent::Timeout(node(2)))]);
        assert_eq!(batch.since(), Some(at(0)));
    }

    #[test]
    fn a_module_that_is_stuck_for_years_makes_no_heap_of_timeouts() {
        let mut batch = Batch::default();
        for (round, id) in (0..100_000).zip([1, 2, 3].into_iter().cycle()) {
            batch.push_event(at(round), ModuleEvent::Timeout(node(id)));
        }
        assert_eq!(batch.entries().count(), 3);
        assert!(batch.items.len() < 3 * LITTER, "{}", batch.items.len());
    }

    #[test]
    fn a_batch_that_is_filled_again_takes_no_more_room() {
        let mut batch = Batch::default();
        let bytes = packet(2, 200);
        let parsed = Packet::parse(Dialect::V22, &bytes).unwrap();
        let mut fill = || {
            (0..3_000).for_each(|_| batch.push_packet(context(2, at(0)), &parsed));
            batch.clear();
            (
                batch.bytes.as_ptr(),
                batch.bytes.capacity(),
                batch.items.as_ptr(),
                batch.items.capacity(),
            )
        };
        assert_eq!(fill(), fill());
    }

    #[test]
    fn room_is_kept_up_to_a_point_and_given_back_beyond() {
        let mut batch = Batch::default();
        let bytes = packet(2, 1000);
        let parsed = Packet::parse(Dialect::V22, &bytes).unwrap();
        batch.push_packet(context(2, at(0)), &parsed);
        batch.clear();
        assert!(!batch.is_fat() && batch.bytes.capacity() >= KEPT_BYTES, "no warming up again");
        while batch.bytes.len() <= KEPT_BYTES {
            batch.push_packet(context(2, at(0)), &parsed);
        }
        let peak = batch.bytes.capacity();
        batch.clear();
        assert!(batch.is_fat() && batch.bytes.capacity() == peak, "not while it is used");
        batch.slim();
        assert!(!batch.is_fat() && batch.bytes.capacity() <= KEPT_BYTES);
    }
}
