//! The links of a prober: which connection is in which state, who shares it, which ping is in flight.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use clusterer_node::{Endpoint, LinkId, LinkState, MachineId, Moment, NodeKey};
use core::net::IpAddr;

/// What makes two rows share a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Peer {
    pub(crate) machine: MachineId,
    pub(crate) address: Endpoint,
    pub(crate) bind: Option<IpAddr>,
}

/// One outbound connection to a peer, with its pings. Each peer has one for as long as it is in the
/// table: what only a failing one needs is elsewhere.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) peer: Peer,
    pub(crate) users: Users,
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
    /// When the last dial or ping began; before the first, when the link was made.
    pub(crate) asked: Moment,
    /// How often its slot was given out before.
    generation: u32,
    retries: Option<Box<Retries>>,
}

/// When a link that failed, or was closed, was dialled again at once: not more than once an interval.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    /// After it was closed in order.
    pub(crate) reconnected: Option<Moment>,
    /// After a failure.
    pub(crate) retried: Option<Moment>,
}

/// The rows that use a link. There is one, nearly always.
#[derive(Debug)]
pub(crate) enum Users {
    One(NodeKey),
    Several(Box<[NodeKey]>),
}

impl Link {
    fn new(now: Moment, peer: Peer, user: NodeKey) -> Self {
        Self {
            peer,
            users: Users::One(user),
            state: LinkState::Idle,
            dialled: 0,
            in_flight: None,
            answers: false,
            excused: false,
            asked: now,
            generation: 0,
            retries: None,
        }
    }

    pub(crate) fn retries(&mut self) -> &mut Retries {
        self.retries.get_or_insert_default()
    }
}

impl Users {
    pub(crate) fn as_slice(&self) -> &[NodeKey] {
        match self {
            Self::One(node) => core::slice::from_ref(node),
            Self::Several(nodes) => nodes,
        }
    }

    fn add(&mut self, node: NodeKey) {
        *self = Self::Several(self.as_slice().iter().copied().chain([node]).collect());
    }

    /// Returns whether somebody is left. The last one stays, for a link that is to be removed.
    fn remove(&mut self, node: NodeKey) -> bool {
        let left: Box<[NodeKey]> =
            self.as_slice().iter().copied().filter(|&user| user != node).collect();
        *self = match *left {
            [] => return false,
            [one] => Self::One(one),
            _ => Self::Several(left),
        };
        true
    }
}

/// The links by id. Slots are reused, with another generation.
#[derive(Debug)]
pub(crate) struct Links {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
enum Slot {
    Used(Link),
    /// The generation of its last link.
    Free(u32),
}

impl Links {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// The link to each peer. Needed while rows are taken in, and too large to be kept.
    pub(crate) fn by_peer(&self) -> BTreeMap<Peer, LinkId> {
        self.iter().map(|(id, link)| (link.peer, id)).collect()
    }

    /// Makes a link for its first user.
    pub(crate) fn add(&mut self, now: Moment, peer: Peer, user: NodeKey) -> LinkId {
        let mut link = Link::new(now, peer, user);
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

    pub(crate) fn add_user(&mut self, id: LinkId, user: NodeKey) {
        if let Some(link) = self.get_mut(id) {
            link.users.add(user);
        }
    }

    /// Returns the peer, if that was the link's last user: the link is no more.
    pub(crate) fn remove_user(&mut self, id: LinkId, user: NodeKey) -> Option<Peer> {
        let link = self.get_mut(id)?;
        let peer = link.peer;
        if link.users.remove(user) {
            return None;
        }
        *self.slots.get_mut(position(id.index)?)? = Slot::Free(id.generation);
        self.free.push(id.index);
        Some(peer)
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
    fn a_link_costs_less_than_a_hundred_bytes() {
        assert_eq!(size_of::<Slot>(), 96);
    }
}
