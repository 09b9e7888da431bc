//! The table: the clusters this machine belongs to, with their nodes, in database order.

use crate::{ClusterId, DbId, MachineId, NodeKey, Row, RowError};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

/// A row whose host name, if it had one, has been resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedRow {
    /// The row.
    pub row: Row,
    /// Where it listens.
    pub address: SocketAddr,
}

/// A provisioned node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its row.
    pub row: Row,
    /// Where it listens: the URL's host, resolved, and port.
    pub address: SocketAddr,
}

impl Node {
    /// What identifies it.
    #[must_use]
    pub const fn key(&self) -> NodeKey {
        NodeKey { cluster: self.row.cluster, machine: self.row.machine }
    }
}

/// A cluster this machine belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its id.
    pub id: ClusterId,
    /// This machine's own row in it.
    pub own: Node,
    /// The other nodes, in database order.
    pub peers: Vec<Node>,
}

/// Why a row was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Skip {
    /// Another row before it has the same cluster and machine id.
    DuplicateNode(NodeKey),
    /// Another row before it has the same database key.
    DuplicateId,
    /// A column holds something it must not.
    Row(RowError),
    /// The URL's host name could not be resolved; the text says how that went.
    Unresolvable(String),
}

/// A row that was left out, and why. The other rows are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedRow {
    /// Its database key as it stands there, if that is a number.
    pub id: Option<i128>,
    /// Why.
    pub why: Skip,
}

impl SkippedRow {
    fn new(id: DbId, why: Skip) -> Self {
        Self { id: Some(id.get().into()), why }
    }
}

impl fmt::Display for SkippedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "row {id}: ")?,
            None => f.write_str("a row without a numeric id: ")?,
        }
        self.why.fmt(f)
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateId => f.write_str("another row has this id"),
            Self::DuplicateNode(key) => write!(f, "another row has {key}"),
            Self::Row(error) => error.fmt(f),
            Self::Unresolvable(why) => write!(f, "column url: {why}"),
        }
    }
}

/// The clusters this machine belongs to. Built whole, never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    own: MachineId,
    clusters: Vec<Cluster>,
}

impl Table {
    /// A machine in no cluster.
    #[must_use]
    pub const fn empty(own: MachineId) -> Self {
        Self { own, clusters: Vec::new() }
    }

    /// Keeps the clusters in which `own` has a row. Returns also the rows that had to be left out.
    #[must_use]
    pub fn build(own: MachineId, rows: Vec<ResolvedRow>) -> (Self, Vec<SkippedRow>) {
        let mut skipped = Vec::new();
        let mut ids = BTreeSet::new();
        let mut keys = BTreeSet::new();
        let mut order: Vec<ClusterId> = Vec::new();
        let mut members: BTreeMap<ClusterId, (Option<Node>, Vec<Node>)> = BTreeMap::new();
        for ResolvedRow { row, address } in rows {
            let node = Node { row, address };
            if !ids.insert(node.row.id) {
                skipped.push(SkippedRow::new(node.row.id, Skip::DuplicateId));
                continue;
            }
            if !keys.insert(node.key()) {
                skipped.push(SkippedRow::new(node.row.id, Skip::DuplicateNode(node.key())));
                continue;
            }
            let (own_node, peers) = members.entry(node.row.cluster).or_insert_with(|| {
                order.push(node.row.cluster);
                (None, Vec::new())
            });
            if node.row.machine == own {
                *own_node = Some(node);
            } else {
                peers.push(node);
            }
        }
        let clusters = order
            .into_iter()
            .filter_map(|id| match members.remove(&id) {
                Some((Some(own), peers)) => Some(Cluster { id, own, peers }),
                _ => None,
            })
            .collect();
        (Self { own, clusters }, skipped)
    }

    /// This machine's own id.
    #[must_use]
    pub const fn own(&self) -> MachineId {
        self.own
    }

    /// The clusters, in database order.
    #[must_use]
    pub fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    /// All peers of all clusters, in database order within each cluster.
    pub fn peers(&self) -> impl Iterator<Item = &Node> {
        self.clusters.iter().flat_map(|cluster| &cluster.peers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cell, RawRow, UnixTime};
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec;
    use core::net::Ipv4Addr;

    fn row(id: i128, cluster: i128, machine: i128) -> ResolvedRow {
        let raw = RawRow {
            id: Cell::Int(id),
            cluster_id: Cell::Int(cluster),
            machine_id: Cell::Int(machine),
            url: Cell::Text(format!("bin:127.0.0.{machine}:5566")),
            ..RawRow::default()
        };
        let row = Row::parse(&raw, UnixTime::ZERO).unwrap().row;
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), row.url.port());
        ResolvedRow { row, address }
    }

    fn own() -> MachineId {
        MachineId::new(1).unwrap()
    }

    #[test]
    fn only_clusters_with_ones_own_row_are_kept_and_that_row_is_no_peer() {
        let rows = vec![row(1, 1, 1), row(2, 1, 2), row(3, 2, 2), row(4, 3, 9), row(5, 3, 1)];
        let (table, skipped) = Table::build(own(), rows);
        assert_eq!(skipped, []);
        let shape: Vec<_> = table
            .clusters()
            .iter()
            .map(|c| (c.id.get(), c.peers.iter().map(|n| n.row.machine.get()).collect::<Vec<_>>()))
            .collect();
        assert_eq!(shape, [(1, vec![2]), (3, vec![9])]);
        assert_eq!(table.clusters()[0].own.row.id.get(), 1);
    }

    #[test]
    fn a_second_row_with_one_id_is_named_and_left_out() {
        let rows = vec![row(1, 1, 1), row(2, 1, 2), row(2, 1, 3), row(4, 1, 2)];
        let (table, skipped) = Table::build(own(), rows);
        assert_eq!(table.peers().count(), 1);
        let texts: Vec<_> = skipped.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            ["row 2: another row has this id", "row 4: another row has cluster 1 machine 2"]
        );
    }

    #[test]
    fn a_machine_in_no_cluster_has_an_empty_table() {
        let (table, _) = Table::build(own(), vec![row(2, 1, 2)]);
        assert_eq!(table, Table::empty(own()));
    }
}
