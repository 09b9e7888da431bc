//! One established or half-open connection, accepted or dialled, and what a turn does with it.

use crate::census::Seat;
use crate::failure::Loss;
use crate::inflow::Inflow;
use crate::meters::{Reason, Tally};
use crate::outflow::{Outflow, Wrote};
use crate::queue::LinkQueue;
use crate::{Config, Ingress, Receiver, Reply, Source, Trust};
use clusterer_node::Moment;
use mio::net::TcpStream;
use socket2::{SockRef, TcpKeepalive};
use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Most bytes written to one connection before the others have their turn.
const WORK_A_TURN: usize = 256 * 1024;

/// How the silent end of a known sender's connection is found: within about two minutes.
const KEEP_ALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(10))
    .with_retries(6);

pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    role: Role,
    source: Source,
    inflow: Inflow,
    /// Takes in what comes; there is none before something has.
    receiver: Option<Box<dyn Receiver>>,
    outflow: Outflow,
    /// The system has not said yet that there is nothing (more) to read, no room to write. With
    /// edges instead of levels this must be remembered.
    readable: bool,
    writable: bool,
    /// The peer has ended its side, or the connection is broken: no edge will tell of that once more.
    ending: bool,
    /// When the packet that is not whole yet began.
    partial_since: Option<Moment>,
    /// When the last whole packet came; at first, when the connection did.
    last_packet: Moment,
    /// It waits for its turn already.
    pub(crate) scheduled: bool,
    /// The timer set for it.
    pub(crate) armed: Option<Moment>,
}

#[derive(Debug)]
pub(crate) enum Role {
    Dialled {
        queue: LinkQueue,
        established: bool,
    },
    /// Accepted from someone.
    Inbound(Seat),
}

