//! The nodes that a module watches.

use crate::Registration;
use crate::slot::{Slot, first_late};
use crate::slots::{SharedSlot, Slots, Wanted};
use alloc::collections::BinaryHeap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use clusterer_node::{Cluster, MachineId, Moment, Node, NodeKey, Table};
use core::cmp::Reverse;

/// The nodes of a module's cluster that have its protocol. Immutable but for the slots' atomics.
#[derive(Clone, Debug)]
pub(crate) struct Members {
    table: Arc<Table>,
    /// Where the cluster stands in the table; `None` if this machine does not belong to it.
    cluster: Option<usize>,
    /// Of the cluster's peers, in their order; none for one of another protocol.
    slots: Slots,
}

/// When each of the nodes is to be looked at, by its position. The earliest is first. There is one for each of a
/// hundred thousand nodes: with a position of 4 bytes it takes 12, and not 16.
pub(crate) type Looks = BinaryHeap<Reverse<(Moment, u32)>>;

/// A node that a module watches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer<'m> {
    pub(crate) position: u32,
    pub(crate) node: &'m Node,
    pub(crate) slot: &'m Slot,
}

impl Members {
    /// Nobody.
    pub(crate) fn nobody(table: Arc<Table>) -> Self {
        Self { table, cluster: None, slots: Slots::default() }
    }

    pub(crate) fn by_machine(&self, machine: MachineId) -> Option<Peer<'_>> {
        self.at(u32::try_from(self.cluster()?.position(machine)?).ok()?)
    }

    pub(crate) fn at(&self, position: u32) -> Option<Peer<'_>> {
        let at = usize::try_from(position).ok()?;
        let node = self.cluster()?.peers().get(at)?;
        Some(Peer { position, node, slot: self.slots.get(at)? })
    }

    /// The slot of one of them, to be kept.
    pub(crate) fn share(&self, peer: Peer<'_>) -> Option<SharedSlot> {
        self.slots.share(usize::try_from(peer.position).ok()?)
    }

    /// All of them, in the order of the table.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Peer<'_>> {
        (0..).zip(0..self.slots.len()).filter_map(|(position, _)| self.at(position))
    }

    /// Those that are not watched any more, after a reload.
    pub(crate) fn gone(&self, now: &Self) -> impl Iterator<Item = NodeKey> {
        let keys = self.iter().map(|peer| peer.node.key());
        keys.filter(|key| now.by_machine(key.machine).is_none())
    }

    /// Those of another table. Who was watched before keeps its slot and its time; who is new counts as
    /// heard now.
    pub(crate) fn reload(
        &self,
        looks: Looks,
        table: Arc<Table>,
        registration: &Registration,
        now: Moment,
    ) -> (Self, Looks) {
        let Registration { cluster, protocol, timeout, .. } = *registration;
        let mut due = vec![None; self.slots.len()];
        for Reverse((at, position)) in looks {
            if let Some(due) = usize::try_from(position).ok().and_then(|at| due.get_mut(at)) {
                *due = Some(at);
            }
        }
        let cluster = cluster.and_then(|id| table.position(id));
        let peers = cluster.and_then(|at| table.clusters().get(at)).map(Cluster::peers);
        let peers = peers.unwrap_or_default();
        let mut looks = Vec::with_capacity(peers.len());
        let mut watch = |position, node: &Node| {
            if node.row.url.protocol() != protocol {
                return Wanted::Nobody;
            }
            let known = self.by_machine(node.row.machine);
            let Some(known) = known.and_then(|known| usize::try_from(known.position).ok()) else {
                looks.push(Reverse((first_late(now, timeout), position)));
                return Wanted::New;
            };
            // Who was found silent has none until it is judged.
            let at = due.get(known).copied().flatten();
            looks.extend(at.map(|at| Reverse((at, position))));
            Wanted::Kept(known)
        };
        let wanted: Vec<Wanted> =
            (0..).zip(peers).map(|(position, node)| watch(position, node)).collect();
        let slots = self.slots.reload(&wanted, now);
        (Self { table, cluster, slots }, looks.into())
    }

    fn cluster(&self) -> Option<&Cluster> {
        self.table.clusters().get(self.cluster?)
    }
}
