//! The queue before a module: what is let in, and in which order it comes out. No thread, no lock.

use crate::batch::Batch;
use clusterer_bin::Packet;
use clusterer_node::{Moment, NodeKey};
use clusterer_registry::{ModuleEvent, PacketContext};
use std::collections::BTreeMap;
use std::time::Duration;

/// How much may wait for a module. As much again may be in the batch that it is at.
pub(crate) const LIMITS: Limits = Limits { bytes: 8 * 1024 * 1024, packets: 65_536 };
/// How long after a timeout a packet may turn up that was admitted before it: far longer than a thread
/// is ever kept from its next instruction while the control thread runs.
const OVERTAKEN: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) bytes: usize,
    pub(crate) packets: usize,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// There was no room.
    Full,
    /// Its node has timed out since it was admitted, on another thread: it counts as come just after.
    Overtaken,
    Queued,
}

#[derive(Debug)]
pub(crate) struct Mailbox {
    limits: Limits,
    waiting: Batch,
    /// When nodes timed out lately. The gate of a node shuts on the control thread before that says so
    /// here, and a packet may have passed it meanwhile.
    silent: BTreeMap<NodeKey, Moment>,
    swept: Moment,
}

impl Mailbox {
    pub(crate) const fn new(limits: Limits, waiting: Batch) -> Self {
        Self { limits, waiting, silent: BTreeMap::new(), swept: Moment::ZERO }
    }

    pub(crate) fn put_packet(&mut self, context: PacketContext, packet: &Packet<'_>) -> Put {
        if let Some(node) = self.overtaken(&context) {
            self.waiting.push_event(context.now, ModuleEvent::TemporarilyDisabled(node));
            return Put::Overtaken;
        }
        let bytes = self.waiting.bytes().saturating_add(packet.bytes().len());
        if bytes > self.limits.bytes || self.waiting.packets() >= self.limits.packets {
            return Put::Full;
        }
        self.waiting.push_packet(context, packet);
        Put::Queued
    }

    /// `now` must be read after the event happened.
    pub(crate) fn put_event(&mut self, now: Moment, event: ModuleEvent) {
        if let ModuleEvent::Timeout(node) = event {
            if now.since(self.swept) >= OVERTAKEN {
                self.silent.retain(|_, since| now.since(*since) < OVERTAKEN);
                self.swept = now;
            }
            self.silent.insert(node, now);
        }
        self.waiting.push_event(now, event);
    }

    /// Swaps what waits for `empty`. False, and nothing happens, if nothing waits.
    pub(crate) fn take(&mut self, empty: &mut Batch) -> bool {
        let any = !self.waiting.is_empty();
        if any {
            std::mem::swap(&mut self.waiting, empty);
        }
        any
    }

    /// Swaps an empty batch that has more room than it should keep for a slim one.
    pub(crate) fn swap_fat(&mut self, slim: &mut Batch) -> bool {
        let fat = self.waiting.is_empty() && self.waiting.is_fat();
        if fat {
            std::mem::swap(&mut self.waiting, slim);
        }
        fat
    }

    /// Throws away what waits.
    pub(crate) fn discard(&mut self) -> Batch {
        std::mem::take(&mut self.waiting)
    }

    pub(crate) const fn waiting(&self) -> &Batch {
        &self.waiting
    }

    #[cfg(test)]
    pub(crate) const fn waiting_mut(&mut self) -> &mut Batch {
        &mut self.waiting
    }

