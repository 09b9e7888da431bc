//! What other threads know of the node: an immutable picture, replaced whole.

use crate::figures::Figures;
use crate::ping::{MODULE, PING, PONG};
use crate::{Failure, RoundTrip};
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use clusterer_bin::{Dialect, Packet};
use clusterer_node::{
    Availability, ClusterId, LinkId, LinkState, MachineId, Moment, Node, NodeKey, Protocol, State,
    UnixTime,
};
use clusterer_registry::{DropReason, Modules, Verdict, Volume};
use core::net::IpAddr;

/// A node as it stands: its row, its availability, its link.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeView {
    /// Its row and address.
    pub node: Arc<Node>,
    /// Whether it is in use and reachable.
    pub availability: Availability,
    /// The link to it; `None` for a node that is never dialled.
    pub link: Option<LinkId>,
    /// What that link's connection is doing.
    pub link_state: LinkState,
    /// Since when it is down, up, probing or temporarily disabled, by the wall clock; for a node that has
    /// not changed that since, when it was first loaded.
    pub since: UnixTime,
    pub(crate) last_failure: Option<Arc<Failure>>,
    /// Of a node that is dialled, or was.
    pub(crate) figures: Option<Arc<Figures>>,
}

/// What the modules of a cluster and one of its nodes have sent each other. Pings are no part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// What was admitted.
    pub received: Volume,
    /// What was queued on its link.
    pub sent: Volume,
}

impl NodeView {
    /// The state as the database and MI show it.
    #[must_use]
    pub const fn state(&self) -> State {
        self.availability.state()
    }

    /// Its last failure that this process has seen, be it well again or not.
    #[must_use]
    pub fn last_failure(&self) -> Option<Failure> {
        self.last_failure.as_deref().copied()
    }

    /// When it is dialled or pinged next; of one that is temporarily disabled, when it counts as up again;
    /// `None` if it is left alone. Like [`NodeView::round_trip`] and [`NodeView::sent`] this is the figure of
    /// now, however old the view is; a moment that is over means that it happens in these milliseconds, or
    /// when a late answer has been judged.
    #[must_use]
    pub fn next_attempt(&self) -> Option<Moment> {
        self.figures.as_ref()?.next_attempt()
    }

    /// How long its pings took, by the link that it has; `None` if it has not answered one yet.
    #[must_use]
    pub fn round_trip(&self) -> Option<RoundTrip> {
        self.figures.as_ref()?.round_trip()
    }

    /// What modules have sent to it: what was queued on its link, also if that broke before it went out.
    /// Kept across reloads.
    #[must_use]
    pub fn sent(&self) -> Volume {
        self.figures.as_ref().map(|figures| figures.sent.read()).unwrap_or_default()
    }

    /// Counts a packet of so many bytes that was queued for it. For drivers. Any thread; no lock, no allocation.
    pub fn count_sent(&self, bytes: usize) {
        if let Some(figures) = &self.figures {
            figures.sent.count(bytes);
        }
    }
}

/// A cluster as it stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClusterView {
    /// Its id.
    pub id: ClusterId,
    /// The other nodes, in database order.
    pub nodes: Vec<NodeView>,
}

/// The node's knowledge at one moment.
#[derive(Clone, Debug)]
pub struct View {
    own: MachineId,
    clusters: Vec<Arc<ClusterView>>,
    modules: Modules,
    known: Arc<Known>,
}

/// The machines that are nodes of any cluster, with their addresses.
pub(crate) type Known = BTreeSet<(MachineId, IpAddr)>;

/// What to do with a packet.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Admission<'v> {
    /// Drop it, and count why.
    Drop(DropReason),
    /// It is a module's: deliver it, or do not.
    Module(Verdict<'v>),
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
    pub(crate) const fn new(
        own: MachineId,
        clusters: Vec<Arc<ClusterView>>,
        modules: Modules,
        known: Arc<Known>,
    ) -> Self {
        Self { own, clusters, modules, known }
    }

    /// This machine's id.
    #[must_use]
    pub const fn own(&self) -> MachineId {
        self.own
    }

    /// The clusters this machine belongs to, in database order.
    pub fn clusters(&self) -> impl DoubleEndedIterator<Item = &ClusterView> {
        self.clusters.iter().map(|cluster| &**cluster)
    }

    /// A cluster, if this machine belongs to it.
    #[must_use]
    pub fn cluster(&self, id: ClusterId) -> Option<&ClusterView> {
        self.clusters().find(|cluster| cluster.id == id)
    }

    /// A node of a cluster.
    #[must_use]
    pub fn node(&self, key: NodeKey) -> Option<&NodeView> {
        self.cluster(key.cluster)?.nodes.iter().find(|view| view.node.key() == key)
    }

    /// The nodes of a cluster that are up and have this protocol.
    pub fn up(&self, id: ClusterId, protocol: Protocol) -> impl Iterator<Item = &NodeView> {
        let nodes = self.cluster(id).map(|cluster| cluster.nodes.iter()).unwrap_or_default();
        nodes.filter(move |view| {
            view.state() == State::Up && view.node.row.url.protocol() == protocol
        })
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
        let from = from.to_canonical();
        self.cluster(id).is_some_and(|cluster| {
            cluster.nodes.iter().any(|view| {
                view.node.row.machine == machine
                    && view.node.row.url.protocol() == protocol
                    && view.node.address.ip().to_canonical() == from
            })
        })
    }

    /// Whether a machine is a node of any cluster, at this address.
    #[must_use]
    pub fn knows(&self, from: IpAddr, machine: i32) -> bool {
        MachineId::new(machine)
            .is_some_and(|machine| self.known.contains(&(machine, from.to_canonical())))
    }

    /// What the cluster's modules and a node have sent each other; `None` if there is no such node. Kept
    /// across reloads. The figure of now, however old the view is.
    #[must_use]
    pub fn traffic(&self, key: NodeKey) -> Option<Traffic> {
        let sent = self.node(key)?.sent();
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
    pub fn admit(&self, from: IpAddr, packet: &Packet<'_>, now: Moment) -> Admission<'_> {
        if packet.dialect == Dialect::V22 && packet.module == MODULE.as_bytes() {
            self.admit_own(from, packet)
        } else {
            Admission::Module(self.modules.admit(from, packet, now))
        }
    }

    /// Pings and pongs: only from a node at its address.
    fn admit_own(&self, from: IpAddr, packet: &Packet<'_>) -> Admission<'_> {
        let Some(sender) = MachineId::new(packet.sender) else {
            return Admission::Drop(DropReason::SenderId);
        };
        if !self.known.contains(&(sender, from.to_canonical())) {
            return Admission::Drop(DropReason::Auth);
        }
        match (packet.command, packet.body().int()) {
            (PING, Ok(nonce)) => Admission::Ping { nonce },
            (PONG, Ok(nonce)) => Admission::Pong { sender, nonce },
            (PING | PONG, Err(_)) => Admission::Drop(DropReason::Malformed),
            _ => Admission::Drop(DropReason::UnknownCommand),
        }
    }
}
