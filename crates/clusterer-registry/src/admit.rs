//! What becomes of a packet.

use crate::members::{Members, Peer};
use crate::registry::Registered;
use crate::slot::Slot;
use crate::{ClusterModule, Epoch, Outlet, PacketContext, Registration, Route, Volume, Watched};
use alloc::sync::Arc;
use alloc::vec::Vec;
use clusterer_bin::{Dialect, Packet};
use clusterer_node::{ClusterId, MachineId, Moment, NodeKey};
use core::fmt;
use core::net::IpAddr;

/// The version of the payload's format that a 2.2 node takes.
const VERSION: i16 = 1;

/// The modules, as the receiving threads see them. Immutable but for the slots' atomics.
#[derive(Clone)]
pub struct Modules {
    own: MachineId,
    epoch: Epoch,
    /// In order of names; those of one name in order of registration.
    modules: Vec<Registered>,
}

/// Who takes a packet.
struct Taker<'m> {
    registered: &'m Registered,
    sender: MachineId,
    /// `None` for a sender that is no node of the cluster.
    peer: Option<Peer<'m>>,
}

/// What to do with a packet.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Verdict<'m> {
    /// Give it to the module.
    Deliver {
        /// Whom to give it to.
        module: &'m Arc<dyn ClusterModule>,
        /// Where it came from.
        context: PacketContext,
    },
    /// Drop it: the node is shut out. Tell the module
    /// [`TemporarilyDisabled`](crate::ModuleEvent::TemporarilyDisabled).
    Disabled {
        /// Whom to tell.
        module: &'m Arc<dyn ClusterModule>,
        /// Which node.
        node: NodeKey,
    },
    /// Drop it, and count why.
    Drop(DropReason),
}

impl fmt::Debug for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deliver { context, .. } => write!(f, "Deliver({context:?})"),
            Self::Disabled { node, .. } => write!(f, "Disabled({node})"),
            Self::Drop(reason) => write!(f, "Drop({reason:?})"),
        }
    }
}

/// Why a packet is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The auth check is on, and the sender is no node of the cluster at its address.
    Auth,
    /// A field of it cannot be read, or makes no sense.
    Malformed,
    /// It claims to come from this very machine.
    OwnId,
    /// The sender's machine id is not a positive number.
    SenderId,
    /// A packet of the node's own, with a command that this node does not know.
    UnknownCommand,
    /// No module has registered its name.
    UnknownModule,
    /// Its format version is not 1.
    Version,
    /// It is for another cluster than the module's.
    WrongCluster,
}

impl DropReason {
    /// A short word for logs and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Malformed => "malformed",
            Self::OwnId => "own_id",
            Self::SenderId => "sender_id",
            Self::UnknownCommand => "unknown_command",
            Self::UnknownModule => "unknown_module",
            Self::Version => "version",
            Self::WrongCluster => "wrong_cluster",
        }
    }

    /// All of them, in the order of the enum.
    #[must_use]
    pub const fn all() -> &'static [Self] {
        &[
            Self::Auth,
            Self::Malformed,
            Self::OwnId,
            Self::SenderId,
            Self::UnknownCommand,
            Self::UnknownModule,
            Self::Version,
            Self::WrongCluster,
        ]
    }
}

impl Modules {
    pub(crate) fn new(own: MachineId, epoch: Epoch, mut modules: Vec<Registered>) -> Self {
        modules.sort_by(|a, b| a.registration.name.cmp(&b.registration.name));
        Self { own, epoch, modules }
    }

