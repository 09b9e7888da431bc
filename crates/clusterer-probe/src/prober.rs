//! The scheduler: which link is dialled or pinged when, and what that says of its nodes.

use crate::link::{Link, Links, Peer};
use crate::transition::{Event, next};
use crate::{Action, Cause, Transition};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use clusterer_node::{
    AdminState, Availability, LinkEvent, LinkFailure, LinkId, LinkState, MachineId, Moment,
    NodeKey, Now, Reachability, State, StoredStatus, Timers,
};
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

/// A deadline that is noticed this much too late means that this process stood still, and nobody else.
const STALL: Duration = Duration::from_millis(100);

/// How often, and how patiently. `ping_timeout` must not be above `ping_interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// From one ping, or attempt to connect, to the next: 1 s by default.
    pub ping_interval: Duration,
    /// How long a connect, or a pong, may take: 500 ms by default.
    pub ping_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ping_interval: Duration::from_secs(1), ping_timeout: Duration::from_millis(500) }
    }
}

/// A node, as far as probing is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which node.
    pub node: NodeKey,
    /// Where to dial it; `None` for a node that is listed and never dialled (another protocol).
    pub address: Option<SocketAddr>,
    /// Failures in a row that disable it; 0 counts as 1.
    pub max_failures: u32,
    /// How long it stays disabled.
    pub duration: Duration,
}

/// There is no such node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownNode(pub NodeKey);

impl fmt::Display for UnknownNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not in the table", self.0)
    }
}

impl core::error::Error for UnknownNode {}

/// The probing scheduler of one machine. See the crate's documentation.
#[derive(Debug)]
pub struct Prober {
    settings: Settings,
    nodes: BTreeMap<NodeKey, Probed>,
    links: Links,
    timers: Timers<Timer>,
    nonce: i32,
}

#[derive(Debug)]
struct Probed {
    target: Target,
    availability: Availability,
    link: Option<LinkId>,
}

/// The order is that of deadlines at the same moment: an answer is judged before it is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// When a connect or a pong is late.
    Answer(LinkId),
    /// When to ping or dial next.
    Attempt(LinkId),
    /// When a disabled node is up again.
    Node(NodeKey),
}

impl Prober {
    /// A prober that knows no node. `seed` is where the nonces of pings begin: any number, better a
    /// random one, so that a pong meant for a former process is not taken.
    #[must_use]
    pub const fn new(settings: Settings, seed: i32) -> Self {
        Self {
            settings,
            nodes: BTreeMap::new(),
            links: Links::new(),
            timers: Timers::new(),
            nonce: seed,
        }
    }

    /// Replaces all nodes: those not named are forgotten, the state of each one named is set to what is
    /// stored, connections of those that stay are kept.
    pub fn load(
        &mut self,
        now: Now,
        targets: impl IntoIterator<Item = (Target, StoredStatus)>,
        out: &mut Vec<Action>,
    ) {
        let mut former = core::mem::take(&mut self.nodes);
        let mut urgent = BTreeSet::new();
        for (target, status) in targets {
            let node = target.node;
            let availability = stored(&target, status, now);
            let old = former.remove(&node);
            let peer = target.address.map(|address| (node.machine, address));
            let kept = old.as_ref().and_then(|old| old.link);
            let link = self.attach(node, peer, kept, out);
            if let Some(old) = &old {
                report(node, old.availability, availability, Cause::Reload, out);
            }
            let was_up = old.is_some_and(|old| old.availability.state() == State::Up);
            if availability.state() == State::Up && !was_up {
                urgent.extend(link);
            }
            self.nodes.insert(node, Probed { target, availability, link });
            self.time_node(node, now);
        }
        for (node, old) in former {
            self.timers.clear(Timer::Node(node));
            if let Some(link) = old.link {
                self.detach(node, link, out);
            }
        }
        let links: Vec<LinkId> = self.links.iter().map(|(id, _)| id).collect();
        for link in links {
            self.settle(now.mono, link, urgent.contains(&link), out);
        }
    }

    /// Something happened to a link's connection. Events of links that are no more mean nothing.
    pub fn link_event(&mut self, now: Now, id: LinkId, event: LinkEvent, out: &mut Vec<Action>) {
        let Some(link) = self.links.get_mut(id) else { return };
        match event {
            LinkEvent::Connected if link.state == LinkState::Dialling => {
                link.state = LinkState::Open;
                self.timers.clear(Timer::Answer(id));
                self.attempt(now.mono, id, out);
            }
            LinkEvent::Closed if link.state == LinkState::Open => {
                self.lost(id);
                self.reconnect(now.mono, id, out);
            }
            LinkEvent::Failed(failure) if link.state != LinkState::Idle => {
                self.lost(id);
                self.failed(now, id, Cause::LinkFailed(failure), out);
            }
            _ => {}
        }
    }

