//! What waits to be sent over one link. Filled by any thread, emptied by the mio thread.

use crate::SendError;
use clusterer_bin::Outgoing;
use clusterer_node::LinkId;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many control packets may wait: a ping and a few that nobody took back in time.
const CONTROL_PACKETS: usize = 16;

/// The room for traffic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) bytes: usize,
    pub(crate) packets: usize,
}

/// The queue of one link. It outlives connections: packets wait here while there is none.
#[derive(Debug)]
pub(crate) struct LinkQueue {
    link: LinkId,
    limits: Limits,
    state: Mutex<State>,
    /// The mio thread has been told that there is something, and has not looked yet.
    announced: AtomicBool,
    /// Bytes of all links of this transport.
    total: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
struct State {
    traffic: VecDeque<Outgoing>,
    control: VecDeque<Outgoing>,
    /// Bytes and packets accepted and not yet sent or discarded: those that the mio thread has taken
    /// out to write are among them.
    bytes: usize,
    packets: usize,
    connected: bool,
    closed: bool,
}

/// What became of a control packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    NotConnected,
    Queued,
}

/// A packet on its way from the queue to the connection.
#[derive(Debug)]
pub(crate) enum Taken {
    Control(Outgoing),
    Traffic(Outgoing),
}

impl LinkQueue {
    pub(crate) fn new(link: LinkId, limits: Limits, total: Arc<AtomicUsize>) -> Self {
        Self { link, limits, state: Mutex::default(), announced: AtomicBool::new(false), total }
    }

    pub(crate) const fn link(&self) -> LinkId {
        self.link
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.lock().bytes
    }

    pub(crate) fn push(&self, packet: Outgoing) -> Result<(), SendError> {
        let mut state = self.lock();
        if state.closed {
            return Err(SendError::UnknownLink);
        }
        let bytes = state.bytes.saturating_add(packet.len());
        if bytes > self.limits.bytes || state.packets >= self.limits.packets {
            return Err(SendError::Full { queued: state.bytes });
        }
        self.total.fetch_add(packet.len(), Ordering::Relaxed);
        state.bytes = bytes;
        state.packets += 1;
        state.traffic.push_back(packet);
        Ok(())
    }

    pub(crate) fn push_control(&self, packet: Outgoing) -> Result<Control, SendError> {
        let mut state = self.lock();
        if state.closed {
            return Err(SendError::UnknownLink);
        }
        if !state.connected {
            return Ok(Control::NotConnected);
        }
        if state.control.len() >= CONTROL_PACKETS {
            let queued = state.control.iter().map(Outgoing::len).sum();
            return Err(SendError::Full { queued });
        }
        state.control.push_back(packet);
        Ok(Control::Queued)
    }

    /// Whether the mio thread must be told of this queue: false if it has been told already.
    pub(crate) fn announce(&self) -> bool {
        !self.announced.swap(true, Ordering::AcqRel)
    }

    /// The mio thread is about to look: what is pushed from now on must be announced again.
    pub(crate) fn look(&self) {
        self.announced.swap(false, Ordering::AcqRel);
    }

    /// Takes out all control packets, then at most `room` packets of traffic, whose bytes stay
    /// accounted for until [`LinkQueue::release`] or [`LinkQueue::disconnected`].
    pub(crate) fn take(&self, room: usize, mut into: impl FnMut(Taken)) {
        let mut state = self.lock();
        while let Some(packet) = state.control.pop_front() {
            into(Taken::Control(packet));
        }
        let room = room.min(state.traffic.len());
        for packet in state.traffic.drain(..room) {
            into(Taken::Traffic(packet));
        }
    }

    /// Packets taken out have been sent, or will never be.
    pub(crate) fn release(&self, bytes: usize, packets: usize) {
        if packets > 0 {
            self.forget(&mut self.lock(), bytes, packets);
        }
    }

    pub(crate) fn connected(&self) {
        self.lock().connected = true;
    }

    /// The connection is gone. What was taken out and not sent goes back to the front, or is
    /// discarded if the link is closed. Returns how many control packets and how many packets of
    /// traffic are lost.
    pub(crate) fn disconnected(&self, unsent: VecDeque<Outgoing>) -> (usize, usize) {
        let mut state = self.lock();
        state.connected = false;
        let control = std::mem::take(&mut state.control).len();
        if state.closed {
            let bytes = unsent.iter().map(Outgoing::len).sum();
            self.forget(&mut state, bytes, unsent.len());
            return (control, unsent.len());
        }
        for packet in unsent.into_iter().rev() {
            state.traffic.push_front(packet);
        }
        (control, 0)
    }

    /// Takes no more packets and discards what is queued. Returns how many packets that were. Those
    /// that the mio thread has taken out are not among them.
    pub(crate) fn close(&self) -> usize {
        let mut state = self.lock();
        state.closed = true;
        state.connected = false;
        let traffic = std::mem::take(&mut state.traffic);
        let control = std::mem::take(&mut state.control);
        let bytes = traffic.iter().map(Outgoing::len).sum();
        self.forget(&mut state, bytes, traffic.len());
        traffic.len() + control.len()
    }

    fn forget(&self, state: &mut State, bytes: usize, packets: usize) {
        state.bytes = state.bytes.saturating_sub(bytes);
        state.packets = state.packets.saturating_sub(packets);
        self.total.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No caller's code runs under this lock, so the state is whole even after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const LINK: LinkId = LinkId { index: 0, generation: 0 };

    fn packet(fill: u8, len: usize) -> Outgoing {
        Outgoing::new(Bytes::from(vec![fill; len]))
    }

    fn queue(bytes: usize, packets: usize) -> (LinkQueue, Arc<AtomicUsize>) {
        let total = Arc::new(AtomicUsize::new(0));
        (LinkQueue::new(LINK, Limits { bytes, packets }, Arc::clone(&total)), total)
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
        let (queue, _) = queue(100, 3);
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
        let (queue, total) = queue(100, 10);
        queue.push(packet(1, 60)).unwrap();
        queue.push(packet(2, 40)).unwrap();
        assert_eq!(take(&queue, 1).1.len(), 1);
        assert_eq!(queue.push(packet(3, 1)), Err(SendError::Full { queued: 100 }));
        queue.release(60, 1);
        assert_eq!((queue.queued_bytes(), total.load(Ordering::Relaxed)), (40, 40));
    }

    #[test]
    fn what_was_not_sent_goes_back_to_the_front() {
        let (queue, _) = queue(100, 10);
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
        let (queue, _) = queue(1, 1);
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
        let (queue, total) = queue(100, 10);
        queue.push(packet(1, 10)).unwrap();
        queue.push(packet(2, 20)).unwrap();
        let (_, taken) = take(&queue, 1);
        assert_eq!(queue.close(), 1);
        assert_eq!(queue.push(packet(3, 1)), Err(SendError::UnknownLink));
        assert_eq!(total.load(Ordering::Relaxed), 10);
        assert_eq!(queue.disconnected(taken.into()), (0, 1));
        assert_eq!(total.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn is_announced_once_until_looked_at() {
        let (queue, _) = queue(1, 1);
        assert!(queue.announce());
        assert!(!queue.announce());
        queue.look();
        assert!(queue.announce());
    }
}
