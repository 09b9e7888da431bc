//! Nodes that are broken on purpose: each must be found by an invariant, and by the right one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

use clusterer_core::{Action, Input, Transition};
use clusterer_node::{Cluster, LinkEvent, Node, ResolvedRow, Row, Table};
use clusterer_registry::DropReason;
use clusterer_sim::{Scenario, Tamper, World};
use std::time::Duration;

/// How many seeds a broken node may get away with.
const SEEDS: u64 = 150;

/// Breaks the first node of one run after the other, until an invariant says so.
fn check<T: Tamper + 'static>(tamper: impl Fn() -> T, expected: &str) {
    for seed in 0..SEEDS {
        let scenario = Scenario::new(seed, None);
        let run = World::new(scenario).tampered(0, Box::new(tamper())).run();
        if let Some(broken) = run.broken {
            assert!(broken.contains(expected), "seed {seed}: {broken}");
            return;
        }
    }
    panic!("not found in {SEEDS} runs");
}

/// Keeps from the driver, or changes, what the core wants done.
struct Actions(fn(Action) -> Vec<Action>);

impl Tamper for Actions {
    fn actions(&mut self, actions: Vec<Action>) -> Vec<Action> {
        actions.into_iter().flat_map(self.0).collect()
    }
}

/// Keeps from the core, or changes, what happened.
struct Inputs(fn(Input) -> Option<Input>);

impl Tamper for Inputs {
    fn input(&mut self, input: Input) -> Option<Input> {
        (self.0)(input)
    }
}

/// Gives packets to modules that should not have them.
struct Admits(fn(Option<DropReason>) -> bool);

impl Tamper for Admits {
    fn delivers(&mut self, reason: Option<DropReason>) -> bool {
        (self.0)(reason)
    }
}

/// Makes the core believe in another table than the one that was loaded.
struct Rows(fn(&mut Row));

impl Tamper for Rows {
    fn input(&mut self, input: Input) -> Option<Input> {
        let Input::Loaded(table) = input else { return Some(input) };
        let nodes = table.clusters().iter().flat_map(|Cluster { own, peers, .. }| {
            let own = std::iter::once(own);
            own.chain(peers)
        });
        let rows = nodes.map(|Node { row, address }| {
            let (mut row, address) = (row.clone(), *address);
            (self.0)(&mut row);
            ResolvedRow { row, address }
        });
        Some(Input::Loaded(Table::build(table.own(), rows.collect()).0))
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_node_that_sends_no_pings() {
    let keep = |action| match action {
        Action::Ping { .. } => vec![],
        other => vec![other],
    };
    // A pong that nobody asked for shows that the peer answers, so it is missed from then on.
    check(|| Actions(keep), "accuses for nothing");
}

#[test]
fn a_node_that_stops_dialling() {
    struct Lazy(u32);
    impl Tamper for Lazy {
        fn actions(&mut self, mut actions: Vec<Action>) -> Vec<Action> {
            self.0 += u32::from(actions.iter().any(|it| matches!(it, Action::Dial(_))));
            actions.retain(|it| self.0 < 6 || !matches!(it, Action::Dial(_)));
            actions
        }
    }
    check(|| Lazy(0), "is not up again");
}

#[test]
fn a_node_that_enables_a_second_early() {
    let early = |row: &mut Row| row.duration = row.duration.saturating_sub(SECOND);
    check(|| Rows(early), "is enabled too early");
}

#[test]
fn a_node_that_enables_a_second_late() {
    let late = |row: &mut Row| row.duration += SECOND;
    check(|| Rows(late), "stays disabled");
}

#[test]
fn a_node_that_waits_for_one_failure_more() {
    let patient = |row: &mut Row| row.failed_attempts = row.max_failures() + 1;
    check(|| Rows(patient), "not in the table");
}

#[test]
fn a_node_that_does_not_hear_of_failures() {
    let deaf = |input| match input {
        Input::Link { event: LinkEvent::Failed(_), .. } => None,
        other => Some(other),
    };
    check(|| Inputs(deaf), "is still up");
}

#[test]
fn a_node_that_takes_no_pongs() {
    let deaf = |input| match input {
        Input::Pong { .. } => None,
        other => Some(other),
    };
    check(|| Inputs(deaf), "is still up");
}

#[test]
fn a_node_that_changes_states_silently() {
    let silent = |action| match action {
        Action::Changed(_) => vec![],
        other => vec![other],
    };
    check(|| Actions(silent), "silently");
}

#[test]
fn a_node_that_counts_a_failure_twice() {
    let twice = |action| match action {
        Action::Changed(Transition { node, from, mut to, cause }) if to.no_tries > 0 => {
            to.no_tries += 1;
            vec![Action::Changed(Transition { node, from, to, cause })]
        }
        other => vec![other],
    };
    check(|| Actions(twice), "not in the table");
}

#[test]
fn a_node_that_tells_of_a_timeout_twice() {
    let twice = |action| match action {
        Action::Notify(notice) => vec![Action::Notify(notice.clone()), Action::Notify(notice)],
        other => vec![other],
    };
    check(|| Actions(twice), "Timeout of");
}

#[test]
fn a_node_that_tells_of_no_timeout() {
    let silent = |action| match action {
        Action::Notify(_) => vec![],
        other => vec![other],
    };
    check(|| Actions(silent), "no Timeout of");
}

#[test]
fn a_node_that_ignores_the_auth_check() {
    check(|| Admits(|reason| reason == Some(DropReason::Auth)), "passed the auth check");
}

#[test]
fn a_node_whose_gate_does_not_shut() {
    check(|| Admits(|reason| reason.is_none()), "is shut out");
}

#[test]
fn a_node_that_loses_what_it_should_write() {
    let forgetful = |action| match action {
        Action::Flush(_) => vec![],
        other => vec![other],
    };
    check(|| Actions(forgetful), "stored");
}

#[test]
fn a_node_that_keeps_links_of_deleted_rows() {
    let hoards = |action| match action {
        Action::Close(_) => vec![],
        other => vec![other],
    };
    check(|| Actions(hoards), "links");
}
