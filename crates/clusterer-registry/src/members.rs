//! The nodes that a module watches.

use crate::slot::{Slot, first_late};
use crate::slots::{SharedSlot, Slots, Wanted};
use crate::{Registration, Volume};
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

/// When each of the nodes is to be looked at. The earliest is first.
pub(crate) type Looks = BinaryHeap<Reverse<Look>>;

/// When a node is to be looked at. Packed, since there is one for each of a hundred thousand nodes: 12 bytes, and
/// not 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(Rust, packed(4))]
pub(crate) struct Look {
    pub(crate) at: Moment,
    position: u32,
}

impl Look {
    pub(crate) fn new(at: Moment, position: usize) -> Reverse<Self> {
        // A table too long for that would not fit into memory either.
        Reverse(Self { at, position: u32::try_from(position).unwrap_or(u32::MAX) })
    }

    pub(crate) fn position(self) -> usize {
        usize::try_from(self.position).unwrap_or(usize::MAX)
    }
}

/// A node that a module watches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer<'m> {
    pub(crate) position: usize,
    pub(crate) node: &'m Node,
    pub(crate) slot: &'m Slot,
}

impl Members {
    /// Nobody.
    pub(crate) fn nobody(table: Arc<Table>) -> Self {
        Self { table, cluster: None, slots: Slots::default() }
    }

    pub(crate) fn by_machine(&self, machine: MachineId) -> Option<Peer<'_>> {
        self.at(self.cluster()?.position(machine)?)
    }

    pub(crate) fn at(&self, position: usize) -> Option<Peer<'_>> {
        let node = self.cluster()?.peers().get(position)?;
        Some(Peer { position, node, slot: self.slots.get(position)? })
    }

    /// What was queued for one of them.
    pub(crate) fn sent(&self, peer: Peer<'_>) -> Volume {
        self.slots.sent(peer.position).unwrap_or_default()
    }

    /// Counts a packet of so many bytes that is queued for a machine. Returns whether it is one of them.
    pub(crate) fn count_sent(&self, machine: MachineId, bytes: usize) -> bool {
        let position = self.cluster().and_then(|cluster| cluster.position(machine));
        position.and_then(|position| self.slots.count_sent(position, bytes)).is_some()
    }

    /// The slot of one of them, to be kept.
    pub(crate) fn share(&self, peer: Peer<'_>) -> Option<SharedSlot> {
        self.slots.share(peer.position)
    }

    /// All of them, in the order of the table.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Peer<'_>> {
        (0..self.slots.len()).filter_map(|position| self.at(position))
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
        for Reverse(look) in looks {
            if let Some(due) = due.get_mut(look.position()) {
                *due = Some(look.at);
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
            let Some(known) = self.by_machine(node.row.machine) else {
                looks.push(Look::new(first_late(now, timeout), position));
                return Wanted::New;
            };
            // Who was found silent has none until it is judged.
            let at = due.get(known.position).copied().flatten();
            looks.extend(at.map(|at| Look::new(at, position)));
            Wanted::Kept(known.position)
        };
        let wanted: Vec<Wanted> =
            peers.iter().enumerate().map(|(position, node)| watch(position, node)).collect();
        let slots = self.slots.reload(&wanted, now);
        (Self { table, cluster, slots }, looks.into())
    }

    fn cluster(&self) -> Option<&Cluster> {
        self.table.clusters().get(self.cluster?)
    }
}
