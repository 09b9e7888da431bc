//! A mio thread's part in letting connections in: the first accepts them, and each takes in its own.

use crate::Source;
use crate::census::{Admission, Seat};
use crate::connection::{Connection, Role};
use crate::event_loop::{Deadline, EventLoop, listener_token};
use crate::listener::{Accepted, REST};
use crate::meters::Reason;
use crate::slots::Key;
use clusterer_bin::Dialect;
use mio::net::TcpStream;
use std::io;
use std::net::SocketAddr;

/// Most connections accepted from one listener a turn.
const ACCEPTS_A_TURN: usize = 64;

/// An accepted connection on its way to its thread.
#[derive(Debug)]
pub(crate) struct Newcomer {
    stream: TcpStream,
    peer: SocketAddr,
    dialect: Dialect,
    seat: Seat,
    /// The connection that makes room for it.
    instead: Option<Key>,
}

impl EventLoop {
    pub(crate) fn accept(&mut self, index: usize) {
        for _ in 0..ACCEPTS_A_TURN {
            let Some(listener) = self.listeners.get_mut(index) else { return };
            let dialect = listener.dialect;
            match listener.accept() {
                Accepted::Connection(stream, peer) => self.admit(stream, peer, dialect),
                Accepted::Lost => {}
                Accepted::Nobody => return,
                Accepted::Exhausted(error) => return self.rest(index, &error),
            }
        }
        self.schedule_listener(index);
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr, dialect: Dialect) {
        let (seat, instead) = match self.shared.census.admit() {
            Admission::Free(seat) => (seat, None),
            Admission::Instead(seat, key, closed) => {
                self.note_closed(closed);
                (seat, Some(key))
            }
            Admission::Full => return self.note_closed(peer),
        };
        let thread = seat.thread();
        let newcomer = Newcomer { stream, peer, dialect, seat, instead };
        if thread == self.thread {
            self.take_in(newcomer);
        } else if let Some(desk) = self.shared.desks.get(thread) {
            desk.welcome(newcomer);
        }
    }

    fn note_closed(&mut self, peer: SocketAddr) {
        self.tally.dropped(Reason::ConnectionLimit, 1);
        if let Some(more) = self.log_accepts.allow(self.now) {
            let limit = self.shared.census.limit();
            tracing::warn!(%peer, limit, more, "closed: too many inbound connections");
        }
    }

    pub(crate) fn take_in(&mut self, newcomer: Newcomer) {
        let Newcomer { stream, peer, dialect, mut seat, instead } = newcomer;
        if let Some(key) = instead
            && let Some(connection) = self.connections.get_mut(key)
        {
            // It may have become known since it was chosen. Then it is the newcomer who goes.
            if !connection.is_strangers() {
                return;
            }
            self.drop_connection(key);
        }
        let Ok(local) = stream.local_addr() else { return };
        // Answers are small and awaited.
        let _ = stream.set_nodelay(true);
        let source = Source { peer, local, link: None, dialect };
        seat.take(self.connections.next_key(), peer, self.now);
        let role = Role::Inbound(seat);
        let mut connection = Connection::new(stream, role, source, self.now);
        // What came with it has arrived, too: a drain must not end before it was read, which the poll may
        // not have told by then.
        connection.ready(true, false, false);
        if let Ok(key) = self.keep(connection) {
            self.level.inbound += 1;
            self.schedule(key);
            self.arm(key);
        }
    }

    fn rest(&mut self, index: usize, error: &io::Error) {
        let Some(listener) = self.listeners.get_mut(index) else { return };
        if let Some(more) = self.log_accepts.allow(self.now) {
            let address = listener.local;
            tracing::error!(%address, %error, more, "cannot accept connections for now");
        }
        if let Err(error) = listener.deregister(self.poll.registry()) {
            tracing::error!(%error, "cannot rest a listener");
        }
        self.timers.set(Deadline::Listener(index), self.now.after(REST));
    }

    pub(crate) fn wake_listener(&mut self, index: usize) {
        let Some(listener) = self.listeners.get_mut(index) else { return };
        if let Err(error) = listener.register(self.poll.registry(), listener_token(index)) {
            tracing::error!(address = %listener.local, %error, "cannot listen again yet");
            self.timers.set(Deadline::Listener(index), self.now.after(REST));
        }
    }
}
