//! What waits to be sent over one link, as the mio thread holds it.

use crate::directory::Block;
use crate::entry::{Entry, Taken};
use clusterer_bin::Outgoing;
use std::collections::VecDeque;
use std::sync::Arc;

/// The queue of one link, from when it is opened to when it is closed. After that nothing is in it, whatever
/// is opened in its place.
#[derive(Clone, Debug)]
pub(crate) struct LinkQueue {
    block: Arc<Block>,
    at: usize,
    opened: u32,
}

impl LinkQueue {
    pub(crate) const fn new(block: Arc<Block>, at: usize, opened: u32) -> Self {
        Self { block, at, opened }
    }

    /// The index of its link.
    pub(crate) fn index(&self) -> u32 {
        self.block.index(self.at)
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.entry(|entry| entry.queued_bytes()).unwrap_or_default()
    }

    /// See [`Entry::look`].
    pub(crate) fn look(&self) {
        self.entry(Entry::look);
    }

    /// See [`Entry::take`].
    pub(crate) fn take(&self, room: usize, into: impl FnMut(Taken)) {
        self.entry(|entry| entry.take(room, into));
    }

    /// Packets taken out have been sent, or will never be.
    pub(crate) fn release(&self, bytes: usize, packets: usize) {
        if packets > 0 {
            self.entry(|entry| entry.release(bytes, packets));
            self.block.room().give_back(bytes);
        }
    }

    pub(crate) fn connected(&self) {
        self.entry(Entry::connected);
    }

    /// The connection is gone. What was taken out and not sent goes back to the front, or is
    /// discarded if the link is closed. Returns how many control packets and how many packets of
    /// traffic are lost.
    pub(crate) fn disconnected(&self, unsent: VecDeque<Outgoing>) -> (usize, usize) {
        let (bytes, packets) = (unsent.iter().map(Outgoing::len).sum(), unsent.len());
        match self.entry(|entry| entry.disconnected(unsent)) {
            Some(control) => (control, 0),
            None => {
                self.block.room().give_back(bytes);
                (0, packets)
            }
        }
    }

    /// Does something with the entry, unless the link is closed.
    fn entry<T>(&self, act: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let mut entry = self.block.lock(self.at)?;
        (entry.is_open() && entry.opened() == self.opened).then(|| act(&mut entry))
    }
}

