//! Nodes that are broken on purpose: each must be found by an invariant, and by the right one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

use clusterer_core::{Action, Input, Transition};
use clusterer_node::{Change, LinkEvent, LinkId, MachineId, Node, ResolvedRow, Row, State, Table};
use clusterer_registry::DropReason;
use clusterer_sim::{Scenario, Tamper, World};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

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
        let nodes = table.clusters().iter().flat_map(|cluster| {
            let own = std::iter::once(cluster.own());
            own.chain(cluster.peers())
        });
        let rows = nodes.map(|Node { row, ip }| {
            let (mut row, ip) = (row.clone(), *ip);
            (self.0)(&mut row);
            ResolvedRow { row, ip }
        });
        Some(Input::Loaded(Table::build(table.own(), rows.collect()).0))
    }
}

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
    let early = |row: &mut Row| row.duration = row.duration.saturating_sub(1);
    check(|| Rows(early), "is enabled too early");
}

#[test]
fn a_node_that_enables_a_second_late() {
    let late = |row: &mut Row| row.duration += 1;
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

#[test]
fn a_node_that_does_not_reset_no_tries() {
    let forgetful = |action| match action {
        Action::Changed(Transition { node, from, mut to, cause }) if to.no_tries == 0 => {
            to.no_tries = from.no_tries;
            vec![Action::Changed(Transition { node, from, to, cause })]
        }
        other => vec![other],
    };
    check(|| Actions(forgetful), "not in the table");
}

/// Changes what is written to the database.
fn rewritten(action: Action, change: fn(&mut Change)) -> Vec<Action> {
    let Action::Flush(mut changes) = action else { return vec![action] };
    changes.iter_mut().for_each(change);
    vec![Action::Flush(changes)]
}

#[test]
fn a_node_that_writes_state_0_on_its_own() {
    check(|| Actions(|it| rewritten(it, |it| it.status.state = State::Down)), "stored");
}

#[test]
fn a_node_that_overwrites_an_administrators_0() {
    let claims = |it| rewritten(it, |it| it.by_administrator = true);
    check(|| Actions(claims), "as if an administrator");
}

/// Knows whose each link is, what was last asked on it, and whom modules hear.
#[derive(Default)]
struct Links {
    machines: BTreeMap<LinkId, MachineId>,
    asked: BTreeMap<LinkId, i32>,
    heard: BTreeSet<MachineId>,
}

impl Links {
    fn note(&mut self, action: &Action) {
        match *action {
            Action::Open { link, address, .. } => {
                let IpAddr::V4(address) = address.ip() else { return };
                let [.., high, low] = address.octets();
                let machine = i32::from(i16::from_be_bytes([high, low]));
                self.machines.insert(link, MachineId::new(machine).unwrap());
            }
            Action::Ping { link, nonce } => {
                self.asked.insert(link, nonce);
            }
            _ => {}
        }
    }

    /// The answer to what was asked last.
    fn pong(&self, link: LinkId) -> Option<Input> {
        let (&sender, &nonce) = (self.machines.get(&link)?, self.asked.get(&link)?);
        Some(Input::Pong { link, sender, nonce })
    }
}

#[test]
fn a_node_that_sends_no_pings_under_traffic() {
    #[derive(Default)]
    struct Saves(Links, Vec<Input>);
    impl Tamper for Saves {
        fn heard(&mut self, sender: MachineId) {
            self.0.heard.insert(sender);
        }

        fn actions(&mut self, mut actions: Vec<Action>) -> Vec<Action> {
            actions.iter().for_each(|action| self.0.note(action));
            actions.retain(|action| {
                let Action::Ping { link, .. } = *action else { return true };
                let machine = self.0.machines.get(&link);
                let saved = machine.is_some_and(|machine| self.0.heard.remove(machine));
                if saved {
                    self.1.extend(self.0.pong(link));
                }
                !saved
            });
            actions
        }

        fn inventions(&mut self) -> Vec<Input> {
            std::mem::take(&mut self.1)
        }
    }
    check(Saves::default, "is still up");
}

#[test]
fn a_node_that_takes_traffic_for_pongs() {
    #[derive(Default)]
    struct Trusts(Links, Vec<Input>);
    impl Tamper for Trusts {
        fn heard(&mut self, sender: MachineId) {
            let links = self.0.machines.iter().filter(|&(_, &machine)| machine == sender);
            self.1.extend(links.filter_map(|(&link, _)| self.0.pong(link)));
        }

        fn actions(&mut self, actions: Vec<Action>) -> Vec<Action> {
            actions.iter().for_each(|action| self.0.note(action));
            actions
        }

        fn inventions(&mut self) -> Vec<Input> {
            std::mem::take(&mut self.1)
        }
    }
    check(Trusts::default, "");
}

#[test]
fn a_node_that_takes_stale_pongs() {
    #[derive(Default)]
    struct Lenient(Links);
    impl Tamper for Lenient {
        fn input(&mut self, input: Input) -> Option<Input> {
            match input {
                Input::Pong { link, .. } => Some(self.0.pong(link).unwrap_or(input)),
                other => Some(other),
            }
        }

        fn actions(&mut self, actions: Vec<Action>) -> Vec<Action> {
            actions.iter().for_each(|action| self.0.note(action));
            actions
        }
    }
    check(Lenient::default, "success unasked");
}

#[test]
fn a_node_that_judges_before_the_transport_is_drained() {
    /// Claims at once that everything that had arrived is known.
    #[derive(Default)]
    struct Hasty(Vec<Input>);
    impl Tamper for Hasty {
        fn actions(&mut self, mut actions: Vec<Action>) -> Vec<Action> {
            let count = actions.len();
            actions.retain(|action| !matches!(action, Action::Drain));
            if actions.len() < count {
                self.0.push(Input::Drained { behind: None });
            }
            actions
        }

        fn inventions(&mut self) -> Vec<Input> {
            std::mem::take(&mut self.0)
        }
    }
    check(Hasty::default, "accuses for nothing");
}