/// What a connection needs of the mio thread for one turn.
pub(crate) struct Turn<'a> {
    pub(crate) now: Moment,
    /// Most bytes to read, roughly, before the others have their turn.
    pub(crate) share: usize,
    pub(crate) ingress: &'a Arc<dyn Ingress>,
    pub(crate) scratch: &'a mut [u8],
    pub(crate) tally: &'a mut Tally,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, role: Role, source: Source, now: Moment) -> Self {
        Self {
            stream,
            role,
            source,
            inflow: Inflow::new(source.dialect),
            receiver: None,
            outflow: Outflow::default(),
            readable: false,
            writable: false,
            ending: false,
            partial_since: None,
            last_packet: now,
            scheduled: false,
            armed: None,
        }
    }

    pub(crate) const fn source(&self) -> &Source {
        &self.source
    }

    /// An attempt has become a connection from this address.
    pub(crate) fn established(&mut self, from: SocketAddr) {
        self.source.local = from;
        if let Role::Dialled { queue, established } = &mut self.role {
            *established = true;
            queue.connected();
        }
    }

    pub(crate) const fn is_established(&self) -> bool {
        matches!(self.role, Role::Inbound(_) | Role::Dialled { established: true, .. })
    }

    /// Accepted, and no known sender ever spoke on it.
    pub(crate) const fn is_strangers(&self) -> bool {
        matches!(&self.role, Role::Inbound(seat) if seat.is_strangers())
    }

    pub(crate) const fn ready(&mut self, readable: bool, writable: bool, ending: bool) {
        self.readable |= readable || ending;
        self.writable |= writable;
        self.ending |= ending;
    }

    pub(crate) fn forget(&mut self) {
        if let Some(receiver) = &mut self.receiver {
            receiver.forget();
        }
    }

    /// Nothing is left that a shutdown should wait for.
    pub(crate) fn is_flushed(&self) -> bool {
        match &self.role {
            Role::Dialled { queue, established: true } => {
                self.outflow.is_empty() && queue.queued_bytes() == 0
            }
            _ => true,
        }
    }

    /// Reads and writes what there is, up to a turn's share. Returns whether there may be more.
    pub(crate) fn work(&mut self, turn: &mut Turn<'_>) -> Result<bool, Loss> {
        let read = self.read(turn);
        if let (Err(Loss::Closed), Role::Inbound(_)) = (&read, &self.role) {
            // A peer that has ended only its own side may still wait for an answer; what this brings
            // about changes nothing.
            let _ = self.write(turn.tally);
        }
        read?;
        let paused = self.write(turn.tally)?;
        Ok(self.readable || paused)
    }

    fn read(&mut self, turn: &mut Turn<'_>) -> Result<(), Loss> {
        let mut left = turn.share;
        while self.readable && left > 0 {
            let most = left.min(turn.scratch.len());
            match self.stream.read(turn.scratch.get_mut(..most).unwrap_or_default()) {
                Ok(0) => return Err(Loss::Closed),
                Ok(count) => {
                    left = left.saturating_sub(count);
                    turn.tally.bytes_received += count;
                    // Less than there was room for is all there was; what comes later is a new edge.
                    self.readable = self.ending || count == most;
                    self.take(count, turn)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Loss::Io(error)),
            }
        }
        Ok(())
    }

    /// Walks through the first `count` bytes of the scratch buffer.
    fn take(&mut self, count: usize, turn: &mut Turn<'_>) -> Result<(), Loss> {
        let Self { inflow, outflow, source, role, stream, receiver, .. } = self;
        let data = turn.scratch.get(..count).unwrap_or_default();
        let tally = &mut *turn.tally;
        let receiver = receiver.get_or_insert_with(|| turn.ingress.clone().open(source));
        let fed = inflow.feed(data, |packets| {
            let mut answer = |packet| {
                let queued = outflow.reply(packet);
                if queued.is_err() {
                    tally.dropped(Reason::ReplyFull, 1);
                }
                queued
            };
            let trust = receiver.packets(packets, turn.now, &mut Reply::new(&mut answer));
            if let (Role::Inbound(seat), Trust::Known) = (&mut *role, trust)
                && seat.is_strangers()
            {
                seat.keep();
                keep_alive(stream);
            }
        });
        turn.tally.packets_received += fed.found.whole;
        turn.tally.dropped(Reason::Malformed, fed.found.malformed);
        let whole = fed.found.whole > 0;
        if whole {
            self.last_packet = turn.now;
            if let Role::Inbound(seat) = &self.role {
                seat.heard(turn.now);
            }
        }
        if !self.inflow.is_partial() {
            self.partial_since = None;
        } else if whole || self.partial_since.is_none() {
            self.partial_since = Some(turn.now);
        }
        fed.outcome.map_err(Loss::Framing)
    }

    /// Writes what there is, up to a turn's share. Returns whether there may be more.
    pub(crate) fn write(&mut self, tally: &mut Tally) -> Result<bool, Loss> {
        if !self.writable {
            return Ok(false);
        }
        let queue = match &self.role {
            Role::Dialled { queue, .. } => Some(queue),
            Role::Inbound(_) => None,
        };
        let wrote = self.outflow.write(&mut self.stream, queue, WORK_A_TURN, tally);
        match wrote.map_err(Loss::Io)? {
            Wrote::All => Ok(false),
            Wrote::Blocked => {
                self.writable = false;
                Ok(false)
            }
            Wrote::Paused => Ok(true),
        }
    }

    /// When this connection must be looked at although nothing happens on it.
    pub(crate) fn deadline(&self, config: &Config) -> Option<Moment> {
        let packet = self.partial_since.map(|since| since.after(config.packet_timeout));
        let idle = self.is_strangers().then(|| self.last_packet.after(config.stranger_idle));
        packet.into_iter().chain(idle).min()
    }

    /// The deadline that has come, if one has.
    pub(crate) fn expired(&self, config: &Config, now: Moment) -> Option<Loss> {
        if self.partial_since.is_some_and(|since| since.after(config.packet_timeout) <= now) {
            return Some(Loss::PacketTimeout);
        }
        self.deadline(config).filter(|&at| at <= now).map(|_| Loss::StrangerIdle)
    }

    /// The end. Packets of a link that were not written whole go back to its queue; what cannot be
    /// sent any more is counted.
    pub(crate) fn end(self, tally: &mut Tally) {
        let (unsent, mut dropped) = self.outflow.into_unsent();
        if let Role::Dialled { queue, .. } = self.role {
            let (control, traffic) = queue.disconnected(unsent);
            dropped += control;
            tally.dropped(Reason::LinkClosed, traffic);
        }
        tally.dropped(Reason::NotConnected, dropped);
    }
}

fn keep_alive(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    if let Err(error) = socket.set_tcp_keepalive(&KEEP_ALIVE) {
        tracing::debug!(%error, "no keep-alive on an inbound connection");
    }
}