    /// A pong arrived on a link's connection. Returns whether it answers the ping in flight; a stale
    /// one, or one in another machine's name, changes nothing.
    pub fn pong(
        &mut self,
        now: Now,
        id: LinkId,
        sender: MachineId,
        nonce: i32,
        out: &mut Vec<Action>,
    ) -> bool {
        let Some(link) = self.links.get_mut(id) else { return false };
        if link.in_flight != Some(nonce) || link.peer.0 != sender {
            return false;
        }
        link.in_flight = None;
        link.answers = true;
        self.timers.clear(Timer::Answer(id));
        self.apply_to_link(now, id, Event::Success, Cause::Success, out);
        true
    }

    /// An administrator takes a node down, or puts it in use.
    ///
    /// # Errors
    /// There is no such node.
    pub fn administer(
        &mut self,
        now: Now,
        node: NodeKey,
        admin: AdminState,
        out: &mut Vec<Action>,
    ) -> Result<(), UnknownNode> {
        let event = match admin {
            AdminState::Down => Event::Disable,
            _ => Event::Enable,
        };
        self.apply_and_settle(now, node, event, Cause::Administrator, out)
    }

    /// A module saw a node fail: one failure, as if a ping had failed.
    ///
    /// # Errors
    /// There is no such node.
    pub fn report_failure(
        &mut self,
        now: Now,
        node: NodeKey,
        out: &mut Vec<Action>,
    ) -> Result<(), UnknownNode> {
        self.apply_and_settle(now, node, Event::Failure(now.unix), Cause::Reported, out)
    }

    /// Does what is due. Call it when [`Prober::deadline`] has come, after everything that happened
    /// before has been told.
    pub fn tick(&mut self, now: Now, out: &mut Vec<Action>) {
        if self.timers.next().is_some_and(|due| now.mono.since(due) > STALL) {
            self.forgive(now.mono, out);
        }
        while let Some(timer) = self.timers.pop_due(now.mono) {
            match timer {
                Timer::Answer(link) => self.judge(now, link, out),
                Timer::Attempt(link) => self.attempt(now.mono, link, out),
                Timer::Node(node) => {
                    // The node is there: removing one clears its timer.
                    let _ = self.apply_and_settle(
                        now,
                        node,
                        Event::DurationOver,
                        Cause::DurationOver,
                        out,
                    );
                }
            }
        }
    }

