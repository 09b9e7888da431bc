//! The links of a prober: which connection is in which state, who shares it, which ping is in flight.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use clusterer_node::{LinkId, LinkState, MachineId, Moment, NodeKey};
use core::net::{IpAddr, SocketAddr};

/// What makes two rows share a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Peer {
    pub(crate) machine: MachineId,
    pub(crate) address: SocketAddr,
    pub(crate) bind: Option<IpAddr>,
}

/// One outbound connection to a peer, with its pings.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) peer: Peer,
    /// The rows that use it: at least one.
    pub(crate) nodes: Vec<NodeKey>,
    pub(crate) state: LinkState,
    /// How often it was dialled.
    pub(crate) dialled: u32,
    /// The nonce of the ping that has not been answered nor judged.
    pub(crate) in_flight: Option<i32>,
    /// The process at the other end answers pings. Forgotten when it ends the connection: what
    /// listens there next may be a 2.2 node, which never answers.
    pub(crate) answers: bool,
    /// Its last question may have gone out late, and it has been asked once more since.
    pub(crate) excused: bool,
    /// When the last dial or ping began.
    pub(crate) last_attempt: Option<Moment>,
    /// When a connection closed in order was last dialled again.
    pub(crate) last_reconnect: Option<Moment>,
    /// When a failure was last followed by an attempt at once.
    pub(crate) last_retry: Option<Moment>,
}

/// The links by id. Slots are reused, with another generation.
#[derive(Debug)]
pub(crate) struct Links {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_peer: BTreeMap<Peer, LinkId>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    link: Option<Link>,
}

impl Links {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), by_peer: BTreeMap::new() }
    }

    pub(crate) fn find(&self, peer: Peer) -> Option<LinkId> {
        self.by_peer.get(&peer).copied()
    }

    pub(crate) fn add(&mut self, peer: Peer) -> LinkId {
        let link = Link {
            peer,
            nodes: Vec::new(),
            state: LinkState::Idle,
            dialled: 0,
            in_flight: None,
            answers: false,
            excused: false,
            last_attempt: None,
            last_reconnect: None,
            last_retry: None,
        };
        let id = match self.free.pop() {
            Some(index) => LinkId { index, generation: self.reuse(index, link) },
            None => {
                let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
                self.slots.push(Slot { generation: 0, link: Some(link) });
                LinkId { index, generation: 0 }
            }
        };
        self.by_peer.insert(peer, id);
        id
    }

    pub(crate) fn remove(&mut self, id: LinkId) {
        let Some(slot) = self.slot_mut(id) else { return };
        if let Some(link) = slot.link.take() {
            self.by_peer.remove(&link.peer);
            self.free.push(id.index);
        }
    }

    pub(crate) fn get(&self, id: LinkId) -> Option<&Link> {
        let slot = self.slots.get(usize::try_from(id.index).ok()?)?;
        slot.link.as_ref().filter(|_| slot.generation == id.generation)
    }

    pub(crate) fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.slot_mut(id)?.link.as_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        self.by_peer.values().filter_map(|&id| Some((id, self.get(id)?)))
    }

    fn slot_mut(&mut self, id: LinkId) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(usize::try_from(id.index).ok()?)?;
        (slot.generation == id.generation).then_some(slot)
    }

    /// Puts a link into a free slot; returns its generation.
    fn reuse(&mut self, index: u32, link: Link) -> u32 {
        let slot = usize::try_from(index).ok().and_then(|index| self.slots.get_mut(index));
        slot.map_or(0, |slot| {
            slot.generation = slot.generation.wrapping_add(1);
            slot.link = Some(link);
            slot.generation
        })
    }
}
