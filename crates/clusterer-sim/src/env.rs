//! What the hosts of a run share: time, chance, the network, the truth and the record.

use crate::agenda::{Agenda, Event};
use crate::connection::{Connection, ConnectionId, End, Ending, Payload, Readiness, Segment, Side};
use crate::coverage::Coverage;
use crate::report::Accusations;
use crate::rng::Rng;
use crate::terrain::{Condition, Terrain};
use crate::trace::Trace;
use bytes::Bytes;
use clusterer_node::LinkFailure;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

/// How long a kernel waits before it sends again for the first time, and the most it ever waits.
const FIRST_RETRANSMISSION: u64 = 200;
const LAST_RETRANSMISSION: u64 = 6_400;
/// A kernel gives up what nobody waits for any more after so many attempts.
const MOST_TRIES: u32 = 12;
/// How long a kernel waits before it sends a connect again for the first time.
const SYN_RETRANSMISSION: u64 = 1_000;

pub(crate) struct Env {
    /// Milliseconds since the run began.
    pub(crate) now: u64,
    pub(crate) agenda: Agenda,
    pub(crate) rng: Rng,
    pub(crate) terrain: Terrain,
    pub(crate) trace: Trace,
    pub(crate) coverage: Coverage,
    /// The first invariant that was broken.
    pub(crate) broken: Option<String>,
    /// One way, milliseconds: the least, and what may come on top.
    pub(crate) delay: (u64, u64),
    pub(crate) sent: Sent,
    /// Accusations of those with whom nothing was wrong.
    pub(crate) accused: Accusations,
    connections: BTreeMap<ConnectionId, Connection>,
    count: u64,
    /// By host: ends with something to look at.
    ready: Vec<VecDeque<(ConnectionId, Side)>>,
    /// Connections on which somebody spoke who has no part in what is sent there.
    pub(crate) tainted: BTreeSet<ConnectionId>,
    /// Hosts that got something to look at since somebody asked.
    touched: Vec<usize>,
}

/// What went over the network.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

impl Env {
    pub(crate) fn new(hosts: usize, rng: Rng, delay: (u64, u64), trace: Trace) -> Self {
        Self {
            now: 0,
            agenda: Agenda::default(),
            rng,
            terrain: Terrain::new(hosts),
            trace,
            coverage: Coverage::default(),
            broken: None,
            delay,
            sent: Sent::default(),
            accused: Accusations::default(),
            connections: BTreeMap::new(),
            count: 0,
            ready: vec![VecDeque::new(); hosts],
            tainted: BTreeSet::new(),
            touched: Vec::new(),
        }
    }

    pub(crate) fn line(&mut self, text: fmt::Arguments<'_>) {
        self.trace.line(self.now, text);
    }

    /// An invariant does not hold. The first one is kept: what follows may be its consequence.
    pub(crate) fn break_invariant(&mut self, text: fmt::Arguments<'_>) {
        self.line(format_args!("BROKEN: {text}"));
        let now = self.now;
        self.broken.get_or_insert_with(|| format!("at {now} ms: {text}"));
    }