    /// When [`Prober::tick`] is due next.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.timers.next()
    }

    /// The availability of a node.
    #[must_use]
    pub fn availability(&self, node: NodeKey) -> Option<&Availability> {
        self.nodes.get(&node).map(|probed| &probed.availability)
    }

    /// The link of a node, if it is one that is dialled.
    #[must_use]
    pub fn link_of(&self, node: NodeKey) -> Option<LinkId> {
        self.nodes.get(&node)?.link
    }

    /// What a link's connection is doing.
    #[must_use]
    pub fn link_state(&self, link: LinkId) -> Option<LinkState> {
        self.links.get(link).map(|link| link.state)
    }

    /// Gives a node the link to its peer, the one it has if that leads there.
    fn attach(
        &mut self,
        node: NodeKey,
        peer: Option<Peer>,
        kept: Option<LinkId>,
        out: &mut Vec<Action>,
    ) -> Option<LinkId> {
        if let Some(kept) = kept {
            if self.links.get(kept).map(|link| link.peer) == peer {
                return Some(kept);
            }
            self.detach(node, kept, out);
        }
        let (machine, address) = peer?;
        let id = self.links.find((machine, address)).unwrap_or_else(|| {
            let link = self.links.add((machine, address));
            out.push(Action::Open { link, machine, address });
            link
        });
        if let Some(link) = self.links.get_mut(id) {
            link.nodes.push(node);
        }
        Some(id)
    }

    fn detach(&mut self, node: NodeKey, id: LinkId, out: &mut Vec<Action>) {
        let Some(link) = self.links.get_mut(id) else { return };
        link.nodes.retain(|&user| user != node);
        if link.nodes.is_empty() {
            self.timers.clear(Timer::Answer(id));
            self.timers.clear(Timer::Attempt(id));
            self.links.remove(id);
            out.push(Action::Close(id));
        }
    }

    /// Whether a link is needed, by any of its nodes.
    fn wanted(&self, link: &Link) -> bool {
        link.nodes.iter().filter_map(|node| self.nodes.get(node)).any(|probed| {
            let Availability { admin, reachability, .. } = probed.availability;
            admin == AdminState::Enabled && reachability != Reachability::Disabled
        })
    }

    /// Brings a link in line with what its nodes need. `urgent`: now, not when it is its turn.
    fn settle(&mut self, now: Moment, id: LinkId, urgent: bool, out: &mut Vec<Action>) {
        let Some(link) = self.links.get(id) else { return };
        if !self.wanted(link) {
            self.rest(id, out);
        } else if urgent || self.timers.get(Timer::Attempt(id)).is_none() {
            self.attempt(now, id, out);
        }
    }

    /// Dials, or pings on an open connection that has no ping in flight.
    fn attempt(&mut self, now: Moment, id: LinkId, out: &mut Vec<Action>) {
        let Some(link) = self.links.get_mut(id) else { return };
        self.timers.set(Timer::Attempt(id), now.after(self.settings.ping_interval));
        match link.state {
            LinkState::Idle => {
                link.state = LinkState::Dialling;
                out.push(Action::Dial(id));
            }
            LinkState::Open if link.in_flight.is_none() => {
                self.nonce = self.nonce.wrapping_add(1);
                link.in_flight = Some(self.nonce);
                out.push(Action::Ping { link: id, nonce: self.nonce });
            }
            _ => return,
        }
        link.last_attempt = Some(now);
        self.timers.set(Timer::Answer(id), now.after(self.settings.ping_timeout));
    }

    /// The time for an answer is over.
    fn judge(&mut self, now: Now, id: LinkId, out: &mut Vec<Action>) {
        let Some(link) = self.links.get_mut(id) else { return };
        match link.state {
            LinkState::Dialling => {
                link.state = LinkState::Idle;
                out.push(Action::Hangup(id));
                self.failed(now, id, Cause::LinkFailed(LinkFailure::TimedOut), out);
            }
            LinkState::Open if link.in_flight.take().is_some() => {
                // The connection stays: a peer that stood still answers on it when it goes on, and
                // unacknowledged data breaks it if there is nobody.
                if link.answers {
                    self.failed(now, id, Cause::NoPong, out);
                } else {
                    self.apply_to_link(now, id, Event::Success, Cause::Success, out);
                }
            }
            _ => {}
        }
    }

    /// The connection is gone, by the peer's doing.
    fn lost(&mut self, id: LinkId) {
        self.timers.clear(Timer::Answer(id));
        if let Some(link) = self.links.get_mut(id) {
            link.state = LinkState::Idle;
            link.in_flight = None;
            link.answers = false;
        }
    }

    /// Dials a connection again that was closed in order: at once, but not more than once an interval.
    fn reconnect(&mut self, now: Moment, id: LinkId, out: &mut Vec<Action>) {
        let Some(link) = self.links.get_mut(id) else { return };
        let earliest = link.last_reconnect.map(|last| last.after(self.settings.ping_interval));
        match earliest.filter(|&earliest| earliest > now) {
            Some(earliest) => self.timers.set(Timer::Attempt(id), earliest),
            None => {
                link.last_reconnect = Some(now);
                self.attempt(now, id, out);
            }
        }
    }

    /// A failure of the link is one of each of its nodes. A node that was up until now is tried again at
    /// once, the others when it is their turn.
    fn failed(&mut self, now: Now, id: LinkId, cause: Cause, out: &mut Vec<Action>) {
        let fresh = self.apply_to_link(now, id, Event::Failure(now.unix), cause, out);
        let Some(link) = self.links.get(id) else { return };
        if !self.wanted(link) {
            self.rest(id, out);
        } else if fresh {
            self.attempt(now.mono, id, out);
        } else {
            let turn = link.last_attempt.map(|last| last.after(self.settings.ping_interval));
            self.timers.set(Timer::Attempt(id), turn.unwrap_or(now.mono).max(now.mono));
        }
    }

    /// Nobody needs the link now.
    fn rest(&mut self, id: LinkId, out: &mut Vec<Action>) {
        self.timers.clear(Timer::Answer(id));
        self.timers.clear(Timer::Attempt(id));
        let Some(link) = self.links.get_mut(id) else { return };
        link.in_flight = None;
        if link.state != LinkState::Idle {
            link.state = LinkState::Idle;
            out.push(Action::Hangup(id));
        }
    }

    /// This process stood still: what is late may have been answered in time. Each peer gets one fresh
    /// ping, each connect its whole time again.
    fn forgive(&mut self, now: Moment, out: &mut Vec<Action>) {
        let links: Vec<LinkId> = self.links.iter().map(|(id, _)| id).collect();
        for id in links {
            if self.timers.get(Timer::Answer(id)).is_none() {
                continue;
            }
            self.timers.set(Timer::Answer(id), now.after(self.settings.ping_timeout));
            if let Some(link) = self.links.get_mut(id)
                && link.in_flight.take().is_some()
            {
                self.attempt(now, id, out);
            }
        }
    }

    /// Applies an event to every node of a link. Returns whether one of them was up and is not any more.
    fn apply_to_link(
        &mut self,
        now: Now,
        id: LinkId,
        event: Event,
        cause: Cause,
        out: &mut Vec<Action>,
    ) -> bool {
        let nodes = self.links.get(id).map(|link| link.nodes.clone()).unwrap_or_default();
        let mut left_up = false;
        for node in nodes {
            left_up |= self.apply(now, node, event, cause, out);
        }
        left_up
    }

    fn apply_and_settle(
        &mut self,
        now: Now,
        node: NodeKey,
        event: Event,
        cause: Cause,
        out: &mut Vec<Action>,
    ) -> Result<(), UnknownNode> {
        let before = self.availability(node).copied().ok_or(UnknownNode(node))?;
        let left_up = self.apply(now, node, event, cause, out);
        let after = self.availability(node).copied().ok_or(UnknownNode(node))?;
        if let Some(link) = self.link_of(node) {
            let became_up = before.state() != State::Up && after.state() == State::Up;
            self.settle(now.mono, link, became_up || left_up, out);
        }
        Ok(())
    }

    /// Applies an event to a node. Returns whether it was up and is now being probed.
    fn apply(
        &mut self,
        now: Now,
        node: NodeKey,
        event: Event,
        cause: Cause,
        out: &mut Vec<Action>,
    ) -> bool {
        let Some(probed) = self.nodes.get_mut(&node) else { return false };
        let before = probed.availability;
        let after = next(before, event, probed.target.max_failures);
        if !report(node, before, after, cause, out) {
            return false;
        }
        probed.availability = after;
        self.time_node(node, now);
        before.state() == State::Up && after.state() == State::Probing
    }

    /// Sets when a node that cannot be asked counts as up again: a disabled one, or one that is never
    /// dialled and hence never answers.
    fn time_node(&mut self, node: NodeKey, now: Now) {
        let Some(probed) = self.nodes.get(&node) else { return };
        let Availability { admin, reachability, .. } = probed.availability;
        let waits = match reachability {
            Reachability::Disabled => true,
            Reachability::Probing => probed.link.is_none(),
            _ => false,
        };
        if waits && admin == AdminState::Enabled {
            let left = remaining(&probed.availability, probed.target.duration, now);
            self.timers.set(Timer::Node(node), now.mono.after(left));
        } else {
            self.timers.clear(Timer::Node(node));
        }
    }
}

