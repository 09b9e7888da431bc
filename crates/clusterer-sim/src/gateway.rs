//! What arrives at a node, decided as the engine's gateway does it.

use crate::bounds;
use crate::connection::{ConnectionId, Ending, Readiness, Side};
use crate::env::Env;
use crate::process::Process;
use crate::scenario;
use crate::terrain::Part;
use clusterer_bin::{Dialect, Framer, Packet, Step};
use clusterer_core::{Admission, pong};
use clusterer_node::{Attempt, LinkEvent, LinkFailure, MachineId};
use clusterer_registry::{ClusterModule, DropReason, ModuleEvent, PacketContext, Routes};

/// The reading side of a connection.
#[derive(Debug)]
pub(crate) struct Stream {
    side: Side,
    /// By which it was made, if it was made here.
    attempt: Option<Attempt>,
    framer: Framer,
    partial: Vec<u8>,
    routes: Routes,
}

impl Stream {
    pub(crate) const fn new(side: Side, attempt: Option<Attempt>) -> Self {
        let framer = Framer::new(Dialect::V22);
        Self { side, attempt, framer, partial: Vec::new(), routes: Routes::new() }
    }
}

impl Process {
    /// Takes in everything that has arrived.
    pub(crate) fn look(&mut self, env: &mut Env) {
        let host = env.terrain.host(self.host);
        if host.is_stuck(Part::Transport) || host.is_stuck(Part::Reading) {
            return;
        }
        while let Some((id, side, readiness)) = env.next_ready(self.host) {
            let attempt = self.mind.streams.get(&id).and_then(|stream| stream.attempt);
            match readiness {
                Readiness::Connected => self.connected(env, attempt),
                Readiness::Data(bytes) => self.read(env, id, side, &bytes),
                Readiness::Closed => {
                    env.close(id, side, Ending::Fin);
                    self.lost(env, id, attempt, LinkEvent::Closed);
                }
                Readiness::Failed(failure) => {
                    self.lost(env, id, attempt, LinkEvent::Failed(failure));
                }
            }
        }
    }

    fn connected(&mut self, env: &mut Env, attempt: Option<Attempt>) {
        let Some(attempt) = attempt else { return };
        let link = attempt.link;
        if let Some(slot) = self.mind.links.get_mut(&link) {
            slot.connected = true;
        }
        env.coverage.note("link connected".to_owned());
        self.mind.inbox.event(attempt, LinkEvent::Connected);
        self.flush_link(env, link);
    }

    fn lost(
        &mut self,
        env: &mut Env,
        id: ConnectionId,
        attempt: Option<Attempt>,
        event: LinkEvent,
    ) {
        self.mind.streams.remove(&id);
        let Some(attempt) = attempt else { return };
        let link = attempt.link;
        if let Some(slot) = self.mind.links.get_mut(&link) {
            slot.disconnected();
        }
        self.mind.ponged.remove(&link);
        let word = match event {
            LinkEvent::Failed(failure) => failure.name(),
            _ => "closed",
        };
        env.coverage.note(format!("link {word}"));
        env.line(format_args!("m{} link {link}: {word}", self.host + 1));
        self.mind.inbox.event(attempt, event);
    }

    fn read(&mut self, env: &mut Env, id: ConnectionId, side: Side, bytes: &[u8]) {
        let fresh = || Stream::new(side, None);
        let mut stream = self.mind.streams.remove(&id).unwrap_or_else(fresh);
        stream.partial.extend_from_slice(bytes);
        let mut data = std::mem::take(&mut stream.partial);
        let mut at = 0;
        let broken = loop {
            match stream.framer.next(data.get(at..).unwrap_or_default()) {
                Ok(Step::Packet { bytes, consumed }) => {
                    self.packet(env, id, &mut stream, bytes);
                    at += consumed;
                }
                Ok(Step::More { consumed, .. }) => {
                    at += consumed;
                    break false;
                }
                Err(_) => break true,
            }
        };
        if broken {
            if !env.tainted.contains(&id) {
                env.break_invariant(format_args!("m{}: a packet came in pieces", self.host + 1));
            }
            let how = if env.rng.chance(500) { Ending::Fin } else { Ending::Reset };
            env.close(id, side, how);
            return self.lost(env, id, stream.attempt, LinkEvent::Failed(LinkFailure::Protocol));
        }
        data.drain(..at.min(data.len()));
        stream.partial = data;
        self.mind.streams.insert(id, stream);
    }

    fn packet(&mut self, env: &mut Env, id: ConnectionId, stream: &mut Stream, bytes: &[u8]) {
        let Some(other) = env.end(id, stream.side.other()) else { return };
        let from = scenario::address(other.host, other.moved);
        let Ok(packet) = Packet::parse(Dialect::V22, bytes) else {
            return note_drop(env, DropReason::Malformed);
        };
        let now = self.moment(env);
        let context = |node| PacketContext::new(None, node, false, from, now);
        match self.mind.view.route(&mut stream.routes, from, &packet) {
            Admission::Module(route) => match route.arrive(now) {
                Ok(_) => {
                    let context = route.context(now);
                    self.tamper.heard(context.sender);
                    route.count(1, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                    let outcome = route.module().on_packet(&context, &packet);
                    outcome.unwrap_or_else(|_| note_drop(env, DropReason::Malformed));
                }
                Err(node) => {
                    route.module().on_event(ModuleEvent::TemporarilyDisabled(node));
                    if self.tamper.delivers(None) {
                        // A broken gate's module takes the packet; what it says of it does not matter.
                        let _ = self.mind.module.on_packet(&context(node.machine), &packet);
                    }
                }
            },
            Admission::Drop(reason) => {
                note_drop(env, reason);
                let sender = MachineId::new(packet.sender);
                if let (Some(sender), true) = (sender, self.tamper.delivers(Some(reason))) {
                    let _ = self.mind.module.on_packet(&context(sender), &packet);
                }
            }
            Admission::Ping { nonce } => {
                if let Ok(pong) = pong(self.mind.view.own(), nonce)
                    && let Some(end) = env.end(id, stream.side)
                    && end.flow.bytes() < bounds::REPLIES
                {
                    env.send(id, stream.side, pong.to(packet.sender).shared);
                }
            }
            Admission::Pong { sender, nonce } => {
                if let Some(Attempt { link, .. }) = stream.attempt {
                    self.ponged(env, link, nonce);
                    self.mind.inbox.pong(link, sender, nonce);
                }
            }
            _ => {}
        }
        self.hear(env);
    }
}

fn note_drop(env: &mut Env, reason: DropReason) {
    env.coverage.note(format!("packet {}", reason.name()));
}
