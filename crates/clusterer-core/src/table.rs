//! The table, with its nodes shared so that views can keep them.

use crate::view::Known;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use clusterer_node::{Availability, ClusterId, DbId, MachineId, Node, NodeKey, Table};
use clusterer_probe::Prober;
use core::net::IpAddr;

/// The table as it was loaded last.
#[derive(Debug)]
pub(crate) struct TableView {
    pub(crate) own: MachineId,
    pub(crate) clusters: Vec<(ClusterId, Vec<Arc<Node>>)>,
    pub(crate) by_key: BTreeMap<NodeKey, Arc<Node>>,
    pub(crate) known: Arc<Known>,
}

/// The address of one's own row in the first cluster shared with a machine at an address. Needed while a
/// table is taken in, and too large to be kept.
pub(crate) type OwnRows = BTreeMap<(MachineId, IpAddr), IpAddr>;

impl TableView {
    pub(crate) fn new(table: &Table) -> Self {
        let share = |nodes: &[Node]| nodes.iter().cloned().map(Arc::new).collect();
        let clusters: Vec<(ClusterId, Vec<Arc<Node>>)> =
            table.clusters().iter().map(|cluster| (cluster.id, share(&cluster.peers))).collect();
        let nodes = || clusters.iter().flat_map(|(_, nodes)| nodes);
        let by_key = nodes().map(|node| (node.key(), node.clone())).collect();
        let known = nodes().map(|node| (node.row.machine, node.address.ip().to_canonical()));
        let known = Arc::new(known.collect());
        Self { own: table.own(), clusters, by_key, known }
    }

    pub(crate) fn current(&self, prober: &Prober, node: NodeKey) -> Option<(DbId, Availability)> {
        Some((self.by_key.get(&node)?.row.id, *prober.availability(node)?))
    }
}

pub(crate) fn own_rows(table: &Table) -> OwnRows {
    let mut own_rows = OwnRows::new();
    for cluster in table.clusters() {
        for Node { row, address } in &cluster.peers {
            let own_row = cluster.own.address.ip();
            own_rows.entry((row.machine, address.ip())).or_insert(own_row);
        }
    }
    own_rows
}