/// What a stored status means at this time.
fn stored(target: &Target, status: StoredStatus, now: Now) -> Availability {
    let StoredStatus { state, no_tries, last_attempt } = status;
    let admin = if state == State::Down { AdminState::Down } else { AdminState::Enabled };
    let reachability = match state {
        State::Probing if no_tries >= target.max_failures.max(1) => Reachability::Disabled,
        State::Probing => Reachability::Probing,
        _ => Reachability::Up,
    };
    let availability = Availability { admin, reachability, no_tries, last_attempt };
    let over = remaining(&availability, target.duration, now).is_zero();
    if reachability == Reachability::Disabled && over {
        next(availability, Event::DurationOver, target.max_failures)
    } else {
        availability
    }
}

/// How much of its duration a node has yet to wait. A `last_attempt` of the future, by another
/// machine's clock, counts as now.
fn remaining(availability: &Availability, duration: Duration, now: Now) -> Duration {
    let waited = now.unix.as_secs().saturating_sub(availability.last_attempt.as_secs());
    duration.saturating_sub(Duration::from_secs(waited))
}

/// Tells of a change, if there is one.
fn report(
    node: NodeKey,
    from: Availability,
    to: Availability,
    cause: Cause,
    out: &mut Vec<Action>,
) -> bool {
    if from != to {
        out.push(Action::Changed(Transition { node, from, to, cause }));
    }
    from != to
}
