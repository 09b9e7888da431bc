//! Judges a node's states: each by the table of transitions, all of them by the truth.

use crate::bounds;
use crate::env::Env;
use crate::scenario::{self, Scenario};
use crate::terrain::Reach;
use clusterer_core::{Cause, Transition, View};
use clusterer_node::{
    AdminState, Availability, DbId, NodeKey, Protocol, Reachability, Row, State, Table, UnixTime,
};
use clusterer_probe::{Event, next};
use std::collections::BTreeMap;

/// What one node knows of the others, kept beside it.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    nodes: BTreeMap<NodeKey, Known>,
    rows: BTreeMap<NodeKey, Row>,
}

#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) id: DbId,
    pub(crate) availability: Availability,
    /// When anything of it changed, or was loaded.
    pub(crate) changed_at: u64,
    /// When it was last found not to be up any more.
    pub(crate) left_up: Option<u64>,
    /// When it became up.
    up_since: u64,
    up_cause: Cause,
    /// When its last failure was, if that was here and no row has been loaded since.
    failed_at: Option<u64>,
}

impl Oracle {
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&NodeKey, &Known)> {
        self.nodes.iter()
    }

    /// A table is about to be loaded.
    pub(crate) fn load(&mut self, now: u64, table: &Table) {
        let rows = table.peers().map(|node| (node.key(), node.row.clone())).collect();
        let before = std::mem::replace(&mut self.rows, rows);
        self.nodes.retain(|key, _| self.rows.contains_key(key));
        for (key, known) in &mut self.nodes {
            known.changed_at = now;
            let (Some(was), Some(row)) = (before.get(key), self.rows.get(key)) else { continue };
            known.id = row.id;
            // A row that says what is known already changes nothing, whatever the wall clock shows.
            let Availability { no_tries, last_attempt, .. } = known.availability;
            let same = (row.state, row.no_tries, row.last_attempt)
                == (known.availability.state(), no_tries, last_attempt);
            let limits = |row: &Row| (row.duration, row.max_failures());
            if !same || limits(was) != limits(row) {
                known.failed_at = None;
            }
        }
    }

    /// A node is said to have changed.
    pub(crate) fn changed(&mut self, env: &mut Env, own: usize, unix: UnixTime, said: &Transition) {
        let Transition { node, from, to, cause } = *said;
        let Some(row) = self.rows.get(&node) else {
            return env.break_invariant(format_args!("m{} changes {node}: no such row", own + 1));
        };
        let known = self.nodes.entry(node).or_insert_with(|| Known::new(env.now, row.id, from));
        if known.availability != from {
            let was = known.availability;
            env.break_invariant(format_args!("m{}: {node} was {was:?}: {said:?}", own + 1));
        }
        if !is_legal(row, said, unix) {
            env.break_invariant(format_args!("m{}: not in the table: {said:?}", own + 1));
        }
        let exempt = matches!(cause, Cause::Reload | Cause::Administrator);
        if to.no_tries > row.max_failures() && !exempt {
            env.break_invariant(format_args!("m{}: no_tries too high: {said:?}", own + 1));
        }
        let due = known.failed_at.map(|at| at + duration(row));
        if cause == Cause::DurationOver && due.is_some_and(|due| env.now < due) {
            env.break_invariant(format_args!("m{}: {node} is enabled too early", own + 1));
        }
        known.availability = to;
        known.changed_at = env.now;
        if is_failure(cause) {
            known.failed_at = Some(env.now);
        }
        if is_failure(cause) {
            accuse(env, own, said);
        }
        if from.state() == State::Up && to.state() != State::Up {
            known.left_up = Some(env.now);
        }
        if to.state() == State::Up && from.state() != State::Up {
            (known.up_since, known.up_cause) = (env.now, cause);
        }
        let (was, is, cause) = (word(from), word(to), cause.name());
        env.coverage.note(format!("transition {was} -> {is} {cause}"));
        let tries = to.no_tries;
        env.line(format_args!("m{} {node}: {was} -> {is}, no_tries {tries}, {cause}", own + 1));
    }

    /// A view was published: it must show what was said, and nothing else.
    pub(crate) fn published(&mut self, env: &mut Env, own: usize, view: &View) {
        let mut count = 0;
        for shown in view.nodes() {
            count += 1;
            let key = shown.node.key();
            let fresh = || Known::new(env.now, shown.node.row.id, shown.availability);
            let known = self.nodes.entry(key).or_insert_with(fresh);
            if known.availability != shown.availability {
                let (was, is) = (known.availability, shown.availability);
                let text = format_args!("m{}: {key} silently from {was:?} to {is:?}", own + 1);
                env.break_invariant(text);
            }
        }
        if count != self.rows.len() {
            env.break_invariant(format_args!("m{} shows {count} nodes", own + 1));
        }
    }

    /// Compares what the node believes with the truth. `ponged` says since when it is known of the
    /// present connection to that node that pongs come on it.
    pub(crate) fn judge(
        &self,
        env: &mut Env,
        scenario: &Scenario,
        own: usize,
        ponged: impl Fn(NodeKey) -> Option<u64>,
    ) {
        let running = env.terrain.host(own).since;
        for (&key, known) in &self.nodes {
            let Some(row) = self.rows.get(&key) else { continue };
            if known.availability.admin == AdminState::Down {
                continue;
            }
            let state = known.availability.state();
            let waits = known.availability.reachability == Reachability::Disabled;
            let since = known.failed_at.unwrap_or(known.changed_at).max(running);
            let wait = bounds::disabled(scenario, duration(row));
            if waits && env.now > since + wait + bounds::SLACK {
                env.break_invariant(format_args!("m{}: {key} stays disabled", own + 1));
            }
            let peer = scenario::host_of(key.machine);
            let (Some(peer), Protocol::Bin) = (peer, row.url.protocol()) else { continue };
            let (reach, since) = env.terrain.reach(own, peer);
            let since = since.max(running);
            match (reach, state) {
                (Reach::Calm, State::Probing)
                    if env.now > since + bounds::up_again(scenario, wait) =>
                {
                    let text = format_args!("m{}: {key} is not up again", own + 1);
                    env.break_invariant(text);
                }
                (Reach::Unreachable, State::Up) if env.now > known.limit(scenario, since) => {
                    env.break_invariant(format_args!("m{}: {key} is still up", own + 1));
                }
                (Reach::Standing, State::Up)
                    if ponged(key)
                        .is_some_and(|at| env.now > known.limit(scenario, since.max(at))) =>
                {
                    env.break_invariant(format_args!(
                        "m{}: {key} stands still and is still up",
                        own + 1
                    ));
                }
                _ => {}
            }
        }
    }
}

