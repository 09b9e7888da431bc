//! When a link is dialled, pinged, judged and left alone.

use crate::link::{Link, Peer};
use crate::prober::{Heard, Prober};
use crate::transition::Event;
use crate::{Action, Cause};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use clusterer_node::{
    AdminState, Attempt, Availability, LinkFailure, LinkId, LinkState, Moment, NodeKey, Now,
    Reachability,
};
use core::num::NonZeroI32;
use core::time::Duration;

/// A deadline that is noticed this much too late means that this process stood still, and nobody else.
const STALL: Duration = Duration::from_millis(100);
/// No ping has nonce 0: this one follows -1.
const FIRST: NonZeroI32 = NonZeroI32::new(1).unwrap();

impl Prober {
    /// Does what is due, judging included. Call it when [`Prober::deadline`] has come, after everything
    /// that happened before has been told. Who cannot be sure of that at once calls
    /// [`Prober::advance`], makes sure, and calls [`Prober::judge`].
    pub fn tick(&mut self, now: Now, out: &mut Vec<Action>) {
        if is_stall(self.deadline(), now.mono) {
            self.forgive(now.mono, out);
        }
        self.judge(now, now.mono, Heard::Unknown, out);
        self.advance(now, out);
    }

    /// Does what is due and judges nobody: dials, pings, and puts disabled nodes in use again. A link
    /// whose answer is late is not asked again before it has been judged.
    pub fn advance(&mut self, now: Now, out: &mut Vec<Action>) {
        if is_stall(self.advance_at(), now.mono) {
            self.forgive(now.mono, out);
        }
        while let Some(due) = self.advance_at().filter(|&due| due <= now.mono) {
            // Of what is due at the same moment, links come first.
            if self.attempts.next() == Some(due) {
                self.attempt_next(now.mono, out);
            } else if let Some(node) = self.pauses.pop_due(due) {
                // The node is there: removing one clears its timer.
                let over = Event::DurationOver;
                let _ = self.apply_and_settle(now, node, over, Cause::DurationOver, out);
            }
        }
    }

    /// Attempts the link whose turn it is, unless it is still to be judged.
    fn attempt_next(&mut self, now: Moment, out: &mut Vec<Action>) {
        let Some(slot) = self.attempts.pop_due(now) else { return };
        if self.answers.get(slot).is_none_or(|late| late > now)
            && let Some(link) = self.links.id(slot)
        {
            self.attempt(now, link, out);
        }
    }

    /// Judges those that should have answered by `by`: who has not has failed. If `by` itself is late, that
    /// was a stall of our own, or they became late while others were waited for: each is asked once more,
    /// but not twice in a row, so that no silent peer stays up. From `by` to `now` may be any time.
    pub fn judge(&mut self, now: Now, by: Moment, heard: Heard, out: &mut Vec<Action>) {
        let behind = match heard {
            Heard::All { .. } if is_stall(self.judge_at(), by) => Some(now.mono),
            Heard::All { behind } => behind,
            Heard::Unknown => None,
        };
        while let Some(slot) = self.answers.pop_due(by) {
            let Some(link) = self.links.id(slot) else { continue };
            if !self.excuse(now.mono, link, behind, out) {
                self.judge_link(now, link, out);
            }
        }
    }

