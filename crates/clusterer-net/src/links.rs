//! The mio thread's part in links: obeying commands, dialling, and telling what became of it.

use crate::command::Wanted;
use crate::connection::{Connection, Role};
use crate::dial;
use crate::event_loop::EventLoop;
use crate::failure::Loss;
use crate::queue::LinkQueue;
use crate::slots::Key;
use crate::{LinkSpec, Source};
use clusterer_node::{Attempt, LinkEvent};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

/// Room for so many is not worth giving back.
const LEAST: usize = 64;

/// A connection for a link, or an attempt at one.
#[derive(Debug)]
pub(crate) struct Dialled {
    pub(crate) key: Key,
    pub(crate) attempt: Attempt,
}

impl EventLoop {
    pub(crate) fn obey(&mut self, index: u32, wanted: Wanted) {
        if wanted.hangup
            && let Some(dialled) = self.dialled.remove(&index)
        {
            self.drop_connection(dialled.key);
        }
        if let Some(attempt) = wanted.dial {
            self.dial(attempt);
        }
        self.fit();
    }

    /// Gives room back that was needed when more were dialled.
    pub(crate) fn fit(&mut self) {
        let needed = self.dialled.len().saturating_mul(2);
        if self.dialled.capacity() > needed.saturating_mul(2).max(LEAST) {
            self.dialled.shrink_to(needed);
        }
    }

    fn dial(&mut self, attempt: Attempt) {
        let index = attempt.link.index;
        if self.dialled.contains_key(&index) {
            return;
        }
        // Nothing was asked for that a link which is closed meanwhile would be told of.
        let Some((spec, queue)) = self.shared.route(attempt.link) else { return };
        match self.attempt(&spec, queue) {
            Ok(key) => drop(self.dialled.insert(index, Dialled { key, attempt })),
            Err(error) => self.ingress.link(attempt, Loss::Io(error).event(), self.now),
        }
    }

    fn attempt(&mut self, spec: &LinkSpec, queue: LinkQueue) -> io::Result<Key> {
        let stream = dial::begin(spec)?;
        let local = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let (link, dialect) = (Some(spec.link), spec.dialect);
        let source = Source { peer: spec.peer, local, link, dialect };
        let role = Role::Dialled { queue, established: false };
        self.keep(Connection::new(stream, role, source, self.now))
    }

    /// Asks how an attempt went. Returns whether the connection is there now.
    pub(crate) fn establish(&mut self, key: Key) -> bool {
        let Some(connection) = self.connections.get_mut(key) else { return false };
        match dial::outcome(&connection.stream) {
            Ok(None) => false,
            Ok(Some(local)) => {
                connection.established(local);
                let link = connection.source().link;
                self.level.outbound += 1;
                if let Some(Dialled { attempt, .. }) =
                    link.and_then(|link| self.dialled.get(&link.index))
                {
                    self.ingress.link(*attempt, LinkEvent::Connected, self.now);
                }
                true
            }
            Err(error) => {
                self.lose(key, &Loss::Io(error));
                false
            }
        }
    }
}
