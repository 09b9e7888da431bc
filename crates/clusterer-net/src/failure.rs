//! Why a connection ended, and what is said of it.

use crate::meters::Reason;
use clusterer_bin::FrameError;
use clusterer_node::{LinkEvent, LinkFailure};
use std::fmt;
use std::io::{self, ErrorKind};

/// The end of a connection that nobody here asked for.
#[derive(Debug)]
pub(crate) enum Loss {
    /// The peer closed it in order.
    Closed,
    /// The peer sent bytes that are no packets.
    Framing(FrameError),
    /// The system says that it is broken.
    Io(io::Error),
    /// The peer began a packet and did not end it in time.
    PacketTimeout,
    /// No known sender has used it for a while.
    StrangerIdle,
}

impl Loss {
    /// What is reported if the connection was a link's.
    pub(crate) fn event(&self) -> LinkEvent {
        match self {
            Self::Closed | Self::StrangerIdle => LinkEvent::Closed,
            Self::Framing(_) | Self::PacketTimeout => LinkEvent::Failed(LinkFailure::Protocol),
            Self::Io(error) => LinkEvent::Failed(failure(error)),
        }
    }

    /// Under which reason it is counted, if the peer did something wrong.
    pub(crate) const fn reason(&self) -> Option<Reason> {
        match self {
            Self::Framing(_) => Some(Reason::Framing),
            Self::PacketTimeout => Some(Reason::PacketTimeout),
            Self::Closed | Self::Io(_) | Self::StrangerIdle => None,
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by the peer"),
            Self::Framing(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::PacketTimeout => f.write_str("a packet was begun and not ended in time"),
            Self::StrangerIdle => f.write_str("idle, and no known sender has used it"),
        }
    }
}

/// Puts an error of the operating system in the probing scheduler's words.
pub(crate) fn failure(error: &io::Error) -> LinkFailure {
    match error.kind() {
        ErrorKind::ConnectionRefused => LinkFailure::Refused,
        ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {
            LinkFailure::Reset
        }
        ErrorKind::TimedOut => LinkFailure::TimedOut,
        ErrorKind::AddrNotAvailable
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::NetworkUnreachable => LinkFailure::Unreachable,
        _ => LinkFailure::Other,
    }
}
