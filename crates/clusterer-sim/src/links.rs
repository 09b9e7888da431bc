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
    Open(LinkId, (usize, u8)),
    Ping(LinkId, i32),
}

/// One outbound connection slot.
#[derive(Debug, Default)]
pub(crate) struct Link {
    /// To whom, and where that was found when the table was loaded.
    peer: (usize, u8),
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) connected: bool,
    /// What it was last asked, by a ping.
    asked: Option<i32>,
    /// It was answered.
    pub(crate) answered: bool,
    /// Traffic that is not sent whole, and how much of the first packet of it is.
    pub(crate) queue: VecDeque<Bytes>,
    written: usize,
    /// Pings that wait for the end of that packet.
    control: VecDeque<Bytes>,
    dials: VecDeque<u64>,
}

impl Link {
    pub(crate) fn new(peer: (usize, u8)) -> Self {
        Self { peer, ..Self::default() }
    }

    /// The connection is gone: a packet that was cut off begins anew on the next one, a ping does not.
    pub(crate) fn disconnected(&mut self) -> Option<ConnectionId> {
        self.connected = false;
        self.written = 0;
        self.control.clear();
        self.connection.take()
    }
}

/// Packets of traffic that the queues of a node have taken, and what became of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) taken: usize,
    pub(crate) sent: usize,
    pub(crate) discarded: usize,
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
                    let left = self.mind.links.remove(&link).map_or(0, |link| link.queue.len());
                    self.mind.tally.discarded += left;
                    self.mind.waiting.remove(&link);
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
        self.flush_links(env);
    }

    /// Sends what waits, on every link.
    pub(crate) fn flush_links(&mut self, env: &mut Env) {
        for link in self.mind.waiting.clone() {
            self.flush_link(env, link);
        }
    }

    /// The next byte on this connection belongs to a packet that has begun.
    pub(crate) fn is_amid(&self, id: ConnectionId) -> bool {
        self.mind.links.values().any(|link| link.connection == Some(id) && link.written > 0)
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
            let text = format_args!("m{} dials m{} too often", self.host + 1, link.peer.0 + 1);
            env.break_invariant(text);
        }
    }

    fn hang_up(&mut self, env: &mut Env, id: LinkId) {
        let Some(link) = self.mind.links.get_mut(&id) else { return };
        if let Some(connection) = link.disconnected() {
            self.mind.streams.remove(&connection);
            env.close(connection, Side::Dialler, Ending::Fin);
        }
    }

    fn ping(&mut self, env: &mut Env, id: LinkId, nonce: i32) {
        let Some(link) = self.mind.links.get_mut(&id) else { return };
        (link.asked, link.answered) = (Some(nonce), false);
        let Ok(packet) = ping(scenario::machine(self.host), nonce) else { return };
        if link.connected {
            link.control.push_back(packet.to(0).shared);
        }
        self.flush_link(env, id);
    }

    /// A pong came on a link's connection.
    pub(crate) fn ponged(&mut self, env: &Env, id: LinkId, nonce: i32) {
        self.mind.ponged.entry(id).or_insert(env.now);
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
            self.mind.tally.taken += 1;
            self.mind.waiting.insert(id);
        }
        self.flush_link(env, id);
    }

    pub(crate) fn flush_link(&mut self, env: &mut Env, id: LinkId) {
        if env.terrain.host(self.host).is_stuck(Part::Transport) {
            return;
        }
        let Some(link) = self.mind.links.get_mut(&id) else { return };
        let (Some(connection), true) = (link.connection, link.connected) else { return };
        loop {
            if link.written == 0
                && let Some(ping) = link.control.pop_front()
            {
                env.send(connection, Side::Dialler, ping);
                continue;
            }
            let Some(packet) = link.queue.front() else { break };
            let held =
                env.end(connection, Side::Dialler).map_or(usize::MAX, |end| end.flow.bytes());
            let room = bounds::SOCKET.saturating_sub(held);
            if room == 0 {
                return self.mind.waiting.extend([id]);
            }
            let end = packet.len().min(link.written + room);
            env.send_part(connection, Side::Dialler, packet.slice(link.written..end));
            link.written = end;
            if end == packet.len() {
                link.queue.pop_front();
                link.written = 0;
                self.mind.tally.sent += 1;
            } else {
                env.coverage.note("send part".to_owned());
            }
        }
        self.mind.waiting.remove(&id);
    }
}
