//! What comes over one connection: admitted by the published view, and handed on in runs, each of which is a
//! sender's packets for a module. What a packet costs beyond its own bytes is paid once a run, or once for all
//! that was read together.

use crate::gateway::Gateway;
use crate::metric::DropTally;
use clusterer_bin::{FieldError, Packet};
use clusterer_core::{Admission, View, pong};
use clusterer_net::{Packets, Receiver, Reply, Source, Trust};
use clusterer_node::Moment;
use clusterer_registry::{Delivery, DropReason, Malformed, ModuleEvent, Pass, Route, Routes, Run};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Inlet {
    gateway: Arc<Gateway>,
    source: Source,
    routes: Routes,
    trust: Trust,
}

impl Inlet {
    pub(crate) const fn new(gateway: Arc<Gateway>, source: Source) -> Self {
        Self { gateway, source, routes: Routes::new(), trust: Trust::Stranger }
    }
}

impl Receiver for Inlet {
    fn packets(&mut self, packets: &mut Packets<'_>, now: Moment, reply: &mut Reply<'_>) -> Trust {
        let Self { gateway, source, routes, trust } = self;
        let Some(first) = packets.next() else { return *trust };
        let view = gateway.view.load();
        let mut turn = Turn { gateway, source, view: &view, now, drops: DropTally::default() };
        let mut next = Some(first);
        while let Some(found) = next {
            next = match found {
                Ok(packet) => {
                    if *trust == Trust::Stranger && view.knows(source.peer.ip(), packet.sender) {
                        *trust = Trust::Known;
                    }
                    turn.take(routes, packet, packets, reply)
                }
                Err(error) => {
                    turn.unreadable(&error);
                    packets.next()
                }
            };
        }
        turn.drops.hand_over(&gateway.dropped);
        *trust
    }

    fn forget(&mut self) {
        self.routes = Routes::new();
    }
}

/// What the packets that were read together have in common.
struct Turn<'t> {
    gateway: &'t Gateway,
    source: &'t Source,
    view: &'t View,
    now: Moment,
    drops: DropTally,
}

type Found<'a> = Result<Packet<'a>, FieldError>;

impl Turn<'_> {
    /// Takes a packet, and those behind it that go the same way. Returns what comes after them.
    fn take<'a>(
        &mut self,
        routes: &mut Routes,
        packet: Packet<'a>,
        packets: &mut Packets<'a>,
        reply: &mut Reply<'_>,
    ) -> Option<Found<'a>> {
        match self.view.route(routes, self.source.peer.ip(), &packet) {
            Admission::Module(route) => return self.go(route, packet, packets),
            Admission::Drop(reason) => self.note_drop(&packet, reason),
            Admission::Ping { nonce } => {
                if let Ok(pong) = pong(self.view.own(), nonce) {
                    // A peer that does not read its pongs has itself to blame; it is counted there.
                    let _ = reply.send(pong.to(packet.sender));
                }
            }
            Admission::Pong { sender, nonce } => {
                if let Some(link) = self.source.link {
                    self.gateway.inbox.pong(link, sender, nonce);
                }
            }
            _ => {}
        }
        packets.next()
    }

    fn go<'a>(
        &mut self,
        route: &Route,
        first: Packet<'a>,
        packets: &mut Packets<'a>,
    ) -> Option<Found<'a>> {
        let mut run = Together::new(route, first, packets);
        match route.arrive(self.now) {
            Ok(pass) => self.deliver(route, pass, &mut run),
            Err(node) => {
                run.skip();
                self.drops.disabled += run.count;
                // Once is enough for all of them.
                route.module().on_event(ModuleEvent::TemporarilyDisabled(node));
            }
        }
        run.behind
    }

    fn deliver(&mut self, route: &Route, pass: Pass, run: &mut Together<'_, '_, '_>) {
        let module = route.module();
        module.on_packets(&route.context(self.now), run);
        run.skip();
        route.count(run.count, run.bytes);
        // A queued module finds its events behind its packets anyway.
        if route.delivery() == Delivery::Inline
            && let Some(node) = route.timed_out_since(pass)
        {
            module.on_event(ModuleEvent::Timeout(node));
        }
        if let Some(error) = run.error {
            self.drops.add(DropReason::Malformed, run.malformed);
            self.note_malformed(route, &error);
        }
    }

    fn note_drop(&mut self, packet: &Packet<'_>, reason: DropReason) {
        let is_first = self.drops.add(reason, 1);
        // A module that is not registered here is no fault of the sender: 2.2 nodes send to all.
        let silent = reason == DropReason::UnknownModule;
        let peer = self.source.peer;
        if is_first && !silent && self.gateway.log_drops.allows(peer.ip(), self.now) {
            let module = packet.module.escape_ascii();
            let sender = packet.sender;
            let reason = reason.name();
            tracing::warn!(%peer, %module, sender, reason, "a packet was dropped");
        }
    }

    fn note_malformed(&self, route: &Route, error: &Malformed) {
        let context = route.context(self.now);
        if self.gateway.log_malformed.allows(context.address, self.now) {
            let module = &route.registration().name;
            let (address, sender) = (context.address, context.sender);
            tracing::warn!(%address, %sender, module, %error, "a packet's fields make no sense");
        }
    }

    /// A packet whose header cannot be read. The transport counts it.
    fn unreadable(&self, error: &FieldError) {
        let peer = self.source.peer;
        if self.gateway.log_malformed.allows(peer.ip(), self.now) {
            tracing::warn!(%peer, %error, "a packet's header cannot be read");
        }
    }
}

/// A run: the packets from one on that go the same way.
struct Together<'r, 'p, 'a> {
    route: &'r Route,
    /// The last one that was taken; before, the first.
    packet: Packet<'a>,
    begun: bool,
    packets: &'p mut Packets<'a>,
    /// What ended it.
    behind: Option<Found<'a>>,
    count: u64,
    bytes: u64,
    malformed: u64,
    /// What was wrong with the first of these.
    error: Option<Malformed>,
}

impl<'r, 'p, 'a> Together<'r, 'p, 'a> {
    const fn new(route: &'r Route, first: Packet<'a>, packets: &'p mut Packets<'a>) -> Self {
        let (count, bytes, malformed) = (0, 0, 0);
        let (begun, behind, error) = (false, None, None);
        Self { route, packet: first, begun, packets, behind, count, bytes, malformed, error }
    }

    /// Goes on to the next packet, if it belongs to the run.
    #[inline]
    fn advance(&mut self) -> bool {
        if !self.begun {
            self.begun = true;
            return true;
        }
        // Nearly always the next is like the last.
        self.behind.is_none() && (self.packets.follow(&mut self.packet) || self.advance_anew())
    }

    // Apart, so that nothing is saved for it on the way of the others.
    #[cold]
    #[inline(never)]
    fn advance_anew(&mut self) -> bool {
        match self.packets.next() {
            Some(Ok(packet)) if self.route.takes(&packet) => {
                self.packet = packet;
                true
            }
            behind => {
                self.behind = behind;
                false
            }
        }
    }

    /// Passes over what nobody took.
    fn skip(&mut self) {
        while self.next().is_some() {}
    }
}

impl Run for Together<'_, '_, '_> {
    fn next(&mut self) -> Option<&Packet<'_>> {
        if !self.advance() {
            return None;
        }
        self.count += 1;
        self.bytes += u64::try_from(self.packet.bytes().len()).unwrap_or(u64::MAX);
        Some(&self.packet)
    }

    fn malformed(&mut self, error: &Malformed) {
        self.malformed += 1;
        self.error.get_or_insert(*error);
    }
}
