//! The scheduler: which link is dialled or pinged when, and what that says of its nodes.

use crate::link::{Links, Peer};
use crate::nodes::{Nodes, Probed};
use crate::transition::{Event, next};
use crate::{Action, Cause, Outcomes, Transition};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use clusterer_node::{
    AdminState, Attempt, Availability, Endpoint, LinkEvent, LinkId, LinkState, MachineId, Moment,
    NodeKey, Now, Reachability, SlotTimers, State, StoredStatus, Timers,
};
use core::fmt;
use core::net::IpAddr;
use core::num::NonZeroI32;
use core::time::Duration;

/// How often, and how patiently. What is below a millisecond counts as one, a timeout above the interval as
/// the interval.
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

impl Settings {
    const fn sane(self) -> Self {
        let Self { mut ping_interval, mut ping_timeout } = self;
        if ping_interval.as_millis() == 0 {
            ping_interval = Duration::from_millis(1);
        }
        if ping_timeout.as_nanos() > ping_interval.as_nanos() {
            ping_timeout = ping_interval;
        } else if ping_timeout.as_millis() == 0 {
            // No answer could be in time.
            ping_timeout = Duration::from_millis(1);
        }
        Self { ping_interval, ping_timeout }
    }
}

/// A node, as far as probing is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which node.
    pub node: NodeKey,
    /// Where to dial it; `None` for a node that is listed and never dialled (another protocol).
    pub address: Option<Endpoint>,
    /// The address to dial it from; `None` leaves that to the system. Rows with one machine and one
    /// address share a link if this is the same, too.
    pub bind: Option<IpAddr>,
    /// Failures in a row that disable it; 0 counts as 1.
    pub max_failures: u32,
    /// How long it stays disabled, in whole milliseconds; none at all counts as a `ping_interval`.
    pub duration: Duration,
}

/// What is known, when somebody is judged, of the way by which answers come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heard {
    /// Whatever had arrived has been told.
    All {
        /// Until when pings and dials last waited for whoever sends them, if they did. Who was asked
        /// before that is asked once more instead of being judged; not twice in a row, so that a
        /// sender who is always behind does not keep silent peers up.
        behind: Option<Moment>,
    },
    /// Nothing: who is late is judged as he is.
    Unknown,
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
    pub(crate) settings: Settings,
    pub(crate) nodes: Nodes,
    pub(crate) links: Links,
    /// When a connect or a pong is late, by the slot of the link.
    pub(crate) answers: SlotTimers,
    /// When to ping or dial next, by the slot of the link.
    pub(crate) attempts: SlotTimers,
    /// When a node that is not asked, most of all a disabled one, counts as up again.
    pub(crate) pauses: Timers<NodeKey>,
    pub(crate) nonce: i32,
    pub(crate) outcomes: Outcomes,
}

impl Prober {
    /// A prober that knows no node. `seed` is where the nonces of pings begin: any number, better a
    /// random one, so that a pong meant for a former process is not taken.
    #[must_use]
    pub const fn new(settings: Settings, seed: i32) -> Self {
        Self {
            settings: settings.sane(),
            nodes: Nodes::new(),
            links: Links::new(),
            answers: SlotTimers::new(),
            attempts: SlotTimers::new(),
            pauses: Timers::new(),
            nonce: seed,
            outcomes: Outcomes::new(),
        }
    }

    /// Replaces all nodes: those not named are forgotten, the state of each one named is set to what is
    /// stored, connections of those that stay are kept. Of two with one key the first counts.
    pub fn load(
        &mut self,
        now: Now,
        targets: impl IntoIterator<Item = (Target, StoredStatus)>,
        out: &mut Vec<Action>,
    ) {
        let former = core::mem::take(&mut self.nodes);
        let mut links = self.links.by_peer();
        let mut seen = BTreeSet::new();
        let mut nodes = Vec::new();
        let mut new = Vec::new();
        let mut urgent = BTreeSet::new();
        for (target, status) in targets {
            let Target { node, address, bind, .. } = target;
            if !seen.insert(node) {
                continue;
            }
            let old = former.get(node);
            // What is known already goes on as it is: by the monotonic clock, however the wall clock
            // was set meanwhile.
            let known = old.filter(|old| old.is_told_by(&target, status));
            let availability =
                known.map_or_else(|| stored(&target, status, now), |old| old.availability);
            if known.is_none() {
                new.push(node);
            }
            let peer = address.map(|address| Peer { machine: node.machine, address, bind });
            let kept = old.and_then(|old| self.links.id(old.link()?));
            let link = self.attach(now.mono, node, peer, kept, &mut links, out);
            if let Some(old) = old {
                report(node, old.availability, availability, Cause::Reload, out);
            }
            let was_up = old.is_some_and(|old| old.availability.state() == State::Up);
            if availability.state() == State::Up && !was_up {
                urgent.extend(link);
            }
            nodes.push(Probed::new(&target, availability, link));
        }
        self.nodes = Nodes::of(nodes);
        for node in new {
            self.time_node(node, now);
        }
        for old in former.iter().filter(|old| !seen.contains(&old.node)) {
            self.pauses.clear(old.node);
            if let Some(link) = old.link().and_then(|slot| self.links.id(slot)) {
                self.detach(old.node, link, &mut links, out);
            }
        }
        self.attempts.reserve(self.links.fit());
        for link in links.into_values() {
            self.settle(now.mono, link, urgent.contains(&link), out);
        }
    }

