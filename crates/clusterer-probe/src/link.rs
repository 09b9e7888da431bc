//! The links of a prober: which connection is in which state, who shares it, which ping is in flight.

use crate::way::{Way, Ways};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use clusterer_node::{Endpoint, LinkId, LinkState, MachineId, Moment, NodeKey};
use core::net::IpAddr;
use core::num::NonZeroI32;
use core::slice;

/// What makes two rows share a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Peer {
    pub(crate) machine: MachineId,
    pub(crate) address: Endpoint,
    pub(crate) bind: Option<IpAddr>,
}

/// One outbound connection to a peer, with its pings. Each peer has one for as long as it is in the table.
#[derive(Debug)]
pub(crate) struct Link {
    way: Way,
    /// Who uses it, or the first of those who do: see [`Links::users`].
    user: NodeKey,
    /// How often its slot was given out before.
    generation: u32,
    /// How often it was dialled.
    pub(crate) dialled: u32,
    /// The nonce of the ping that has not been answered nor judged.
    pub(crate) in_flight: Option<NonZeroI32>,
    /// When the last dial or ping began; before the first, when the link was made.
    pub(crate) asked: Moment,
    /// One that was closed in order is dialled again at once, but not more than once an interval: not before.
    pub(crate) reconnect_from: Moment,
    /// The same for one that failed.
    pub(crate) retry_from: Moment,
    pub(crate) state: LinkState,
    /// The process at the other end answers pings. Forgotten when it ends the connection: what
    /// listens there next may be a 2.2 node, which never answers.
    pub(crate) answers: bool,
    /// Its last question may have gone out late, and it has been asked once more since.
    pub(crate) excused: bool,
    /// There are more users than the first.
    shared: bool,
}

impl Link {
    fn new(now: Moment, way: Way, user: NodeKey) -> Self {
        Self {
            way,
            user,
            generation: 0,
            dialled: 0,
            in_flight: None,
            asked: now,
            reconnect_from: Moment::ZERO,
            retry_from: Moment::ZERO,
            state: LinkState::Idle,
            answers: false,
            excused: false,
            shared: false,
        }
    }

    /// The machine at its other end: rows share a link only if they have the same.
    pub(crate) const fn machine(&self) -> MachineId {
        self.user.machine
    }

    pub(crate) fn peer(&self) -> Peer {
        let (address, bind) = self.way.ends();
        Peer { machine: self.machine(), address, bind }
    }
}

/// The links by id. Slots are reused, with another generation.
#[derive(Debug)]
pub(crate) struct Links {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// All users of those links that have several, which are few, by slot.
    shared: BTreeMap<u32, Vec<NodeKey>>,
    ways: Ways,
}

#[derive(Debug)]
enum Slot {
    Used(Link),
    /// The generation of its last link.
    Free(u32),
}

impl Links {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), shared: BTreeMap::new(), ways: Ways::new() }
    }

    /// The link to each peer. Needed while rows are taken in, and too large to be kept.
    pub(crate) fn by_peer(&self) -> BTreeMap<Peer, LinkId> {
        self.iter().map(|(id, link)| (link.peer(), id)).collect()
    }

    /// Makes a link for its first user.
    pub(crate) fn add(&mut self, now: Moment, peer: Peer, user: NodeKey) -> LinkId {
        let way = self.ways.way(peer.address, peer.bind);
        let mut link = Link::new(now, way, user);
        let free = self.free.pop();
        if let Some(index) = free
            && let Some(slot) = position(index).and_then(|position| self.slots.get_mut(position))
        {
            link.generation = slot.generation().wrapping_add(1);
            let id = LinkId { index, generation: link.generation };
            *slot = Slot::Used(link);
            return id;
        }
        let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let id = LinkId { index, generation: link.generation };
        self.slots.push(Slot::Used(link));
        id
    }

    /// The rows that use a link. There is one, nearly always.
    pub(crate) fn users(&self, id: LinkId) -> &[NodeKey] {
        match self.get(id) {
            Some(link) if link.shared => self.shared.get(&id.index).map_or(&[], Vec::as_slice),
            Some(link) => slice::from_ref(&link.user),
            None => &[],
        }
    }

    pub(crate) fn add_user(&mut self, id: LinkId, user: NodeKey) {
        let Some(link) = self.get_mut(id) else { return };
        link.shared = true;
        let first = link.user;
        self.shared.entry(id.index).or_insert_with(|| vec![first]).push(user);
    }

    /// Returns the peer, if that was the link's last user: the link is no more.
    pub(crate) fn remove_user(&mut self, id: LinkId, user: NodeKey) -> Option<Peer> {
        let link = self.get(id)?;
        if link.shared {
            self.unshare(id, user);
            return None;
        }
        let peer = link.peer();
        *self.slots.get_mut(position(id.index)?)? = Slot::Free(id.generation);
        self.free.push(id.index);
        Some(peer)
    }

    /// Removes one of several users.
    fn unshare(&mut self, id: LinkId, user: NodeKey) {
        let Some(users) = self.shared.get_mut(&id.index) else { return };
        users.retain(|&other| other != user);
        let (first, shared) = (users.first().copied(), users.len() > 1);
        if !shared {
            self.shared.remove(&id.index);
        }
        if let (Some(link), Some(first)) = (self.get_mut(id), first) {
            (link.user, link.shared) = (first, shared);
        }
    }

    /// Gives back the room that is not used, and returns how many slots there are.
    pub(crate) fn fit(&mut self) -> usize {
        self.slots.shrink_to_fit();
        self.slots.len()
    }

    pub(crate) fn get(&self, id: LinkId) -> Option<&Link> {
        self.at(id.index).filter(|link| link.generation == id.generation)
    }

    pub(crate) fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        match self.slots.get_mut(position(id.index)?)? {
            Slot::Used(link) if link.generation == id.generation => Some(link),
            _ => None,
        }
    }

    /// The id of the link in a slot.
    pub(crate) fn id(&self, index: u32) -> Option<LinkId> {
        self.at(index).map(|link| LinkId { index, generation: link.generation })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        (0..).zip(&self.slots).filter_map(|(index, slot)| match slot {
            Slot::Used(link) => Some((LinkId { index, generation: link.generation }, link)),
            Slot::Free(_) => None,
        })
    }

    fn at(&self, index: u32) -> Option<&Link> {
        match self.slots.get(position(index)?)? {
            Slot::Used(link) => Some(link),
            Slot::Free(_) => None,
        }
    }
}

impl Slot {
    const fn generation(&self) -> u32 {
        match self {
            Self::Used(Link { generation, .. }) | Self::Free(generation) => *generation,
        }
    }
}

fn position(index: u32) -> Option<usize> {
    usize::try_from(index).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of a hundred thousand peers has one.
    #[test]
    fn a_link_costs_64_bytes() {
        assert_eq!(size_of::<Slot>(), 64);
    }
}