    /// The node of a packet that was admitted before its node timed out: at that moment or earlier. One
    /// that is let in again afterwards is later by twice a timeout.
    fn overtaken(&mut self, context: &PacketContext) -> Option<NodeKey> {
        // Only nodes that are watched time out, and mostly none did.
        if self.silent.is_empty() {
            return None;
        }
        let node = NodeKey { cluster: context.cluster?, machine: context.sender };
        let since = *self.silent.get(&node)?;
        if context.now <= since {
            return Some(node);
        }
        self.silent.remove(&node);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Entry;
    use crate::mail_tests::{at, context, event, node, packet};
    use clusterer_bin::Dialect;

    const FEW: Limits = Limits { bytes: 200, packets: 5 };

    fn mailbox(limits: Limits) -> Mailbox {
        Mailbox::new(limits, Batch::default())
    }

    fn put(mailbox: &mut Mailbox, sender: i32, length: usize, now: u64) -> Put {
        let bytes = packet(sender, length);
        let parsed = Packet::parse(Dialect::V22, &bytes).unwrap();
        mailbox.put_packet(context(sender, at(now)), &parsed)
    }

    #[test]
    fn bytes_are_bounded_to_the_byte() {
        let length = packet(2, 10).len();
        for (bytes, last) in [(2 * length, Put::Queued), (2 * length - 1, Put::Full)] {
            let mut mailbox = mailbox(Limits { bytes, packets: 100 });
            assert_eq!(put(&mut mailbox, 2, 10, 0), Put::Queued);
            assert_eq!(put(&mut mailbox, 2, 10, 0), last);
        }
    }

    #[test]
    fn packets_are_bounded_and_events_are_not_dropped_for_them() {
        let mut mailbox = mailbox(Limits { bytes: 10_000, ..FEW });
        for _ in 0..5 {
            assert_eq!(put(&mut mailbox, 2, 0, 0), Put::Queued);
        }
        assert_eq!(put(&mut mailbox, 2, 0, 0), Put::Full);
        mailbox.put_event(at(1), ModuleEvent::Timeout(node(2)));
        let mut batch = Batch::default();
        assert!(mailbox.take(&mut batch));
        assert_eq!(batch.entries().count(), 6);
        assert_eq!(batch.entries().last(), Some(event(ModuleEvent::Timeout(node(2)))));
        batch.clear();
        assert!(!mailbox.take(&mut batch), "all was taken");
        assert_eq!(put(&mut mailbox, 3, 0, 2), Put::Queued, "there is room again");
    }

    #[test]
    fn a_packet_admitted_before_the_timeout_does_not_come_after_it() {
        for taken in [false, true] {
            let mut mailbox = mailbox(LIMITS);
            mailbox.put_event(at(100), ModuleEvent::Timeout(node(2)));
            let mut batch = Batch::default();
            if taken {
                mailbox.take(&mut batch);
            }
            assert_eq!(put(&mut mailbox, 2, 1, 99), Put::Overtaken);
            assert_eq!(put(&mut mailbox, 2, 1, 100), Put::Overtaken);
            assert_eq!(put(&mut mailbox, 3, 1, 100), Put::Queued, "another node's");
            assert_eq!(put(&mut mailbox, 2, 1, 101), Put::Queued, "let in again");
            let entries: Vec<_> = mailbox.waiting().entries().collect();
            let told = event(ModuleEvent::TemporarilyDisabled(node(2)));
            assert!(entries.contains(&told), "{entries:?}");
            let packets = entries.iter().filter(|entry| matches!(entry, Entry::Packet { .. }));
            assert_eq!(packets.count(), 2);
        }
    }

    #[test]
    fn nodes_that_never_come_back_are_forgotten() {
        let mut mailbox = mailbox(LIMITS);
        for (id, second) in (1..1_000).zip(0..) {
            mailbox.put_event(at(1_000 * second), ModuleEvent::Timeout(node(id)));
            mailbox.discard();
        }
        assert!(mailbox.silent.len() <= 21, "{}", mailbox.silent.len());
    }

    #[test]
    fn the_room_of_a_peak_can_be_had_for_a_slim_batch() {
        let mut mailbox = mailbox(LIMITS);
        let mut spare = Batch::default();
        assert!(!mailbox.swap_fat(&mut spare));
        while !mailbox.waiting.is_fat() {
            assert_eq!(put(&mut mailbox, 2, 60_000, 0), Put::Queued);
        }
        assert!(!mailbox.swap_fat(&mut spare), "not what is in use");
        mailbox.waiting.clear();
        assert!(mailbox.swap_fat(&mut spare) && spare.is_fat() && !mailbox.waiting.is_fat());
    }
}