    /// Since when these are the modules and their nodes.
    #[must_use]
    pub const fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Decides about a packet that came from this address, and stamps the sender's last-seen if it is
    /// admitted. Any thread; no lock, no allocation.
    ///
    /// A 2.2 packet names no cluster: it goes to the registration in whose cluster the sender is a node.
    /// A sender that is a node of none goes to the first registration of that name without auth check.
    #[must_use]
    pub fn admit(&self, from: IpAddr, packet: &Packet<'_>, now: Moment) -> Verdict<'_> {
        let taker = match self.taker(from, packet) {
            Ok(taker) => taker,
            Err(reason) => return Verdict::Drop(reason),
        };
        let Taker { registered, sender, peer } = taker;
        let (module, cluster) = (&registered.module, registered.cluster());
        if let Some(Peer { slot, .. }) = peer {
            if let (Err(_), Some(cluster)) = (slot.arrive(now), cluster) {
                return Verdict::Disabled { module, node: NodeKey { cluster, machine: sender } };
            }
            slot.received.count(packet.bytes().len());
        }
        let from = from.to_canonical();
        let context = PacketContext::new(cluster, sender, peer.is_some(), from, now);
        Verdict::Deliver { module, context }
    }

    /// The part of [`Modules::admit`] that is the same for all packets like this one from this address, for
    /// those who receive many of them. It holds as long as the [`Epoch`].
    ///
    /// # Errors
    /// Packets like this one are dropped.
    pub fn route(&self, from: IpAddr, packet: &Packet<'_>) -> Result<Route, DropReason> {
        let Taker { registered, sender, peer } = self.taker(from, packet)?;
        let slot = peer.and_then(|peer| registered.members.share(peer));
        Ok(Route::new(registered, packet, sender, slot, from.to_canonical()))
    }

    fn taker(&self, from: IpAddr, packet: &Packet<'_>) -> Result<Taker<'_>, DropReason> {
        let candidates = self.named(packet.module);
        if candidates.is_empty() {
            return Err(DropReason::UnknownModule);
        }
        if packet.dialect == Dialect::V22 && packet.version != VERSION {
            return Err(DropReason::Version);
        }
        let sender = MachineId::new(packet.sender).ok_or(DropReason::SenderId)?;
        if sender == self.own {
            return Err(DropReason::OwnId);
        }
        let from = from.to_canonical();
        let meant = |registered: &&Registered| match (packet.cluster, registered.cluster()) {
            (Some(meant), Some(cluster)) => meant == cluster.get(),
            _ => true,
        };
        let mut reason = DropReason::WrongCluster;
        let mut stranger = None;
        for registered in candidates.iter().filter(meant) {
            let auth_check = registered.registration.auth_check;
            match registered.members.by_machine(sender) {
                Some(peer) if peer.node.ip.to_canonical() == from || !auth_check => {
                    return Ok(Taker { registered, sender, peer: Some(peer) });
                }
                _ if auth_check => reason = DropReason::Auth,
                _ => stranger = stranger.or(Some(registered)),
            }
        }
        let registered = stranger.ok_or(reason)?;
        Ok(Taker { registered, sender, peer: None })
    }

    /// When a module last heard a node; `None` if it does not watch it.
    #[must_use]
    pub fn last_seen(&self, name: &str, node: NodeKey) -> Option<Moment> {
        let mut named = self.named(name.as_bytes()).iter();
        let registered = named.find(|registered| registered.cluster() == Some(node.cluster))?;
        registered.members.by_machine(node.machine).map(|peer| peer.slot.last_seen())
    }

    /// The nodes that a registered module watches, in order of their machine ids, as they stand now. None for
    /// a registration that is not one of these.
    pub fn watched<'m>(
        &'m self,
        registration: &Registration,
        now: Moment,
    ) -> impl Iterator<Item = Watched> + use<'m> {
        let mut named = self.named(registration.name.as_bytes()).iter();
        let registered = named.find(|registered| registered.cluster() == registration.cluster);
        registered.into_iter().flat_map(move |registered| registered.watched(now))
    }

    /// What the modules of its cluster have taken from a node.
    #[must_use]
    pub fn received(&self, node: NodeKey) -> Volume {
        self.slots_of(node).map(|slot| slot.received.read()).fold(Volume::default(), Volume::plus)
    }

    /// What was sent to a node by the modules that watch it.
    #[must_use]
    pub fn sent(&self, node: NodeKey) -> Volume {
        let sent = self.members_of(node).filter_map(|members| {
            let peer = members.by_machine(node.machine)?;
            Some(members.sent(peer))
        });
        sent.fold(Volume::default(), Volume::plus)
    }

    /// Where what a module sends to a cluster is counted; `None` if it is not registered for that.
    #[must_use]
    pub fn outlet(&self, name: &str, cluster: ClusterId) -> Option<Outlet<'_>> {
        let mut named = self.named(name.as_bytes()).iter();
        let registered = named.find(|registered| registered.cluster() == Some(cluster))?;
        Some(Outlet::new(&registered.members))
    }

    /// When any module of its cluster last heard a node; `None` if none watches it.
    #[must_use]
    pub fn last_heard(&self, node: NodeKey) -> Option<Moment> {
        self.slots_of(node).map(Slot::last_seen).max()
    }

    /// The registrations, in order of names.
    pub fn registrations(&self) -> impl Iterator<Item = &Registration> {
        self.modules.iter().map(|registered| &*registered.registration)
    }

    fn slots_of(&self, node: NodeKey) -> impl Iterator<Item = &Slot> {
        let members = self.members_of(node);
        members.filter_map(move |members| Some(members.by_machine(node.machine)?.slot))
    }

    /// Of the modules of its cluster.
    fn members_of(&self, node: NodeKey) -> impl Iterator<Item = &Members> {
        let of_cluster = move |registered: &&Registered| registered.cluster() == Some(node.cluster);
        self.modules.iter().filter(of_cluster).map(|registered| &registered.members)
    }

    /// The registrations of a name.
    fn named(&self, name: &[u8]) -> &[Registered] {
        let key = |registered: &Registered| registered.registration.name.as_bytes().cmp(name);
        let begin = self.modules.partition_point(|registered| key(registered).is_lt());
        let end = self.modules.partition_point(|registered| key(registered).is_le());
        self.modules.get(begin..end).unwrap_or_default()
    }
}

impl fmt::Debug for Modules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.registrations()).finish()
    }
}

impl Registered {
    pub(crate) fn cluster(&self) -> Option<ClusterId> {
        self.registration.cluster
    }

    fn watched(&self, now: Moment) -> impl Iterator<Item = Watched> {
        let mut peers: Vec<_> = self.members.iter().collect();
        peers.sort_unstable_by_key(|peer| peer.node.row.machine);
        peers.into_iter().map(move |peer @ Peer { node, slot, .. }| Watched {
            node: node.key(),
            last_seen: slot.last_seen(),
            shut_until: slot.shut_until(now),
            received: slot.received.read(),
            sent: self.members.sent(peer),
        })
    }
}
