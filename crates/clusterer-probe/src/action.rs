//! What the prober wants done, and what it found.

use clusterer_node::{Attempt, Availability, LinkFailure, LinkId, MachineId, NodeKey};
use core::net::{IpAddr, SocketAddr};

/// Something to do, or to tell. In order: a `Dial` follows its link's `Open`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// A node's availability changed.
    Changed(Transition),
    /// The link is not used any more: its slot will be given out again with another generation.
    Close(LinkId),
    /// Try to connect, once. A `Connected` or `Failed` event of this attempt is expected.
    Dial(Attempt),
    /// Drop the connection or the attempt to connect, without an event. The link stays.
    Hangup(LinkId),
    /// A link is wanted; it is not to be dialled yet.
    Open {
        /// Its id.
        link: LinkId,
        /// The machine at its other end.
        machine: MachineId,
        /// Where that machine listens.
        address: SocketAddr,
        /// The address its connections come from; `None` leaves it to the system.
        bind: Option<IpAddr>,
    },
    /// Send a ping with this nonce on the open connection.
    Ping {
        /// On which link.
        link: LinkId,
        /// What the pong must carry.
        nonce: i32,
    },
}

/// A change of a node's availability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The node.
    pub node: NodeKey,
    /// What it was.
    pub from: Availability,
    /// What it is now.
    pub to: Availability,
    /// Why.
    pub cause: Cause,
}

/// Why a node's availability changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// An administrator said so.
    Administrator,
    /// Its time of being disabled is over.
    DurationOver,
    /// Its link failed.
    LinkFailed(LinkFailure),
    /// It did not answer a ping in time.
    NoPong,
    /// Its row was loaded, or loaded anew.
    Reload,
    /// A module reported it.
    Reported,
    /// It answered a ping; or it is one of those that never do, and its connection stayed open.
    Success,
}

impl Cause {
    /// All of them.
    #[must_use]
    pub const fn all() -> &'static [Self] {
        &[
            Self::Administrator,
            Self::DurationOver,
            Self::LinkFailed(LinkFailure::Refused),
            Self::LinkFailed(LinkFailure::Reset),
            Self::LinkFailed(LinkFailure::TimedOut),
            Self::LinkFailed(LinkFailure::Unreachable),
            Self::LinkFailed(LinkFailure::Protocol),
            Self::LinkFailed(LinkFailure::Other),
            Self::NoPong,
            Self::Reload,
            Self::Reported,
            Self::Success,
        ]
    }

    /// Whether it is a failure of the node. Each of them counts as one.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::LinkFailed(_) | Self::NoPong | Self::Reported)
    }

    /// A short word for logs and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::DurationOver => "duration_over",
            Self::LinkFailed(failure) => failure.name(),
            Self::NoPong => "no_pong",
            Self::Reload => "reload",
            Self::Reported => "reported",
            Self::Success => "success",
        }
    }
}
