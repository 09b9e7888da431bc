//! What other threads know of the node: an immutable picture, replaced whole.

use crate::ping::{MODULE, PING, PONG};
use crate::shown::{ClusterView, NodeView, Nodes};
use crate::statuses::Statuses;
use alloc::sync::Arc;
use alloc::vec::Vec;
use clusterer_bin::{Dialect, Packet};
use clusterer_node::{ClusterId, MachineId, Moment, NodeKey, Protocol, State, Table};
use clusterer_registry::{DropReason, Modules, Route, Routes, Verdict, Volume};
use core::net::IpAddr;

/// What the modules of a cluster and one of its nodes have sent each other. Pings are no part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// What was admitted.
    pub received: Volume,
    /// What was queued on its link.
    pub sent: Volume,
}

/// The node's knowledge at one moment. A copy is cheap, and shares what it can with the views before it.
#[derive(Clone, Debug)]
pub struct View {
    table: Arc<Table>,
    /// One for each of the table's clusters.
    statuses: Vec<Statuses>,
    modules: Modules,
}

/// What to do with a packet. What it is if it is a module's depends on who asks.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Admission<M> {
    /// Drop it, and count why.
    Drop(DropReason),
    /// It is a module's.
    Module(M),
    /// Answer it with a pong that carries this nonce, on the same connection.
    Ping {
        /// The nonce.
        nonce: i32,
    },
    /// Hand it to the core, if it came on a link.
    Pong {
        /// Who sent it.
        sender: MachineId,
        /// The nonce.
        nonce: i32,
    },
}

impl View {
    pub(crate) const fn new(table: Arc<Table>, statuses: Vec<Statuses>, modules: Modules) -> Self {
        Self { table, statuses, modules }
    }

    /// This machine's id.
    #[must_use]
    pub fn own(&self) -> MachineId {
        self.table.own()
    }