impl Known {
    fn new(now: u64, id: DbId, availability: Availability) -> Self {
        let (up_since, up_cause) = (now, Cause::Reload);
        Self {
            id,
            availability,
            changed_at: now,
            up_since,
            up_cause,
            failed_at: None,
            left_up: None,
        }
    }

    /// Until when it may be up, if it cannot be reached since then.
    fn limit(&self, scenario: &Scenario, unreachable: u64) -> u64 {
        if self.up_since <= unreachable {
            return unreachable + bounds::known(scenario);
        }
        let asked = match self.up_cause {
            Cause::Success => bounds::known(scenario),
            _ => bounds::asked(scenario),
        };
        self.up_since + asked
    }
}

fn is_legal(row: &Row, said: &Transition, unix: UnixTime) -> bool {
    let Transition { from, to, cause, .. } = *said;
    let by = |event| next(from, event, row.max_failures()) == to;
    match cause {
        Cause::Administrator => by(Event::Disable) || by(Event::Enable),
        Cause::DurationOver => by(Event::DurationOver),
        Cause::LinkFailed(_) | Cause::NoPong | Cause::Reported => by(Event::Failure(unix)),
        Cause::Success => by(Event::Success),
        Cause::Reload => match row.state {
            State::Probing => to.admin == AdminState::Enabled,
            state => to.state() == state,
        },
        _ => false,
    }
}

/// Counts those that are taken for failed, or disabled, while nothing is wrong with their host.
fn accuse(env: &mut Env, own: usize, said: &Transition) {
    let Some(peer) = scenario::host_of(said.node.machine) else { return };
    let fine_since = env.terrain.host(peer).since;
    let (reach, _) = env.terrain.reach(own, peer);
    if matches!(reach, Reach::Calm | Reach::Murky) && env.now > fine_since + bounds::INNOCENT {
        let stood = env.terrain.host(own).since;
        let accused = &mut env.accused;
        accused.disabled += u64::from(said.to.reachability == Reachability::Disabled);
        if said.from.state() == State::Up {
            accused.no_pong += u64::from(said.cause == Cause::NoPong);
            accused.timed_out += u64::from(matches!(said.cause, Cause::LinkFailed(_)));
            let recently = stood > 0 && env.now <= stood + bounds::INNOCENT;
            accused.after_stall += u64::from(recently);
        }
    }
}

const fn is_failure(cause: Cause) -> bool {
    matches!(cause, Cause::LinkFailed(_) | Cause::NoPong | Cause::Reported)
}

fn duration(row: &Row) -> u64 {
    u64::from(row.duration) * 1_000
}

const fn word(availability: Availability) -> &'static str {
    match (availability.admin, availability.reachability) {
        (AdminState::Down, _) => "down",
        (_, Reachability::Disabled) => "disabled",
        (_, Reachability::Probing) => "probing",
        _ => "up",
    }
}