    /// Something happened to a link's connection. Events of links that are no more, and of attempts
    /// that were hung up, mean nothing.
    pub fn link_event(&mut self, now: Now, of: Attempt, event: LinkEvent, out: &mut Vec<Action>) {
        let id = of.link;
        let Some(link) = self.links.get_mut(id).filter(|link| link.dialled == of.number) else {
            return;
        };
        match event {
            LinkEvent::Connected if link.state == LinkState::Dialling => {
                link.state = LinkState::Open;
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

    /// A pong arrived on a link's connection. Returns the round trip if it answers the ping in flight; a
    /// stale one changes no state, and one in another machine's name nothing at all.
    pub fn pong(
        &mut self,
        now: Now,
        id: LinkId,
        sender: MachineId,
        nonce: i32,
        out: &mut Vec<Action>,
    ) -> Option<Duration> {
        let link = self.links.get_mut(id).filter(|link| link.machine() == sender)?;
        // In time or not: a peer that answers is none of those that never do.
        link.answers |= link.state == LinkState::Open;
        if link.in_flight.map(NonZeroI32::get) != Some(nonce) {
            return None;
        }
        let round_trip = now.mono.since(link.asked);
        link.in_flight = None;
        link.excused = false;
        self.answers.clear(id.index);
        self.well(now, id, out);
        Some(round_trip)
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

    /// How probes have ended so far.
    #[must_use]
    pub const fn outcomes(&self) -> Outcomes {
        self.outcomes
    }

    /// The availability of a node.
    #[must_use]
    pub fn availability(&self, node: NodeKey) -> Option<&Availability> {
        self.nodes.get(node).map(|probed| &probed.availability)
    }

    /// The link of a node, if it is one that is dialled.
    #[must_use]
    pub fn link_of(&self, node: NodeKey) -> Option<LinkId> {
        self.links.id(self.nodes.get(node)?.link()?)
    }

    /// The nodes that use a link: those with its machine and address.
    #[must_use]
    pub fn nodes_of(&self, link: LinkId) -> &[NodeKey] {
        self.links.users(link)
    }

    /// What a link's connection is doing.
    #[must_use]
    pub fn link_state(&self, link: LinkId) -> Option<LinkState> {
        self.links.get(link).map(|link| link.state)
    }

    /// When a node is dialled or pinged next, or a disabled one, or one that is never dialled, counts as up
    /// again; `None` while it is left alone, or an answer that is late has yet to be judged.
    #[must_use]
    pub fn next_attempt(&self, node: NodeKey) -> Option<Moment> {
        let probed = self.nodes.get(node)?;
        let Availability { admin, reachability, .. } = probed.availability;
        match (admin, reachability, probed.link()) {
            (AdminState::Enabled, Reachability::Probing | Reachability::Up, Some(slot)) => {
                self.attempts.get(slot)
            }
            _ => self.pauses.get(node),
        }
    }

    /// The last attempt to connect a link: the one whose events count.
    #[must_use]
    pub fn last_attempt(&self, link: LinkId) -> Option<Attempt> {
        self.links.get(link).map(|known| Attempt { link, number: known.dialled })
    }

    /// Applies an event to every node of a link. Returns whether one of them was up and is not any more.
    pub(crate) fn apply_to_link(
        &mut self,
        now: Now,
        id: LinkId,
        event: Event,
        cause: Cause,
        out: &mut Vec<Action>,
    ) -> bool {
        let mut left_up = false;
        for user in 0.. {
            let Some(&node) = self.links.users(id).get(user) else { break };
            left_up |= self.apply(now, node, event, cause, out);
        }
        left_up
    }

    pub(crate) fn apply_and_settle(
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
        let Some(probed) = self.nodes.get_mut(node) else { return false };
        let before = probed.availability;
        let after = next(before, event, probed.max_failures);
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
        let Some(probed) = self.nodes.get(node) else { return };
        let Availability { admin, reachability, .. } = probed.availability;
        let waits = match reachability {
            Reachability::Disabled => true,
            Reachability::Probing => probed.link().is_none(),
            _ => false,
        };
        if waits && admin == AdminState::Enabled {
            let left = remaining(&probed.availability, probed.duration(), now);
            // One with no duration at all would be dialled without a pause.
            let wait = if left.is_zero() { self.settings.ping_interval } else { left };
            self.pauses.set(node, now.mono.after(wait));
        } else {
            self.pauses.clear(node);
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