    pub(crate) fn take_touched(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.touched)
    }

    pub(crate) fn connections_between(&self, a: usize, b: usize) -> Vec<ConnectionId> {
        let between = |it: &&Connection| {
            let hosts = (it.dialler.host, it.acceptor.host);
            (hosts == (a, b) || hosts == (b, a)) && it.dialler.open && it.acceptor.open
        };
        let found = self.connections.iter().filter(|(_, it)| between(it));
        found.map(|(&id, _)| id).collect()
    }

    pub(crate) fn end(&self, id: ConnectionId, side: Side) -> Option<&End> {
        self.connections.get(&id).map(|connection| connection.end(side))
    }

    /// Begins a connect to a host where it is found after so many moves. What becomes of it is a
    /// [`Readiness`] of the dialler's end.
    pub(crate) fn dial(
        &mut self,
        from: usize,
        (to, moved): (usize, u8),
        user_timeout: Option<u64>,
    ) -> ConnectionId {
        let id = ConnectionId(self.count);
        self.count += 1;
        let dialler = End::new(from, self.terrain.host(from).moved, true, user_timeout);
        let acceptor = End::new(to, moved, false, None);
        self.connections.insert(id, Connection { dialler, acceptor });
        self.agenda.put(self.now, Event::Syn(id, 0));
        id
    }

    pub(crate) fn syn(&mut self, id: ConnectionId, tries: u32) {
        let Some((from, to)) = self.dialling(id) else { return };
        if self.terrain.path(from, to).routeless > 0 {
            let answer = Event::SynAnswer(id, Some(LinkFailure::Unreachable));
            return self.agenda.put(self.now, answer);
        }
        if self.passes(from, to) {
            let at = self.now + self.travel(from, to);
            self.agenda.put(at, Event::SynArrive(id, tries));
        } else {
            self.agenda
                .put(self.now + (SYN_RETRANSMISSION << tries.min(5)), Event::Syn(id, tries + 1));
        }
    }

    pub(crate) fn syn_arrive(&mut self, id: ConnectionId, tries: u32) {
        let Some((from, to)) = self.dialling(id) else { return };
        let condition = self.terrain.host(to).condition;
        let there = self.end(id, Side::Acceptor).map(|end| end.moved);
        let gone = condition == Condition::Off || there != Some(self.terrain.host(to).moved);
        if gone || !self.passes(to, from) {
            let again = self.now + (SYN_RETRANSMISSION << tries.min(5));
            return self.agenda.put(again, Event::Syn(id, tries + 1));
        }
        let at = self.now + self.travel(to, from);
        let refused = condition == Condition::Dead;
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.acceptor.open = !refused;
            connection.acceptor.flow.last_arrival = at;
        }
        self.agenda.put(at, Event::SynAnswer(id, refused.then_some(LinkFailure::Refused)));
    }

    pub(crate) fn syn_answer(&mut self, id: ConnectionId, failure: Option<LinkFailure>) {
        if self.dialling(id).is_none() {
            return;
        }
        match failure {
            None => self.announce(id, Side::Dialler, Readiness::Connected),
            Some(failure) => self.fail(id, Side::Dialler, failure),
        }
    }

    /// Sends a packet, in one piece or in several.
    pub(crate) fn send(&mut self, id: ConnectionId, side: Side, bytes: Bytes) {
        self.sent.packets += 1;
        self.sent.bytes += bytes.len() as u64;
        self.send_part(id, side, bytes);
    }

    /// Sends some bytes of a packet.
    pub(crate) fn send_part(&mut self, id: ConnectionId, side: Side, bytes: Bytes) {
        let mut rest = bytes;
        while rest.len() > 1 && self.rng.chance(60) {
            let cut = 1 + self.rng.index(rest.len() - 1);
            let head = rest.split_to(cut);
            self.transmit(id, side, Payload::Data(head));
        }
        self.transmit(id, side, Payload::Data(rest));
    }

    fn transmit(&mut self, id: ConnectionId, side: Side, payload: Payload) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let flow = &mut connection.end_mut(side).flow;
        if flow.is_blocked() {
            flow.backlog.push_back(Segment { payload: Some(payload), sent_at: now });
            return;
        }
        let (from, to) = (connection.end(side).host, connection.end(side.other()).host);
        let arrives = self.passes(from, to);
        let acknowledged = arrives && self.passes(to, from);
        if arrives {
            self.arrive_later(id, side, payload.clone());
        }
        if !acknowledged {
            let payload = (!arrives).then_some(payload);
            self.keep(id, side, Segment { payload, sent_at: now });
        }
    }

    /// Keeps what is not acknowledged, to be sent again.
    fn keep(&mut self, id: ConnectionId, side: Side, segment: Segment) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let end = connection.end_mut(side);
        let timeout = end.user_timeout.map(|timeout| segment.sent_at + timeout);
        end.flow.backlog.push_back(segment);
        if !std::mem::replace(&mut end.flow.retransmitting, true) {
            end.flow.tries = 0;
            self.agenda.put(now + FIRST_RETRANSMISSION, Event::Retransmit(id, side));
        }
        if let Some(at) = timeout
            && !std::mem::replace(&mut end.flow.watched, true)
        {
            self.agenda.put(at, Event::UserTimeout(id, side));
        }
    }

    pub(crate) fn retransmit(&mut self, id: ConnectionId, side: Side) {
        let Some(connection) = self.connections.get(&id) else { return };
        let (from, to) = (connection.end(side).host, connection.end(side.other()).host);
        let arrives = self.passes(from, to);
        let acknowledged = arrives && self.passes(to, from);
        let mut found = Vec::new();
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let end = connection.end_mut(side);
        if arrives {
            found.extend(end.flow.backlog.iter_mut().filter_map(|segment| segment.payload.take()));
        }
        let host = end.host;
        if acknowledged {
            end.flow.backlog.clear();
            // There is room again.
            self.touched.push(host);
        }
        end.flow.tries += 1;
        end.flow.retransmitting =
            !end.flow.backlog.is_empty() && (end.open || end.flow.tries < MOST_TRIES);
        if end.flow.retransmitting {
            // A tail loss probe first, then the doubling timer.
            let wait = FIRST_RETRANSMISSION << end.flow.tries.saturating_sub(1).min(16);
            self.agenda.put(self.now + wait.min(LAST_RETRANSMISSION), Event::Retransmit(id, side));
        }
        for payload in found {
            self.arrive_later(id, side, payload);
        }
    }

    pub(crate) fn user_timeout(&mut self, id: ConnectionId, side: Side) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let end = connection.end_mut(side);
        end.flow.watched = false;
        let (Some(timeout), Some(head)) = (end.user_timeout, end.flow.backlog.front()) else {
            return;
        };
        let at = head.sent_at + timeout;
        if !end.open {
            return;
        }
        if at > self.now {
            end.flow.watched = true;
            self.agenda.put(at, Event::UserTimeout(id, side));
        } else {
            self.fail(id, side, LinkFailure::TimedOut);
        }
    }

    /// Something reaches the host at this side.
    pub(crate) fn arrive(&mut self, id: ConnectionId, side: Side, payload: Payload) {
        self.trace.number(self.now);
        self.trace.number(id.0);
        if let Payload::Data(bytes) = &payload {
            self.trace.bytes(bytes);
        }
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let end = connection.end_mut(side);
        if end.open {
            return match payload {
                Payload::Data(bytes) => self.announce(id, side, Readiness::Data(bytes)),
                Payload::Fin => self.announce(id, side, Readiness::Closed),
                Payload::Reset => self.fail(id, side, LinkFailure::Reset),
            };
        }
        // Nobody is there: the kernel says so, if there is one.
        let host = end.host;
        if matches!(payload, Payload::Data(_))
            && self.terrain.host(host).condition != Condition::Off
        {
            self.reset_other(id, side);
        }
    }

    /// The process takes the next thing at one of its ends.
    pub(crate) fn next_ready(&mut self, host: usize) -> Option<(ConnectionId, Side, Readiness)> {
        while let Some((id, side)) = self.ready[host].pop_front() {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            let readiness = connection.end_mut(side).pending.pop_front();
            self.forget_if_over(id);
            if let Some(readiness) = readiness {
                return Some((id, side, readiness));
            }
        }
        None
    }

    /// Gives up an end. What is pending there is not looked at any more.
    pub(crate) fn close(&mut self, id: ConnectionId, side: Side, how: Ending) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let end = connection.end_mut(side);
        end.pending.clear();
        if std::mem::replace(&mut end.open, false) {
            match how {
                Ending::Fin => self.transmit(id, side, Payload::Fin),
                Ending::Reset => self.reset_other(id, side),
                Ending::Silent => end.flow.backlog.clear(),
            }
        }
        self.forget_if_over(id);
    }

    /// Gives up all ends of a host, as its kernel does when the process dies.
    pub(crate) fn close_all(&mut self, host: usize, how: Ending) {
        let of_host = |it: &Connection, side| it.end(side).host == host;
        let ids = self.connections.iter();
        let ids: Vec<_> = ids
            .flat_map(|(&id, it)| {
                let sides = [Side::Dialler, Side::Acceptor];
                sides.into_iter().filter(move |&side| of_host(it, side)).map(move |side| (id, side))
            })
            .collect();
        for (id, side) in ids {
            self.close(id, side, how);
        }
        self.ready[host].clear();
    }

    /// Both ends of every connection between two hosts are told that it is broken.
    pub(crate) fn reset_between(&mut self, a: usize, b: usize) {
        for id in self.connections_between(a, b) {
            self.fail(id, Side::Dialler, LinkFailure::Reset);
            self.fail(id, Side::Acceptor, LinkFailure::Reset);
        }
    }

    fn dialling(&self, id: ConnectionId) -> Option<(usize, usize)> {
        let connection = self.connections.get(&id)?;
        connection.dialler.open.then_some((connection.dialler.host, connection.acceptor.host))
    }

    /// A kernel breaks its own end.
    fn fail(&mut self, id: ConnectionId, side: Side, failure: LinkFailure) {
        if let Some(connection) = self.connections.get_mut(&id) {
            let end = connection.end_mut(side);
            end.open = false;
            end.pending.clear();
            end.flow.backlog.clear();
            self.announce(id, side, Readiness::Failed(failure));
        }
    }

    fn reset_other(&mut self, id: ConnectionId, side: Side) {
        let Some(connection) = self.connections.get(&id) else { return };
        let (from, to) = (connection.end(side).host, connection.end(side.other()).host);
        if self.passes(from, to) {
            self.arrive_later(id, side, Payload::Reset);
        }
    }

    fn announce(&mut self, id: ConnectionId, side: Side, readiness: Readiness) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let end = connection.end_mut(side);
        end.pending.push_back(readiness);
        self.ready[end.host].push_back((id, side));
        self.touched.push(end.host);
    }

    /// What this side sent reaches the other one after its time, and nothing before it.
    fn arrive_later(&mut self, id: ConnectionId, side: Side, payload: Payload) {
        let Some(connection) = self.connections.get(&id) else { return };
        let (from, to) = (connection.end(side).host, connection.end(side.other()).host);
        let travel = self.travel(from, to);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let flow = &mut connection.end_mut(side).flow;
        flow.last_arrival = flow.last_arrival.max(self.now + travel);
        self.agenda.put(flow.last_arrival, Event::Arrive(id, side.other(), payload));
    }

    fn travel(&mut self, from: usize, to: usize) -> u64 {
        let (least, jitter) = self.delay;
        self.terrain.path(from, to).delay + least + self.rng.below(jitter + 1)
    }

    /// Whether one packet gets from one host to the other.
    fn passes(&mut self, from: usize, to: usize) -> bool {
        let path = self.terrain.path(from, to);
        path.cuts == 0
            && self.terrain.host(to).condition != Condition::Off
            && !self.rng.chance(path.loss)
    }

    fn forget_if_over(&mut self, id: ConnectionId) {
        if self.connections.get(&id).is_some_and(Connection::is_over) {
            self.connections.remove(&id);
        }
    }
}
