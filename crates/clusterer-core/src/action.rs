//! What goes into the core, and what comes out.

use alloc::vec::Vec;
use clusterer_node::{Attempt, Change, Flushed, LinkEvent, LinkId, MachineId, Moment, Table};
use clusterer_probe::Transition;
use clusterer_registry::Notice;
use core::net::{IpAddr, SocketAddr};

/// Something that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Input {
    /// An [`Action::Drain`] has been carried out.
    Drained {
        /// Until when pings and dials last waited for the transport longer than they should, if they
        /// did: who was asked before that is asked once more before he is judged.
        behind: Option<Moment>,
    },
    /// A flush that was asked for has ended; `None`: it failed and is to be tried again.
    Flushed(Option<Flushed>),
    /// Something happened to a link's connection.
    Link {
        /// By which attempt it was made.
        attempt: Attempt,
        /// What.
        event: LinkEvent,
    },
    /// The table was loaded from the database.
    Loaded(Table),
    /// A pong was admitted on a link's connection.
    Pong {
        /// On which link.
        link: LinkId,
        /// Who sent it.
        sender: MachineId,
        /// What it carries.
        nonce: i32,
    },
    /// Nothing but time.
    Tick,
}

/// Something to do. In order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Action {
    /// A node's availability changed: tell who listens.
    Changed(Transition),
    /// Give a link up: drop its connection and what is queued on it.
    Close(LinkId),
    /// Try to connect a link, once. A [`LinkEvent`] is expected.
    Dial(Attempt),
    /// Somebody is about to be judged: have the transport hand over whatever has arrived by now, hand
    /// that in, then [`Input::Drained`]. There is at most one such action under way.
    Drain,
    /// Write these changes to the database, then hand in [`Input::Flushed`]. There is at most one
    /// such action under way.
    Flush(Vec<Change>),
    /// Drop a link's connection, or the attempt to connect, without an event.
    Hangup(LinkId),
    /// Tell a module, outside any lock.
    Notify(Notice),
    /// Make a link; it is not to be dialled yet.
    Open {
        /// Its id.
        link: LinkId,
        /// Where to.
        address: SocketAddr,
        /// The address its connections come from; `None` leaves it to the system.
        bind: Option<IpAddr>,
    },
    /// Send a ping on a link's open connection.
    Ping {
        /// On which link.
        link: LinkId,
        /// What it carries.
        nonce: i32,
    },
}
