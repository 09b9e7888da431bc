//! What is said about an outbound connection between the one who decides and the one who dials.

use core::fmt;

/// One outbound connection slot to a peer. Rows with equal machine id and address share one.
///
/// The generation tells a slot's present user from its former one: a late event of a link that was
/// closed meanwhile matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId {
    /// The slot; small and reused.
    pub index: u32,
    /// How often the slot has been given out.
    pub generation: u32,
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

/// One try to connect a link. What is told of a former try, while the next is under way already, has
/// another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt {
    /// Which link.
    pub link: LinkId,
    /// How often the link had been dialled, with this time.
    pub number: u32,
}

/// What a transport reports of a link. It judges nothing: which of these is a failure, and what
/// state follows, is decided by the probing scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkEvent {
    /// The connection asked for is established.
    Connected,
    /// The peer closed the connection in order (FIN). The transport does not dial again by itself.
    Closed,
    /// The connection could not be established, or broke.
    Failed(LinkFailure),
}

/// How a link failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LinkFailure {
    /// The peer's host answered that nobody listens.
    Refused,
    /// The peer or its host reset the connection.
    Reset,
    /// Nothing was heard: the connect, or the acknowledgement of what was written, timed out.
    TimedOut,
    /// There is no route to the peer, or the local address to bind to does not exist.
    Unreachable,
    /// The peer sent bytes that are no BIN packets.
    Protocol,
    /// Anything else the operating system said.
    Other,
}

impl LinkFailure {
    /// A short word for logs and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::Protocol => "protocol",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for LinkFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
