//! What a module is: the seam between the node and what is replicated.

use clusterer_bin::{FieldError, Packet};
use clusterer_node::{ClusterId, MachineId, Moment, NodeKey};
use core::fmt;
use core::net::IpAddr;

/// A module that replicates data: it takes the packets of its name and is told of silent nodes.
///
/// Who drives it decides on which threads, and may do so from several at the same time: the engine, in
/// crate `clusterer`, gives each module a thread of its own and makes one call at a time, in the order in
/// which things happened. Nobody holds a lock meanwhile.
pub trait ClusterModule: Send + Sync {
    /// A packet for this module has been admitted. It may have waited since.
    ///
    /// # Errors
    /// [`Malformed`] if the packet's fields make no sense. It is counted and logged (limited); what the
    /// module took from the packet before stays its own affair; the connection goes on.
    fn on_packet(&self, context: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed>;

    /// Something happened to a node, as far as this module is concerned.
    fn on_event(&self, event: ModuleEvent);
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
