//! The table: the clusters this machine belongs to, with their nodes, in database order.

use crate::index::Index;
use crate::{ClusterId, DbId, Endpoint, MachineId, NodeKey, Row, RowError};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, SocketAddr};

/// A row whose host name, if it had one, has been resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedRow {
    /// The row.
    pub row: Row,
    /// The address of its URL's host.
    pub ip: IpAddr,
}

/// A provisioned node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its row.
    pub row: Row,
    /// The address of its URL's host.
    pub ip: IpAddr,
}

impl Node {
    /// What identifies it.
    #[must_use]
    pub const fn key(&self) -> NodeKey {
        NodeKey { cluster: self.row.cluster, machine: self.row.machine }
    }

    /// Where it listens: the URL's host, resolved, and port.
    #[must_use]
    pub const fn endpoint(&self) -> Endpoint {
        Endpoint { ip: self.ip, port: self.row.url.port() }
    }

    /// The same for a socket.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.row.url.port())
    }
}

/// A cluster this machine belongs to.
#[derive(Clone, Debug)]
pub struct Cluster {
    id: ClusterId,
    own: Node,
    peers: Box<[Node]>,
    by_machine: Index,
}

impl Cluster {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> ClusterId {
        self.id
    }

    /// This machine's own row in it.
    #[must_use]
    pub const fn own(&self) -> &Node {
        &self.own
    }

    /// The other nodes, in database order.
    #[must_use]
    pub const fn peers(&self) -> &[Node] {
        &self.peers
    }

    /// The node of a machine, in one step however many there are; `None` for this machine.
    #[must_use]
    pub fn peer(&self, machine: MachineId) -> Option<&Node> {
        self.peers.get(self.position(machine)?)
    }

    /// Where among [`Cluster::peers`] the node of a machine stands.
    #[must_use]
    pub fn position(&self, machine: MachineId) -> Option<usize> {
        position(&self.by_machine, &self.peers, machine)
    }
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

/// The clusters this machine belongs to. Built whole, never changed: what else is known of a node may be
/// kept elsewhere, by its position.
#[derive(Clone, Debug)]
pub struct Table {
    own: MachineId,
    clusters: Vec<Cluster>,
    by_id: Index,
}

impl Table {
    /// A machine in no cluster.
    #[must_use]
    pub fn empty(own: MachineId) -> Self {
        Self { own, clusters: Vec::new(), by_id: Index::default() }
    }

    /// Keeps the clusters in which `own` has a row. Returns also the rows that had to be left out.
    #[must_use]
    pub fn build(own: MachineId, rows: Vec<ResolvedRow>) -> (Self, Vec<SkippedRow>) {
        let mut skipped = Vec::new();
        let mut ids = BTreeSet::new();
        let mut order: Vec<ClusterId> = Vec::new();
        let mut drafts: BTreeMap<ClusterId, Draft> = BTreeMap::new();
        for ResolvedRow { row, ip } in rows {
            let node = Node { row, ip };
            let (id, key) = (node.row.id, node.key());
            if !ids.insert(id) {
                skipped.push(SkippedRow::new(id, Skip::DuplicateId));
                continue;
            }
            let draft = drafts.entry(key.cluster).or_insert_with(|| {
                order.push(key.cluster);
                Draft::default()
            });
            if !draft.add(own, node) {
                skipped.push(SkippedRow::new(id, Skip::DuplicateNode(key)));
            }
        }
        let finished = order.into_iter().filter_map(|id| drafts.remove(&id)?.finish(id));
        let clusters: Vec<Cluster> = finished.collect();
        let mut by_id = Index::default();
        let id_at = |at| clusters.get(at).map(|cluster: &Cluster| cluster.id.get());
        for (position, cluster) in clusters.iter().enumerate() {
            by_id.insert(cluster.id.get(), position, id_at);
        }
        (Self { own, clusters, by_id }, skipped)
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

    /// A cluster, in one step however many there are.
    #[must_use]
    pub fn cluster(&self, id: ClusterId) -> Option<&Cluster> {
        self.clusters.get(self.position(id)?)
    }

    /// Where among [`Table::clusters`] a cluster stands.
    #[must_use]
    pub fn position(&self, id: ClusterId) -> Option<usize> {
        let is = |at| self.clusters.get(at).is_some_and(|cluster: &Cluster| cluster.id == id);
        self.by_id.find(id.get(), is)
    }

    /// A node of a cluster, other than this machine's own.
    #[must_use]
    pub fn peer(&self, key: NodeKey) -> Option<&Node> {
        self.cluster(key.cluster)?.peer(key.machine)
    }

    /// All peers of all clusters, in database order within each cluster.
    pub fn peers(&self) -> impl Iterator<Item = &Node> {
        self.clusters.iter().flat_map(|cluster| &cluster.peers)
    }
}

/// A cluster of which rows are still being found.
#[derive(Default)]
struct Draft {
    own: Option<Node>,
    peers: Vec<Node>,
    by_machine: Index,
}

impl Draft {
    /// Returns whether the node is the first of its machine.
    fn add(&mut self, own: MachineId, node: Node) -> bool {
        let machine = node.row.machine;
        if machine == own {
            let is_first = self.own.is_none();
            self.own.get_or_insert(node);
            return is_first;
        }
        if position(&self.by_machine, &self.peers, machine).is_some() {
            return false;
        }
        self.peers.push(node);
        let peers = &self.peers;
        self.by_machine.insert(machine.get(), peers.len() - 1, |at| {
            peers.get(at).map(|node| node.row.machine.get())
        });
        true
    }