    /// When [`Prober::tick`] is due next.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        [self.advance_at(), self.judge_at()].into_iter().flatten().min()
    }

    /// When [`Prober::advance`] is due next.
    #[must_use]
    pub fn advance_at(&self) -> Option<Moment> {
        [self.attempts.next(), self.pauses.next()].into_iter().flatten().min()
    }

    /// When [`Prober::judge`] is due next.
    #[must_use]
    pub fn judge_at(&self) -> Option<Moment> {
        self.answers.next()
    }

    /// Gives a node the link to its peer, the one it has if that leads there.
    pub(crate) fn attach(
        &mut self,
        now: Moment,
        node: NodeKey,
        peer: Option<Peer>,
        kept: Option<LinkId>,
        links: &mut BTreeMap<Peer, LinkId>,
        out: &mut Vec<Action>,
    ) -> Option<LinkId> {
        if let Some(kept) = kept {
            if self.links.get(kept).map(Link::peer) == peer {
                return Some(kept);
            }
            self.detach(node, kept, links, out);
        }
        let peer = peer?;
        if let Some(&link) = links.get(&peer) {
            self.links.add_user(link, node);
            return Some(link);
        }
        let link = self.links.add(now, peer, node);
        links.insert(peer, link);
        let Peer { machine, address, bind } = peer;
        out.push(Action::Open { link, machine, address: address.into(), bind });
        Some(link)
    }

    pub(crate) fn detach(
        &mut self,
        node: NodeKey,
        id: LinkId,
        links: &mut BTreeMap<Peer, LinkId>,
        out: &mut Vec<Action>,
    ) {
        if let Some(peer) = self.links.remove_user(id, node) {
            links.remove(&peer);
            self.answers.clear(id.index);
            self.attempts.clear(id.index);
            out.push(Action::Close(id));
        }
    }

    /// Whether a link is needed, by any of its nodes.
    fn wanted(&self, link: LinkId) -> bool {
        self.links.users(link).iter().filter_map(|&node| self.nodes.get(node)).any(|probed| {
            let Availability { admin, reachability, .. } = probed.availability;
            admin == AdminState::Enabled && reachability != Reachability::Disabled
        })
    }

    /// Brings a link in line with what its nodes need. `urgent`: now, not when it is its turn.
    pub(crate) fn settle(&mut self, now: Moment, id: LinkId, urgent: bool, out: &mut Vec<Action>) {
        if self.links.get(id).is_none() {
            return;
        }
        if !self.wanted(id) {
            self.rest(id, out);
        } else if urgent || self.attempts.get(id.index).is_none() {
            self.attempt(now, id, out);
        }
    }

    /// Dials, or pings on an open connection that has no ping in flight.
    pub(crate) fn attempt(&mut self, now: Moment, id: LinkId, out: &mut Vec<Action>) {
        let Some(link) = self.links.get_mut(id) else { return };
        self.attempts.set(id.index, now.after(self.settings.ping_interval));
        match link.state {
            LinkState::Idle => {
                link.state = LinkState::Dialling;
                link.dialled = link.dialled.wrapping_add(1);
                out.push(Action::Dial(Attempt { link: id, number: link.dialled }));
            }
            LinkState::Open if link.in_flight.is_none() => {
                let nonce = NonZeroI32::new(self.nonce.wrapping_add(1)).unwrap_or(FIRST);
                self.nonce = nonce.get();
                link.in_flight = Some(nonce);
                out.push(Action::Ping { link: id, nonce: self.nonce });
            }
            _ => return,
        }
        link.asked = now;
        self.answers.set(id.index, now.after(self.settings.ping_timeout));
    }

    /// The time for an answer is over.
    pub(crate) fn judge_link(&mut self, now: Now, id: LinkId, out: &mut Vec<Action>) {
        let Some(link) = self.links.get_mut(id) else { return };
        link.excused = false;
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
                    self.well(now, id, out);
                }
            }
            _ => {}
        }
    }

    /// A link was found well.
    pub(crate) fn well(&mut self, now: Now, id: LinkId, out: &mut Vec<Action>) {
        self.outcomes.note(Cause::Success);
        self.apply_to_link(now, id, Event::Success, Cause::Success, out);
        self.settle(now.mono, id, false, out);
    }

    /// The connection is gone, by the peer's doing.
    pub(crate) fn lost(&mut self, id: LinkId) {
        self.answers.clear(id.index);
        if let Some(link) = self.links.get_mut(id) {
            link.state = LinkState::Idle;
            link.in_flight = None;
            link.excused = false;
            link.answers = false;
        }
    }

    /// Dials a connection again that was closed in order: at once, but not more than once an interval.
    pub(crate) fn reconnect(&mut self, now: Moment, id: LinkId, out: &mut Vec<Action>) {
        let Some(link) = self.links.get_mut(id) else { return };
        let interval = self.settings.ping_interval;
        if link.reconnect_from > now {
            self.attempts.set(id.index, link.reconnect_from);
        } else {
            link.reconnect_from = now.after(interval);
            self.attempt(now, id, out);
        }
    }

    /// A failure of the link is one of each of its nodes. A node that was up until now is tried again at
    /// once (but not more than once an interval), the others when it is their turn.
    pub(crate) fn failed(&mut self, now: Now, id: LinkId, cause: Cause, out: &mut Vec<Action>) {
        self.outcomes.note(cause);
        let fresh = self.apply_to_link(now, id, Event::Failure(now.unix), cause, out);
        if !self.wanted(id) {
            return self.rest(id, out);
        }
        let Some(link) = self.links.get_mut(id) else { return };
        let interval = self.settings.ping_interval;
        if fresh && link.retry_from <= now.mono {
            link.retry_from = now.mono.after(interval);
            self.attempt(now.mono, id, out);
        } else {
            self.attempts.set(id.index, link.asked.after(interval).max(now.mono));
        }
    }

    /// Nobody needs the link now.
    fn rest(&mut self, id: LinkId, out: &mut Vec<Action>) {
        self.answers.clear(id.index);
        self.attempts.clear(id.index);
        let Some(link) = self.links.get_mut(id) else { return };
        link.in_flight = None;
        link.excused = false;
        if link.state != LinkState::Idle {
            link.state = LinkState::Idle;
            out.push(Action::Hangup(id));
        }
    }

    /// This process stood still: what is late may have been answered in time. Each peer gets one fresh
    /// ping, each connect its whole time again.
    pub(crate) fn forgive(&mut self, now: Moment, out: &mut Vec<Action>) {
        let awaited = |(id, _): &(LinkId, &Link)| self.answers.get(id.index).is_some();
        let mut late: Vec<(Peer, LinkId)> =
            self.links.iter().filter(awaited).map(|(id, link)| (link.peer(), id)).collect();
        late.sort_unstable();
        for (_, id) in late {
            self.ask_again(now, id, out);
        }
    }

    /// Asks a link once more whose question may have gone out late. Returns whether it does.
    pub(crate) fn excuse(
        &mut self,
        now: Moment,
        id: LinkId,
        behind: Option<Moment>,
        out: &mut Vec<Action>,
    ) -> bool {
        let (Some(behind), Some(link)) = (behind, self.links.get_mut(id)) else { return false };
        if link.excused || link.asked > behind {
            return false;
        }
        link.excused = true;
        self.ask_again(now, id, out);
        true
    }

    /// A fresh ping where one is unanswered, its whole time again for a connect.
    fn ask_again(&mut self, now: Moment, id: LinkId, out: &mut Vec<Action>) {
        self.answers.set(id.index, now.after(self.settings.ping_timeout));
        let Some(link) = self.links.get_mut(id) else { return };
        // What is sent now is sent after whatever kept the last one.
        link.asked = now;
        if link.in_flight.take().is_some() {
            self.attempt(now, id, out);
        }
    }
}

/// Whether a deadline is noticed so late that this process stood still.
fn is_stall(due: Option<Moment>, now: Moment) -> bool {
    due.is_some_and(|due| now.since(due) > STALL)
}
