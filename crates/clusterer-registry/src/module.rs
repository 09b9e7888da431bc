//! What a module is: the seam between the node and what is replicated.

use clusterer_bin::{FieldError, Packet};
use clusterer_node::{ClusterId, MachineId, Moment, NodeKey};
use core::fmt;
use core::net::IpAddr;

/// A module that replicates data: it takes the packets of its name and is told of silent nodes.
///
/// Who drives it decides on which threads, and may do so from several at the same time. The engine, in
/// crate `clusterer`, does as [`ClusterModule::delivery`] asks. Nobody holds a lock meanwhile.
pub trait ClusterModule: Send + Sync {
    /// A packet for this module has been admitted. It may have waited since.
    ///
    /// # Errors
    /// [`Malformed`] if the packet's fields make no sense. It is counted and logged (limited); what the
    /// module took from the packet before stays its own affair; the connection goes on.
    fn on_packet(&self, context: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed>;

    /// Packets that came together, over one connection and from one sender, in their order: the context is
    /// that of all. A module that pays something per call rather than per packet (a lock, a look-up of the
    /// sender) takes them here; by default each is given to [`ClusterModule::on_packet`]. What is not taken
    /// out of `run` is not delivered.
    fn on_packets(&self, context: &PacketContext, run: &mut dyn Run) {
        while let Some(packet) = run.next() {
            if let Err(error) = self.on_packet(context, packet) {
                run.malformed(&error);
            }
        }
    }

    /// Something happened to a node, as far as this module is concerned.
    fn on_event(&self, event: ModuleEvent);

    /// How it wants to be called. Asked once, at the registration.
    fn delivery(&self) -> Delivery {
        Delivery::Queued
    }
}

/// How a module's callbacks are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// At once: packets on the thread that received them, events on the thread that found out, several of
    /// these at the same time. For modules whose callbacks never wait, for a lock held for long least of
    /// all: meanwhile nothing else is received. No copy, no other thread is woken. A packet may be under
    /// way while its node's [`ModuleEvent::Timeout`] is told; the event is told once more after it.
    Inline,
    /// One call at a time, for each packet one, in the order in which things happened, on a thread of the
    /// module's own: a slow callback holds up nobody else.
    #[default]
    Queued,
}

/// Packets that came together.
pub trait Run {
    /// The next of them. Not an iterator: a packet is gone when the next is asked for.
    fn next(&mut self) -> Option<&Packet<'_>>;

    /// The fields of the last one make no sense: it is counted and logged (limited).
    fn malformed(&mut self, error: &Malformed);
}

/// Where an admitted packet came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PacketContext {
    /// The cluster of the registration that took the packet; `None` if that is for cluster 0.
    pub cluster: Option<ClusterId>,
    /// The sender, as the packet names it.
    pub sender: MachineId,
    /// The sender is a node of the cluster. False only where the auth check is off: such a sender has
    /// no last-seen and no timeout, so the module must bound what it keeps of it.
    pub provisioned: bool,
    /// The address the packet came from.
    pub address: IpAddr,
    /// When it came: the node's monotonic clock.
    pub now: Moment,
}

impl PacketContext {
    /// A context, for those who drive modules themselves (tests, simulators).
    #[must_use]
    pub const fn new(
        cluster: Option<ClusterId>,
        sender: MachineId,
        provisioned: bool,
        address: IpAddr,
        now: Moment,
    ) -> Self {
        Self { cluster, sender, provisioned, address, now }
    }
}

/// What a module is told. Typed: no packet can forge one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModuleEvent {
    /// A packet came from a node that is disabled for this module, and was dropped.
    TemporarilyDisabled(NodeKey),
    /// Nothing came from the node for longer than the module's timeout: its data is invalid from now
    /// on, and its packets are dropped for twice the timeout.
    Timeout(NodeKey),
}

/// A packet's fields make no sense to its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// A field could not be read.
    Field(FieldError),
    /// A field was read, and holds a value it must not.
    Value(&'static str),
}

impl From<FieldError> for Malformed {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(error) => error.fmt(f),
            Self::Value(what) => f.write_str(what),
        }
    }
}

impl core::error::Error for Malformed {}
