//! A node's outbound connections, as the transport keeps them.

use crate::agenda::Event;
use crate::bounds;
use crate::connection::{ConnectionId, Ending, Side};
use crate::env::Env;
use crate::gateway::Stream;
use crate::process::Process;
use crate::scenario;
use crate::terrain::Part;
use bytes::Bytes;
use clusterer_core::ping;
use clusterer_node::{Attempt, LinkId};
use std::collections::VecDeque;

/// What the control half asks of the transport's half.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command {
    Close(LinkId),
    Dial(Attempt),
    Drain,
    Hangup(LinkId),
    Open(LinkId, usize),
    Ping(LinkId, i32),
}

/// One outbound connection slot.
#[derive(Debug, Default)]
pub(crate) struct Link {
    peer: usize,
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) connected: bool,
    /// What it was last asked, by a ping.
    asked: Option<i32>,
    /// It was answered.
    pub(crate) answered: bool,
    pub(crate) queue: VecDeque<Bytes>,
    dials: VecDeque<u64>,
}

impl Link {
    pub(crate) fn new(peer: usize) -> Self {
        Self { peer, ..Self::default() }
    }
}

impl Process {
    /// Commands reach the other thread at once, or a moment later: what happens meanwhile is told though
    /// it is out of date.
    pub(crate) fn command(&mut self, env: &mut Env, commands: Vec<Command>) {
        let waiting = !self.mind.commands.is_empty();
        // A drain takes a turn that has not begun yet.
        let drains = commands.iter().any(|command| matches!(command, Command::Drain));
        self.mind.commands.extend(commands);
        if waiting && !drains || self.mind.commands.is_empty() {
            return;
        }
        self.mind.wanted.get_or_insert(env.now);
        let late = env.rng.chance(bounds::LATE_COMMANDS);
        if late || drains {
            let at = env.now + if late { env.rng.between(1, 3) } else { 0 };
            env.agenda.put(at, Event::Obey { host: self.host, life: self.life });
        } else {
            self.obey(env);
        }
    }

    /// One turn of the transport's thread.
    pub(crate) fn obey(&mut self, env: &mut Env) {
        if env.terrain.host(self.host).is_stuck(Part::Transport) {
            return;
        }
        if self.mind.wanted.take().is_some_and(|since| env.now - since > bounds::BEHIND) {
            self.mind.behind = Some(self.moment(env));
        }
        for command in std::mem::take(&mut self.mind.commands) {
            match command {
                Command::Close(link) => {
                    self.hang_up(env, link);
                    self.mind.links.remove(&link);
                }
                Command::Dial(attempt) => self.dial(env, attempt),
                Command::Drain => {
                    self.look(env);
                    self.mind.inbox.drained(self.mind.behind);
                }
                Command::Hangup(link) => self.hang_up(env, link),
                Command::Open(link, peer) => {
                    self.mind.links.insert(link, Link::new(peer));
                }
                Command::Ping(link, nonce) => self.ping(env, link, nonce),
            }
        }
        for link in self.mind.links.keys().copied().collect::<Vec<_>>() {
            self.flush_link(env, link);
        }
    }

    fn dial(&mut self, env: &mut Env, attempt: Attempt) {
        let user_timeout = Some(self.scenario.ping_timeout);
        let Some(link) = self.mind.links.get_mut(&attempt.link) else { return };
        if link.connection.is_some() {
            return;
        }
        let connection = env.dial(self.host, link.peer, user_timeout);
        link.connection = Some(connection);
        self.mind.streams.insert(connection, Stream::new(Side::Dialler, Some(attempt)));
        let begin = env.now.saturating_sub(self.scenario.ping_interval);
        link.dials.retain(|&at| at > begin);
        link.dials.push_back(env.now);
        if link.dials.len() > bounds::DIALS {
            let text = format_args!("m{} dials m{} too often", self.host + 1, link.peer + 1);
            env.break_invariant(text);
        }
    }

    fn hang_up(&mut self, env: &mut Env, id: LinkId) {
        let Some(link) = self.mind.links.get_mut(&id) else { return };
        link.connected = false;
        if let Some(connection) = link.connection.take() {
            self.mind.streams.remove(&connection);
            env.close(connection, Side::Dialler, Ending::Fin);
        }
    }

    fn ping(&mut self, env: &mut Env, id: LinkId, nonce: i32) {
        let Some(link) = self.mind.links.get_mut(&id) else { return };
        (link.asked, link.answered) = (Some(nonce), false);
        let Ok(packet) = ping(scenario::machine(self.host), nonce) else { return };
        if let (Some(connection), true) = (link.connection, link.connected) {
            env.send(connection, Side::Dialler, packet.to(0).shared);
        }
    }

    /// A pong came on a link's connection.
    pub(crate) fn ponged(&mut self, id: LinkId, nonce: i32) {
        self.mind.ponged.insert(id);
        if let Some(link) = self.mind.links.get_mut(&id) {
            link.answered |= link.asked == Some(nonce);
        }
    }

    /// Queues a packet of traffic, and sends what the connection takes.
    pub(crate) fn queue(&mut self, env: &mut Env, id: LinkId, packet: Bytes) {
        let Some(link) = self.mind.links.get_mut(&id) else { return };
        let waiting: usize = link.queue.iter().map(Bytes::len).sum();
        if waiting + packet.len() > self.scenario.queue_limit {
            env.coverage.note("send full".to_owned());
        } else {
            link.queue.push_back(packet);
        }
        self.flush_link(env, id);
    }

    pub(crate) fn flush_link(&mut self, env: &mut Env, id: LinkId) {
        if env.terrain.host(self.host).is_stuck(Part::Transport) {
            return;
        }
        let Some(link) = self.mind.links.get_mut(&id) else { return };
        let (Some(connection), true) = (link.connection, link.connected) else { return };
        while let Some(end) = env.end(connection, Side::Dialler)
            && end.flow.bytes() < bounds::SOCKET
            && let Some(packet) = link.queue.pop_front()
        {
            env.send(connection, Side::Dialler, packet);
        }
    }
}
