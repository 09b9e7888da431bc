//! An open link as every thread sees it: where it leads, and what waits to be sent over it.

use crate::manner::{Manner, Place};
use crate::{LinkSpec, SendError};
use clusterer_bin::Outgoing;
use clusterer_node::LinkId;
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many control packets may wait: a ping and a few that nobody took back in time.
pub(crate) const CONTROL_PACKETS: usize = 16;

/// The room for traffic of a link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) bytes: usize,
    pub(crate) packets: usize,
}

/// The room for traffic of all links, and how much of it is taken.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) limits: Limits,
    /// Bytes queued on all links.
    pub(crate) total: AtomicUsize,
}

/// A place for a link, one after the other. It outlives connections: packets wait here while there is none.
#[derive(Debug)]
pub(crate) struct Entry {
    /// `None` while nothing waits: most links of a large table lead nowhere at any moment.
    waiting: Option<Box<Waiting>>,
    /// `None` while no link is open here.
    manner: Option<Arc<Manner>>,
    ip: Ipv4Addr,
    generation: u32,
    /// How often a link was opened here. What is left of a former one is told by it.
    opened: u32,
    port: u16,
    connected: bool,
    /// The mio thread has been told that there is something, and has not looked yet.
    announced: bool,
}

#[derive(Debug, Default)]
struct Waiting {
    traffic: VecDeque<Outgoing>,
    control: VecDeque<Outgoing>,
    /// Bytes and packets accepted and not yet sent or discarded: those that the mio thread has taken
    /// out to write are among them.
    bytes: usize,
    packets: usize,
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

impl Room {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self { limits, total: AtomicUsize::new(0) }
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.total.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Entry {
    pub(crate) const fn free() -> Self {
        Self {
            waiting: None,
            manner: None,
            ip: Ipv4Addr::UNSPECIFIED,
            generation: 0,
            opened: 0,
            port: 0,
            connected: false,
            announced: false,
        }
    }

    /// A link is here from now on. What was here before has been closed.
    pub(crate) fn open(&mut self, generation: u32, manner: Arc<Manner>, place: Place) {
        let opened = self.opened.wrapping_add(1);
        let (ip, port) = place;
        *self = Self { manner: Some(manner), ip, port, generation, opened, ..Self::free() };
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.manner.is_some()
    }

    /// Whether this link is the one that is open here.
    pub(crate) const fn is(&self, link: LinkId) -> bool {
        self.is_open() && self.generation == link.generation
    }

    /// How often a link was opened here, up to this one.
    pub(crate) const fn opened(&self) -> u32 {
        self.opened
    }

    /// Where the link leads, if this one is open here.
    pub(crate) fn spec(&self, link: LinkId) -> Option<LinkSpec> {
        let manner = self.manner.as_ref().filter(|_| self.is(link))?;
        Some(manner.spec(link, (self.ip, self.port)))
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.bytes)
    }

    pub(crate) fn push(&mut self, packet: Outgoing, room: &Room) -> Result<(), SendError> {
        let (bytes, packets) = self.waiting.as_ref().map_or((0, 0), |it| (it.bytes, it.packets));
        let sum = bytes.saturating_add(packet.len());
        if sum > room.limits.bytes || packets >= room.limits.packets {
            return Err(SendError::Full { queued: bytes });
        }
        room.total.fetch_add(packet.len(), Ordering::Relaxed);
        let waiting = self.waiting.get_or_insert_default();
        waiting.bytes = sum;
        waiting.packets += 1;
        waiting.traffic.push_back(packet);
        Ok(())
    }

    pub(crate) fn push_control(&mut self, packet: Outgoing) -> Result<Control, SendError> {
        if !self.connected {
            return Ok(Control::NotConnected);
        }
        let control = &mut self.waiting.get_or_insert_default().control;
        if control.len() >= CONTROL_PACKETS {
            return Err(SendError::Full { queued: control.iter().map(Outgoing::len).sum() });
        }
        control.push_back(packet);
        Ok(Control::Queued)
    }

    /// Whether the mio thread must be told of this link: false if it has been told already.
    pub(crate) const fn announce(&mut self) -> bool {
        !std::mem::replace(&mut self.announced, true)
    }

    /// The mio thread is about to look: what is pushed from now on must be announced again.
    pub(crate) const fn look(&mut self) {
        self.announced = false;
    }

    /// Takes out all control packets, then at most `room` packets of traffic, whose bytes stay
    /// accounted for until [`Entry::release`] or [`Entry::disconnected`].
    pub(crate) fn take(&mut self, room: usize, mut into: impl FnMut(Taken)) {
        let Some(waiting) = &mut self.waiting else { return };
        while let Some(packet) = waiting.control.pop_front() {
            into(Taken::Control(packet));
        }
        let room = room.min(waiting.traffic.len());
        for packet in waiting.traffic.drain(..room) {
            into(Taken::Traffic(packet));
        }
    }

    /// Packets taken out have been sent, or will never be.
    pub(crate) fn release(&mut self, bytes: usize, packets: usize) {
        if let Some(waiting) = &mut self.waiting {
            waiting.bytes = waiting.bytes.saturating_sub(bytes);
            waiting.packets = waiting.packets.saturating_sub(packets);
        }
    }

    pub(crate) const fn connected(&mut self) {
        self.connected = true;
    }

    /// The connection is gone. What was taken out and not sent goes back to the front. Returns how many
    /// control packets are lost.
    pub(crate) fn disconnected(&mut self, unsent: VecDeque<Outgoing>) -> usize {
        self.connected = false;
        let Some(waiting) = &mut self.waiting else { return 0 };
        let control = std::mem::take(&mut waiting.control).len();
        for packet in unsent.into_iter().rev() {
            waiting.traffic.push_front(packet);
        }
        if waiting.traffic.is_empty() {
            self.waiting = None;
        }
        control
    }

    /// No link is here any more: discards what is queued. Returns how many packets that were. Those
    /// that the mio thread has taken out are not among them.
    pub(crate) fn close(&mut self, room: &Room) -> usize {
        self.manner = None;
        self.connected = false;
        let Some(waiting) = self.waiting.take() else { return 0 };
        room.give_back(waiting.traffic.iter().map(Outgoing::len).sum());
        waiting.traffic.len() + waiting.control.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Each of a hundred thousand peers has one.
    #[test]
    fn a_link_over_which_nothing_goes_costs_40_bytes() {
        assert_eq!(size_of::<Mutex<Entry>>(), 40);
    }
}
