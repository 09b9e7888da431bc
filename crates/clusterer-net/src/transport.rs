//! The two seams: what a transport does for its user, and what it asks of the user.

use crate::{Command, Packets};
use clusterer_bin::{Dialect, Outgoing};
use clusterer_node::{Attempt, LinkEvent, LinkId, Moment};
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Reads the monotonic clock. Called twice a turn of each mio thread, and by who wakes one; must advance with real time.
pub type Clock = Arc<dyn Fn() -> Moment + Send + Sync>;

/// Where a packet came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// The other end.
    pub peer: SocketAddr,
    /// Our end: for a listener on a wildcard address, the address that the peer reached.
    pub local: SocketAddr,
    /// The link, if the connection is one that was dialled for it.
    pub link: Option<LinkId>,
    /// The dialect of the listener or link.
    pub dialect: Dialect,
}

impl Source {
    /// Builds a source, for those who drive an [`Ingress`] themselves: tests and simulators.
    #[must_use]
    pub const fn new(
        peer: SocketAddr,
        local: SocketAddr,
        link: Option<LinkId>,
        dialect: Dialect,
    ) -> Self {
        Self { peer, local, link, dialect }
    }
}

/// What a [`Receiver`] says of its senders. It decides only how long an idle inbound connection
/// may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// One is a node of ours: its connection stays, however idle, watched by TCP keep-alive.
    Known,
    /// None of them is: a connection that only ever carried such packets is closed when idle.
    Stranger,
}

/// Receives what arrives. Every method, and those of its receivers, run on a mio thread, under no lock. What is about
/// one connection or one link is told by one thread, one call at a time; other threads may call at the same time, if
/// there are several ([`Config::threads`](crate::Config::threads)). They must return soon and must not panic (a panic ends the transport, and every later send
/// says [`SendError::Stopped`]). They may call all of [`Transport`].
pub trait Ingress: Send + Sync {
    /// Something has arrived over a connection for the first time: who takes in what comes over it from now
    /// on? It is dropped with the connection.
    fn open(self: Arc<Self>, source: &Source) -> Box<dyn Receiver>;

    /// Something happened to a connection of a link, or to an attempt to make one: it names the
    /// attempt. One event that was under way when another thread hung the link up or closed it may
    /// still be told after that, even when the next attempt has been asked for.
    fn link(&self, attempt: Attempt, event: LinkEvent, now: Moment);
}

/// Takes in what comes over one connection, and may remember what is the same for all of it.
pub trait Receiver: Send {
    /// Packets that have arrived together, which may be none. Those that are not taken out of `packets` are
    /// walked over. One whose header cannot be read is dropped and counted, the connection goes on; a peer
    /// can cause this as often as it likes: limit what is logged. `reply` answers on the connection.
    ///
    /// Says [`Trust::Known`] if any of the senders is known, now or earlier.
    fn packets(&mut self, packets: &mut Packets<'_>, now: Moment, reply: &mut Reply<'_>) -> Trust;

    /// What was remembered may not be true any more ([`Transport::forget`]): whatever memory it keeps is to be
    /// given back now, as nothing may come over this connection for a long time. Who remembers nothing has
    /// nothing to do.
    fn forget(&mut self) {}
}

/// Answers on the connection that a packet came on.
pub struct Reply<'a> {
    sink: &'a mut dyn FnMut(Outgoing) -> Result<(), SendError>,
}

impl<'a> Reply<'a> {
    /// A reply that ends in `sink`, for those who drive an [`Ingress`] themselves.
    pub fn new(sink: &'a mut dyn FnMut(Outgoing) -> Result<(), SendError>) -> Self {
        Self { sink }
    }

    /// Queues an answer behind what the connection is already writing. It is dropped if the
    /// connection is lost first.
    ///
    /// # Errors
    /// [`SendError::Full`]: the peer does not read its answers (64 KiB wait a connection). The
    /// answer is dropped and counted.
    pub fn send(&mut self, packet: Outgoing) -> Result<(), SendError> {
        (self.sink)(packet)
    }
}

impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

/// A packet was not queued. Nothing of it will be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The queue has no room for it: the peer is away, or slower than what is sent to it.
    Full {
        /// Bytes waiting there.
        queued: usize,
    },
    /// The transport has stopped.
    Stopped,
    /// No such link is open.
    UnknownLink,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { queued } => {
                write!(f, "the queue is full: {queued} bytes wait; send less, or later")
            }
            Self::Stopped => f.write_str("the transport has stopped"),
            Self::UnknownLink => f.write_str("the link is not open"),
        }
    }
}

impl Error for SendError {}

/// What a [`Transport::drain`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Until when what was handed over last waited for more than 100 ms to be taken notice of, if it
    /// ever did: the thread stood still, or was kept by a callback.
    pub behind: Option<Moment>,
    /// Nothing was drained: the transport has stopped, because it was told to or since a thread of it has ended by
    /// itself. Nothing more will be received.
    pub stopped: bool,
}

impl Drained {
    pub(crate) const STOPPED: Self = Self { behind: None, stopped: true };
}

/// Called when a transport has been drained.
pub type AfterDrain = Box<dyn FnOnce(Drained) + Send>;

/// Sends packets over links. Any method may be called from any thread, also inside an [`Ingress`]
/// callback; none blocks.
pub trait Transport: Send + Sync {
    /// Does something with a link. Commands of one link take effect in order; what it leads to is
    /// told by [`Ingress::link`].
    fn command(&self, command: Command);

    /// Queues a packet on a link. It is kept while the link is not connected, and goes out when it
    /// is; a packet cut off by a lost connection is sent again from its first byte.
    ///
    /// # Errors
    /// The packet was not queued, and why.
    fn send(&self, link: LinkId, packet: Outgoing) -> Result<(), SendError>;

    /// Queues a packet (a ping) in room that traffic cannot take. It goes out before queued traffic,
    /// between two packets. On a link that is not connected it is dropped and counted, which is no
    /// error; so is what is still queued when the connection is lost.
    ///
    /// # Errors
    /// The packet was not queued, and why.
    fn send_control(&self, link: LinkId, packet: Outgoing) -> Result<(), SendError>;

    /// Calls `then` once everything that has arrived by now has been handed to the [`Ingress`], so that
    /// nobody is missed whose packet only was not read yet. Soon, if the thread is not kept by a
    /// callback; a connection on which more arrives all the time delays it by a bounded number of turns.
    /// One that has stopped, or does meanwhile, says so ([`Drained::stopped`]).
    /// `then` must not block. A transport that hands over whatever arrives at once calls it at once.
    fn drain(&self, then: AfterDrain) {
        then(Drained::default());
    }

    /// Has all receivers forget what they remember ([`Receiver::forget`]), soon. One that is at work meanwhile
    /// is told when it has finished. A transport whose receivers remember nothing has nothing to do.
    fn forget(&self) {}

    /// The addresses listened on, in the order of the configuration, with the real ports.
    fn local_addresses(&self) -> Vec<SocketAddr>;

    /// Bytes of traffic that wait on a link, those being written included; 0 if there is no such
    /// link.
    fn queued_bytes(&self, link: LinkId) -> usize;
}