    /// The cluster, if this machine belongs to it.
    fn finish(self, id: ClusterId) -> Option<Cluster> {
        let Self { own, peers, by_machine } = self;
        Some(Cluster { id, own: own?, peers: peers.into(), by_machine })
    }
}

fn position(by_machine: &Index, peers: &[Node], machine: MachineId) -> Option<usize> {
    let is = |at| peers.get(at).is_some_and(|node: &Node| node.row.machine == machine);
    by_machine.find(machine.get(), is)
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
        ResolvedRow { row, ip: Ipv4Addr::LOCALHOST.into() }
    }

    fn own() -> MachineId {
        MachineId::new(1).unwrap()
    }

    #[test]
    fn only_clusters_with_ones_own_row_are_kept_and_that_row_is_no_peer() {
        let rows = vec![row(1, 1, 1), row(2, 1, 2), row(3, 2, 2), row(4, 3, 9), row(5, 3, 1)];
        let (table, skipped) = Table::build(own(), rows);
        assert_eq!(skipped, []);
        let shape: Vec<(i32, Vec<i32>)> = table
            .clusters()
            .iter()
            .map(|c| (c.id().get(), c.peers().iter().map(|n| n.row.machine.get()).collect()))
            .collect();
        assert_eq!(shape, [(1, vec![2]), (3, vec![9])]);
        assert_eq!(table.clusters()[0].own().row.id.get(), 1);
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
        assert_eq!((table.own(), table.clusters().len()), (own(), 0));
    }

    #[test]
    fn nodes_are_found_by_their_ids() {
        let rows = vec![row(1, 1, 1), row(2, 1, 2), row(3, 3, 2), row(4, 3, 9), row(5, 3, 1)];
        let (table, _) = Table::build(own(), rows);
        let id = |cluster, machine| {
            let cluster = ClusterId::new(cluster).unwrap();
            let key = NodeKey { cluster, machine: MachineId::new(machine).unwrap() };
            table.peer(key).map(|node| node.row.id.get())
        };
        assert_eq!([id(1, 2), id(3, 2), id(3, 9)], [Some(2), Some(3), Some(4)]);
        assert_eq!([id(1, 9), id(2, 2), id(4, 2)], [None; 3], "there is none");
        assert_eq!([id(1, 1), id(3, 1)], [None; 2], "one's own row is no peer");
        let cluster = table.cluster(ClusterId::new(3).unwrap()).unwrap();
        assert_eq!(cluster.position(MachineId::new(9).unwrap()), Some(1));
    }
}
