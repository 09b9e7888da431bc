//! One TCP connection, as two kernels and the path between them see it.

use bytes::Bytes;
use clusterer_node::LinkFailure;
use std::collections::VecDeque;

/// Names a connection for ever: numbers are not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Dialler,
    Acceptor,
}

/// What travels.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    Data(Bytes),
    Fin,
    Reset,
}

/// What a process finds when it looks at its end.
#[derive(Clone, Debug)]
pub(crate) enum Readiness {
    Closed,
    Connected,
    Data(Bytes),
    Failed(LinkFailure),
}

/// How a process, or its kernel, gives up its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Fin,
    Reset,
    /// Without a word: the host lost its power, or its memory of the connection.
    Silent,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) dialler: End,
    pub(crate) acceptor: End,
}

/// What one kernel knows.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) host: usize,
    /// How often that host had moved when its address was taken.
    pub(crate) moved: u8,
    pub(crate) open: bool,
    /// What the process has yet to look at.
    pub(crate) pending: VecDeque<Readiness>,
    /// How long sent bytes may go unacknowledged, milliseconds; for ever where nobody asked.
    pub(crate) user_timeout: Option<u64>,
    pub(crate) flow: Flow,
}

/// What one end has sent.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Sent and not acknowledged, in order.
    pub(crate) backlog: VecDeque<Segment>,
    /// When the last of it reaches the other host: nothing overtakes.
    pub(crate) last_arrival: u64,
    pub(crate) tries: u32,
    pub(crate) retransmitting: bool,
    pub(crate) watched: bool,
}

#[derive(Debug)]
pub(crate) struct Segment {
    /// `None`: it has arrived, and its acknowledgement has not.
    pub(crate) payload: Option<Payload>,
    pub(crate) sent_at: u64,
}

impl Side {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Acceptor,
            Self::Acceptor => Self::Dialler,
        }
    }
}

impl End {
    pub(crate) fn new(host: usize, moved: u8, open: bool, user_timeout: Option<u64>) -> Self {
        let (pending, flow) = (VecDeque::new(), Flow::default());
        Self { host, moved, open, pending, user_timeout, flow }
    }
}

impl Connection {
    pub(crate) const fn end(&self, side: Side) -> &End {
        match side {
            Side::Dialler => &self.dialler,
            Side::Acceptor => &self.acceptor,
        }
    }

    pub(crate) const fn end_mut(&mut self, side: Side) -> &mut End {
        match side {
            Side::Dialler => &mut self.dialler,
            Side::Acceptor => &mut self.acceptor,
        }
    }

    /// Nobody will ever look at it again.
    pub(crate) fn is_over(&self) -> bool {
        [&self.dialler, &self.acceptor].iter().all(|end| !end.open && end.pending.is_empty())
    }
}

impl Flow {
    /// Something must arrive before anything new can.
    pub(crate) fn is_blocked(&self) -> bool {
        self.backlog.iter().any(|segment| segment.payload.is_some())
    }

    pub(crate) fn bytes(&self) -> usize {
        let length = |segment: &Segment| match &segment.payload {
            Some(Payload::Data(bytes)) => bytes.len(),
            _ => 0,
        };
        self.backlog.iter().map(length).sum()
    }
}