    /// The clusters this machine belongs to, in database order.
    pub fn clusters(&self) -> impl DoubleEndedIterator<Item = ClusterView<'_>> {
        let clusters = self.table.clusters().iter().zip(&self.statuses);
        clusters.map(|(cluster, statuses)| ClusterView::new(cluster, statuses))
    }

    /// A cluster, if this machine belongs to it.
    #[must_use]
    pub fn cluster(&self, id: ClusterId) -> Option<ClusterView<'_>> {
        let position = self.table.position(id)?;
        let cluster = self.table.clusters().get(position)?;
        Some(ClusterView::new(cluster, self.statuses.get(position)?))
    }

    /// The nodes of all clusters, in database order within each cluster.
    pub fn nodes(&self) -> impl Iterator<Item = NodeView<'_>> {
        self.clusters().flat_map(|cluster| cluster.nodes)
    }

    /// A node of a cluster, in one step however many there are.
    #[must_use]
    pub fn node(&self, key: NodeKey) -> Option<NodeView<'_>> {
        self.cluster(key.cluster)?.node(key.machine)
    }

    /// The nodes of a cluster that are up and have this protocol.
    pub fn up(&self, id: ClusterId, protocol: Protocol) -> impl Iterator<Item = NodeView<'_>> {
        let nodes = self.cluster(id).map(|cluster| cluster.nodes);
        nodes.into_iter().flatten().filter(move |view| {
            view.state() == State::Up && view.node.row.url.protocol() == protocol
        })
    }

    /// The nodes that may be shown otherwise than by a former view, each as it was and as it is; `None` if
    /// the table was loaded anew in between. What was not touched costs nothing.
    pub fn changes_since<'v>(
        &'v self,
        former: &'v Self,
    ) -> Option<impl Iterator<Item = (NodeView<'v>, NodeView<'v>)>> {
        let clusters = former.clusters().zip(self.clusters());
        Arc::ptr_eq(&self.table, &former.table)
            .then(|| clusters.flat_map(|(from, to)| Nodes::changes(from.nodes, to.nodes)))
    }

    /// Whether this address, machine id and protocol are those of one node of the cluster. Its port and
    /// state do not matter; this machine itself never is.
    #[must_use]
    pub fn check(
        &self,
        id: ClusterId,
        from: IpAddr,
        machine: MachineId,
        protocol: Protocol,
    ) -> bool {
        let peer = self.table.peer(NodeKey { cluster: id, machine });
        peer.is_some_and(|node| {
            node.row.url.protocol() == protocol && node.ip.to_canonical() == from.to_canonical()
        })
    }

    /// Whether a machine is a node of any cluster, at this address. Looks at each cluster once, however
    /// many nodes that has.
    #[must_use]
    pub fn knows(&self, from: IpAddr, machine: i32) -> bool {
        MachineId::new(machine).is_some_and(|machine| self.is_at(machine, from))
    }

    /// What the cluster's modules and a node have sent each other; `None` if there is no such node. Kept
    /// across reloads. The figure of now, however old the view is.
    #[must_use]
    pub fn traffic(&self, key: NodeKey) -> Option<Traffic> {
        let sent = self.node(key)?.sent_by_others().plus(self.modules.sent(key));
        Some(Traffic { received: self.modules.received(key), sent })
    }

    /// When any of the cluster's modules last heard a node (at first, when it was loaded); `None` if none
    /// watches it. [`Modules::watched`] says so of each module. The figure of now, however old the view is.
    #[must_use]
    pub fn last_seen(&self, key: NodeKey) -> Option<Moment> {
        self.modules.last_heard(key)
    }

    /// The registered modules.
    #[must_use]
    pub const fn modules(&self) -> &Modules {
        &self.modules
    }

    /// The whole decision about a packet that came from this address. Any thread.
    #[must_use]
    pub fn admit(&self, from: IpAddr, packet: &Packet<'_>, now: Moment) -> Admission<Verdict<'_>> {
        if is_own(packet) {
            self.admit_own(from, packet)
        } else {
            Admission::Module(self.modules.admit(from, packet, now))
        }
    }

    /// The same decision in two steps, for those who receive many packets over one connection: what the
    /// connection's [`Routes`] remember needs only be compared. The second step, which concerns time, is
    /// [`Route::arrive`].
    pub fn route<'r>(
        &self,
        routes: &'r mut Routes,
        from: IpAddr,
        packet: &Packet<'_>,
    ) -> Admission<&'r Route> {
        if is_own(packet) {
            return self.admit_own(from, packet);
        }
        match routes.find(&self.modules, from, packet) {
            Ok(route) => Admission::Module(route),
            Err(reason) => Admission::Drop(reason),
        }
    }

    /// Pings and pongs: only from a node at its address.
    fn admit_own<M>(&self, from: IpAddr, packet: &Packet<'_>) -> Admission<M> {
        let Some(sender) = MachineId::new(packet.sender) else {
            return Admission::Drop(DropReason::SenderId);
        };
        if !self.is_at(sender, from) {
            return Admission::Drop(DropReason::Auth);
        }
        match (packet.command, packet.body().int()) {
            (PING, Ok(nonce)) => Admission::Ping { nonce },
            (PONG, Ok(nonce)) => Admission::Pong { sender, nonce },
            (PING | PONG, Err(_)) => Admission::Drop(DropReason::Malformed),
            _ => Admission::Drop(DropReason::UnknownCommand),
        }
    }

    fn is_at(&self, machine: MachineId, from: IpAddr) -> bool {
        let from = from.to_canonical();
        let clusters = self.table.clusters().iter();
        clusters.filter_map(|it| it.peer(machine)).any(|node| node.ip.to_canonical() == from)
    }
}

/// A packet of the node's own, which no module takes.
fn is_own(packet: &Packet<'_>) -> bool {
    packet.dialect == Dialect::V22 && packet.module == MODULE.as_bytes()
}
