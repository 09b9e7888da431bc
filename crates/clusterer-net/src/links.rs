//! The mio thread's part in links: obeying commands, dialling, and telling what became of it.

use crate::command::Wanted;
use crate::connection::{Connection, Role};
use crate::dial;
use crate::event_loop::EventLoop;
use crate::failure::Loss;
use crate::queue::LinkQueue;
use crate::slots::Key;
use crate::{LinkSpec, Source};
use clusterer_node::{Attempt, LinkEvent, LinkId};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// One outbound connection slot.
#[derive(Debug)]
pub(crate) struct Link {
    spec: LinkSpec,
    queue: Arc<LinkQueue>,
    /// The connection, or the attempt.
    pub(crate) connection: Option<Key>,
    /// How the last attempt was numbered.
    pub(crate) number: u32,
}

impl EventLoop {
    pub(crate) fn obey(&mut self, id: LinkId, wanted: Wanted) {
        if wanted.close || wanted.open.is_some() {
            self.hang_up(id);
            self.links.remove(&id);
        }
        if let Some((spec, queue)) = wanted.open {
            self.links.insert(id, Link { spec, queue, connection: None, number: 0 });
        }
        if wanted.hangup {
            self.hang_up(id);
        }
        if let Some(attempt) = wanted.dial {
            self.dial(attempt);
        }
    }

    fn hang_up(&mut self, id: LinkId) {
        if let Some(key) = self.links.get_mut(&id).and_then(|link| link.connection.take()) {
            self.drop_connection(key);
        }
    }

    fn dial(&mut self, attempt: Attempt) {
        let id = attempt.link;
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.connection.is_some() {
            return;
        }
        link.number = attempt.number;
        match self.attempt(id) {
            Ok(key) => {
                if let Some(link) = self.links.get_mut(&id) {
                    link.connection = key;
                }
            }
            Err(error) => self.ingress.link(attempt, Loss::Io(error).event(), self.now),
        }
    }

    fn attempt(&mut self, id: LinkId) -> io::Result<Option<Key>> {
        let Some(Link { spec, queue, .. }) = self.links.get(&id) else { return Ok(None) };
        let stream = dial::begin(spec)?;
        let local = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let source = Source { peer: spec.peer, local, link: Some(id), dialect: spec.dialect };
        let role = Role::Dialled { queue: Arc::clone(queue), established: false };
        self.keep(Connection::new(stream, role, source, self.now)).map(Some)
    }

    /// Asks how an attempt went. Returns whether the connection is there now.
    pub(crate) fn establish(&mut self, key: Key) -> bool {
        let Some(connection) = self.connections.get_mut(key) else { return false };
        match dial::outcome(&connection.stream) {
            Ok(None) => false,
            Ok(Some(local)) => {
                connection.established(local);
                let link = connection.source().link;
                self.outbound += 1;
                if let Some(id) = link {
                    self.tell(id, LinkEvent::Connected);
                }
                true
            }
            Err(error) => {
                self.lose(key, &Loss::Io(error));
                false
            }
        }
    }

    /// Tells the link's owner what became of its last attempt.
    pub(crate) fn tell(&self, id: LinkId, event: LinkEvent) {
        if let Some(link) = self.links.get(&id) {
            let attempt = Attempt { link: id, number: link.number };
            self.ingress.link(attempt, event, self.now);
        }
    }
}