#[cfg(test)]
mod alone {
    use super::*;
    use crate::directory::Directory;
    use crate::entry::{Control, Limits};
    use crate::{LinkSpec, SendError};
    use clusterer_bin::Dialect;
    use clusterer_node::LinkId;
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    pub(super) const SPEC: LinkSpec = LinkSpec {
        link: LinkId { index: 70, generation: 7 },
        peer: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1),
        bind: None,
        dialect: Dialect::V22,
        user_timeout: Duration::ZERO,
    };

    /// What senders do, for tests.
    impl LinkQueue {
        pub(crate) fn alone(limits: Limits) -> Self {
            Self::among(limits).0
        }

        pub(super) fn among(limits: Limits) -> (Self, Directory) {
            let links = Directory::new(limits);
            links.open(&SPEC);
            (links.with(SPEC.link, |open| open.queue()).unwrap(), links)
        }

        pub(crate) fn push(&self, packet: Outgoing) -> Result<(), SendError> {
            let pushed = self.entry(|entry| entry.push(packet, self.block.room()));
            pushed.unwrap_or(Err(SendError::UnknownLink))
        }

        pub(crate) fn push_control(&self, packet: Outgoing) -> Result<Control, SendError> {
            let pushed = self.entry(|entry| entry.push_control(packet));
            pushed.unwrap_or(Err(SendError::UnknownLink))
        }

        pub(super) fn announce(&self) -> bool {
            self.entry(Entry::announce).unwrap()
        }

        pub(super) fn close(&self) -> usize {
            self.entry(|entry| entry.close(self.block.room())).unwrap()
        }

        pub(super) fn total(&self) -> usize {
            self.block.room().total.load(Ordering::Relaxed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::alone::SPEC;
    use super::*;
    use crate::SendError;
    use crate::entry::{CONTROL_PACKETS, Control, Limits};
    use bytes::Bytes;

    fn packet(fill: u8, len: usize) -> Outgoing {
        Outgoing::new(Bytes::from(vec![fill; len]))
    }

    fn queue(bytes: usize, packets: usize) -> LinkQueue {
        LinkQueue::alone(Limits { bytes, packets })
    }

    fn take(queue: &LinkQueue, room: usize) -> (Vec<u8>, Vec<Outgoing>) {
        let (mut control, mut traffic) = (Vec::new(), Vec::new());
        queue.take(room, |taken| match taken {
            Taken::Control(packet) => control.push(packet.shared[0]),
            Taken::Traffic(packet) => traffic.push(packet),
        });
        (control, traffic)
    }

    #[test]
    fn is_full_at_either_limit_and_not_one_before() {
        let queue = queue(100, 3);
        assert_eq!(queue.push(packet(1, 100)), Ok(()));
        assert_eq!(queue.push(packet(1, 1)), Err(SendError::Full { queued: 100 }));
        queue.release(100, 1);
        for _ in 0..3 {
            assert_eq!(queue.push(packet(1, 1)), Ok(()));
        }
        assert_eq!(queue.push(packet(1, 1)), Err(SendError::Full { queued: 3 }));
    }

    #[test]
    fn what_is_taken_out_keeps_its_room_until_released() {
        let queue = queue(100, 10);
        queue.push(packet(1, 60)).unwrap();
        queue.push(packet(2, 40)).unwrap();
        assert_eq!(take(&queue, 1).1.len(), 1);
        assert_eq!(queue.push(packet(3, 1)), Err(SendError::Full { queued: 100 }));
        queue.release(60, 1);
        assert_eq!((queue.queued_bytes(), queue.total()), (40, 40));
    }

    #[test]
    fn what_was_not_sent_goes_back_to_the_front() {
        let queue = queue(100, 10);
        for fill in 1..=4 {
            queue.push(packet(fill, 1)).unwrap();
        }
        let (_, taken) = take(&queue, 2);
        queue.disconnected(taken.into());
        let order: Vec<u8> = take(&queue, 9).1.iter().map(|p| p.shared[0]).collect();
        assert_eq!(order, [1, 2, 3, 4]);
    }

    #[test]
    fn control_has_room_of_its_own_while_connected() {
        let queue = queue(1, 1);
        queue.push(packet(1, 1)).unwrap();
        assert_eq!(queue.push_control(packet(9, 1)), Ok(Control::NotConnected));
        queue.connected();
        for _ in 0..CONTROL_PACKETS {
            assert_eq!(queue.push_control(packet(9, 1)), Ok(Control::Queued));
        }
        let queued = CONTROL_PACKETS;
        assert_eq!(queue.push_control(packet(9, 1)), Err(SendError::Full { queued }));
        assert_eq!(queue.disconnected(VecDeque::new()), (CONTROL_PACKETS, 0));
        assert_eq!(take(&queue, 9).0, []);
    }

    #[test]
    fn closing_accounts_for_every_packet_once() {
        let queue = queue(100, 10);
        queue.push(packet(1, 10)).unwrap();
        queue.push(packet(2, 20)).unwrap();
        let (_, taken) = take(&queue, 1);
        assert_eq!(queue.close(), 1);
        assert_eq!(queue.push(packet(3, 1)), Err(SendError::UnknownLink));
        assert_eq!(queue.total(), 10);
        assert_eq!(queue.disconnected(taken.into()), (0, 1));
        assert_eq!(queue.total(), 0);
    }

    #[test]
    fn a_former_link_has_no_part_in_the_one_in_its_place() {
        let (former, links) = LinkQueue::among(Limits { bytes: 100, packets: 10 });
        former.connected();
        former.push(packet(1, 10)).unwrap();
        former.push(packet(2, 20)).unwrap();
        former.announce();
        let (_, taken) = take(&former, 1);
        assert_eq!(links.open(&SPEC), Some(1));
        let present = links.with(SPEC.link, |open| open.queue()).unwrap();
        assert!(present.announce(), "nobody was told of it");
        present.push(packet(3, 40)).unwrap();
        former.look();
        assert!(!present.announce());
        assert_eq!(present.push_control(packet(9, 1)), Ok(Control::NotConnected));
        assert_eq!(former.push(packet(4, 1)), Err(SendError::UnknownLink));
        assert_eq!(take(&former, 9).1.len(), 0);
        assert_eq!((former.queued_bytes(), present.queued_bytes(), present.total()), (0, 40, 50));
        assert_eq!(former.disconnected(taken.into()), (0, 1));
        assert_eq!((present.queued_bytes(), present.total()), (40, 40));
        former.release(40, 1);
        assert_eq!(present.queued_bytes(), 40);
    }

    #[test]
    fn is_announced_once_until_looked_at() {
        let queue = queue(1, 1);
        assert!(queue.announce());
        assert!(!queue.announce());
        queue.look();
        assert!(queue.announce());
    }
}
