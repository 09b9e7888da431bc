//! The rules of probing, each deadline from both sides, on a clock of the test's own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use clusterer_node::{
    AdminState, ClusterId, LinkEvent, LinkFailure, LinkId, LinkState, MachineId, Moment, NodeKey,
    Now, State, StoredStatus, UnixTime,
};
use clusterer_probe::{Action, Prober, Settings, Target};
use core::time::Duration;

const START: u64 = 1_000_000;

/// A prober with one peer (cluster 1, machine 2), and everything it asked for, as text.
struct Bench {
    prober: Prober,
    now: Now,
    actions: Vec<Action>,
}

fn node(cluster: i32, machine: i32) -> NodeKey {
    NodeKey { cluster: ClusterId::new(cluster).unwrap(), machine: MachineId::new(machine).unwrap() }
}

fn target(cluster: i32, machine: i32, max_failures: u32) -> Target {
    Target {
        node: node(cluster, machine),
        address: Some(format!("127.0.0.{machine}:5566").parse().unwrap()),
        bind: None,
        max_failures,
        duration: Duration::from_secs(8),
    }
}

fn status(state: State, no_tries: u32, last_attempt: u64) -> StoredStatus {
    StoredStatus { state, no_tries, last_attempt: UnixTime::from_secs(last_attempt) }
}

fn up() -> StoredStatus {
    status(State::Up, 0, 0)
}

impl Bench {
    fn empty() -> Self {
        let now = Now { mono: Moment::ZERO, unix: UnixTime::from_secs(START) };
        Self { prober: Prober::new(Settings::default(), 0), now, actions: Vec::new() }
    }

    fn new(max_failures: u32) -> Self {
        let mut bench = Self::empty();
        bench.load(vec![(target(1, 2, max_failures), up())]);
        bench
    }

    /// With a peer that has connected and answered its first ping.
    fn answering(max_failures: u32) -> Self {
        let mut bench = Self::new(max_failures);
        bench.event(LinkEvent::Connected);
        bench.pong();
        bench.take();
        bench
    }

    fn load(&mut self, targets: Vec<(Target, StoredStatus)>) {
        self.prober.load(self.now, targets, &mut self.actions);
    }

    fn link(&self) -> LinkId {
        self.prober.link_of(node(1, 2)).unwrap()
    }

    fn event(&mut self, event: LinkEvent) {
        let attempt = self.prober.last_attempt(self.link()).unwrap();
        self.prober.link_event(self.now, attempt, event, &mut self.actions);
    }

    fn refuse(&mut self) {
        self.event(LinkEvent::Failed(LinkFailure::Refused));
    }

    /// The peer answers the last ping that was asked for.
    fn pong(&mut self) {
        let ping = self.actions.iter().rev().find_map(|action| match *action {
            Action::Ping { link, nonce } => Some((link, nonce)),
            _ => None,
        });
        let (link, nonce) = ping.expect("a ping was sent");
        let machine = MachineId::new(2).unwrap();
        assert!(self.prober.pong(self.now, link, machine, nonce, &mut self.actions));
    }

    /// Lets time pass, a millisecond at a time as far as anything is due.
    fn pass(&mut self, millis: u64) {
        let end = self.now.mono.after(Duration::from_millis(millis));
        while let Some(due) = self.prober.deadline().filter(|&due| due <= end) {
            self.set_clock(due.max(self.now.mono));
            self.prober.tick(self.now, &mut self.actions);
        }
        self.set_clock(end);
    }

    fn set_clock(&mut self, mono: Moment) {
        self.now = Now { mono, unix: UnixTime::from_secs(START + mono.as_millis() / 1000) };
    }

    /// What was asked for since the last look.
    fn take(&mut self) -> String {
        let texts: Vec<String> = self
            .actions
            .drain(..)
            .map(|action| match action {
                Action::Changed(change) => format!(
                    "{}{:?}->{} {:?} tries {} ({})",
                    if change.node == node(1, 2) { "" } else { "other " },
                    change.from.state().number(),
                    change.to.state(),
                    change.to.reachability,
                    change.to.no_tries,
                    change.cause.name()
                ),
                Action::Close(_) => "close".into(),
                Action::Dial(_) => "dial".into(),
                Action::Hangup(_) => "hangup".into(),
                Action::Open { machine, .. } => format!("open {machine}"),
                Action::Ping { .. } => "ping".into(),
                other => format!("{other:?}"),
            })
            .collect();
        texts.join(", ")
    }

    fn check(&mut self, expected: &str) {
        assert_eq!(self.take(), expected, "at {:?}", self.now.mono);
    }

    fn state(&self) -> u8 {
        self.prober.availability(node(1, 2)).unwrap().state().number()
    }
}

#[test]
fn a_loaded_peer_is_dialled_at_once_and_pinged_every_interval() {
    let mut bench = Bench::new(3);
    bench.check("open 2, dial");
    bench.event(LinkEvent::Connected);
    bench.check("ping");
    bench.actions.clear();
    for _ in 0..5 {
        bench.pass(999);
        bench.check("");
        bench.pass(1);
        bench.check("ping");
    }
}

#[test]
fn a_peer_that_is_down_or_of_another_protocol_is_left_alone() {
    let mut bench = Bench::empty();
    let silent = Target { address: None, ..target(1, 3, 3) };
    bench.load(vec![(target(1, 2, 3), status(State::Down, 0, 0)), (silent, up())]);
    bench.check("open 2");
    bench.pass(60_000);
    bench.check("");
}

#[test]
fn a_refused_connect_is_tried_again_at_once_then_every_interval_until_disabled() {
    let mut bench = Bench::new(3);
    bench.take();
    bench.refuse();
    bench.check("1->2 Probing tries 1 (refused), dial");
    bench.refuse();
    bench.check("2->2 Probing tries 2 (refused)");
    bench.pass(999);
    bench.check("");
    bench.pass(1);
    bench.check("dial");
    bench.refuse();
    bench.check("2->2 Disabled tries 3 (refused)");
    bench.pass(7_999);
    bench.check("");
    bench.pass(1);
    bench.check("2->1 Up tries 0 (duration_over), dial");
    let availability = bench.prober.availability(node(1, 2)).unwrap();
    assert_eq!(availability.last_attempt.as_secs(), START + 1, "the last failed attempt");
}

#[test]
fn with_one_failure_allowed_the_first_disables() {
    let mut bench = Bench::new(0);
    bench.take();
    bench.refuse();
    bench.check("1->2 Disabled tries 1 (refused)");
    assert_eq!(bench.prober.link_state(bench.link()), Some(LinkState::Idle));
}

#[test]
fn a_connect_fails_at_the_timeout_and_not_before() {
    let mut bench = Bench::new(3);
    bench.take();
    bench.pass(499);
    bench.check("");
    bench.pass(1);
    bench.check("hangup, 1->2 Probing tries 1 (timed_out), dial");
}

#[test]
fn a_missing_pong_is_a_failure_at_the_timeout_and_not_before() {
    let mut bench = Bench::answering(3);
    bench.pass(1_000);
    bench.check("ping");
    bench.pass(499);
    bench.check("");
    bench.pass(1);
    bench.check("1->2 Probing tries 1 (no_pong), ping");
    bench.pass(500);
    bench.check("2->2 Probing tries 2 (no_pong)");
    bench.pass(500);
    bench.check("ping");
}

#[test]
fn a_pong_at_the_last_millisecond_is_in_time() {
    let mut bench = Bench::answering(3);
    bench.pass(1_000 + 499);
    bench.pong();
    bench.pass(1);
    bench.check("ping");
    assert_eq!(bench.state(), 1);
}

#[test]
fn a_stale_pong_changes_nothing() {
    let mut bench = Bench::answering(3);
    bench.pass(1_000);
    let Action::Ping { link, nonce } = bench.actions[0] else { panic!("a ping") };
    let machine = MachineId::new(2).unwrap();
    bench.pass(500);
    assert!(!bench.prober.pong(bench.now, link, machine, nonce, &mut bench.actions));
    assert_eq!(bench.state(), 2);
    bench.pong();
    assert_eq!(bench.state(), 1);
}

#[test]
fn a_pong_in_another_name_or_on_another_generation_changes_nothing() {
    let mut bench = Bench::answering(3);
    bench.pass(1_000);
    let Action::Ping { link, nonce } = bench.actions[0] else { panic!("a ping") };
    let other = MachineId::new(3).unwrap();
    assert!(!bench.prober.pong(bench.now, link, other, nonce, &mut bench.actions));
    let late = LinkId { generation: link.generation + 1, ..link };
    let machine = MachineId::new(2).unwrap();
    assert!(!bench.prober.pong(bench.now, late, machine, nonce, &mut bench.actions));
}

#[test]
fn success_ends_probing() {
    let mut bench = Bench::answering(3);
    bench.event(LinkEvent::Failed(LinkFailure::Reset));
    bench.check("1->2 Probing tries 1 (reset), dial");
    bench.event(LinkEvent::Connected);
    bench.check("ping");
    bench.actions.push(Action::Ping { link: bench.link(), nonce: 2 });
    bench.pong();
    bench.actions.retain(|action| !matches!(action, Action::Ping { .. }));
    bench.check("2->1 Up tries 0 (success)");
}

#[test]
fn a_peer_that_never_answers_pings_is_well_while_its_connection_stays_open() {
    let mut bench = Bench::new(3);
    bench.refuse();
    bench.take();
    bench.event(LinkEvent::Connected);
    bench.pass(499);
    bench.check("ping");
    bench.pass(1);
    bench.check("2->1 Up tries 0 (success)");
    bench.pass(10_000);
    assert_eq!(bench.state(), 1);
}

#[test]
fn a_killed_peer_is_known_by_the_refused_reconnect() {
    let mut bench = Bench::answering(3);
    bench.event(LinkEvent::Closed);
    bench.check("dial");
    assert_eq!(bench.state(), 1);
    bench.refuse();
    bench.check("1->2 Probing tries 1 (refused), dial");
}

#[test]
fn a_connection_closed_in_order_and_accepted_again_is_no_failure() {
    let mut bench = Bench::answering(3);
    bench.event(LinkEvent::Closed);
    bench.event(LinkEvent::Connected);
    bench.check("dial, ping");
    assert_eq!(bench.state(), 1);
}

#[test]
fn a_peer_that_keeps_closing_is_dialled_once_an_interval() {
    let mut bench = Bench::answering(3);
    bench.event(LinkEvent::Closed);
    bench.event(LinkEvent::Connected);
    bench.event(LinkEvent::Closed);
    bench.check("dial, ping");
    bench.pass(999);
    bench.check("");
    bench.pass(1);
    bench.check("dial");
    assert_eq!(bench.state(), 1);
}

#[test]
fn a_process_that_is_replaced_by_one_that_never_answers_stays_up() {
    let mut bench = Bench::answering(3);
    bench.event(LinkEvent::Closed);
    bench.event(LinkEvent::Connected);
    bench.pass(30_000);
    assert_eq!(bench.state(), 1);
}

#[test]
fn a_reload_keeps_connections_and_takes_states_from_the_database() {
    let mut bench = Bench::answering(3);
    let link = bench.link();
    bench.load(vec![(target(1, 2, 3), up())]);
    bench.check("");
    assert_eq!(bench.link(), link);
    bench.load(vec![(target(1, 2, 3), status(State::Down, 0, 0))]);
    bench.check("1->0 Up tries 0 (reload), hangup");
    bench.load(vec![(target(1, 2, 3), up())]);
    bench.check("0->1 Up tries 0 (reload), dial");
    bench.load(vec![]);
    bench.check("close");
    bench.pass(60_000);
    bench.check("");
}

#[test]
fn a_moved_peer_gets_a_link_of_its_own() {
    let mut bench = Bench::answering(3);
    let moved = Target { address: Some("127.0.0.9:5566".parse().unwrap()), ..target(1, 2, 3) };
    let old = bench.prober.last_attempt(bench.link()).unwrap();
    bench.load(vec![(moved, up())]);
    bench.check("close, open 2, dial");
    bench.prober.link_event(bench.now, old, LinkEvent::Connected, &mut bench.actions);
    bench.check("");
}

#[test]
fn rows_with_one_machine_and_address_share_a_link_and_its_pings() {
    let mut bench = Bench::empty();
    bench.load(vec![(target(1, 2, 3), up()), (target(7, 2, 1), up())]);
    bench.check("open 2, dial");
    bench.refuse();
    bench.check("1->2 Probing tries 1 (refused), other 1->2 Disabled tries 1 (refused), dial");
    bench.event(LinkEvent::Connected);
    bench.pong();
    assert_eq!(bench.state(), 1);
    let other = bench.prober.availability(node(7, 2)).unwrap();
    assert_eq!(other.state(), State::Probing, "states stay per row");
}

#[test]
fn a_row_stored_as_disabled_waits_out_its_duration() {
    let mut bench = Bench::empty();
    bench.load(vec![(target(1, 2, 3), status(State::Probing, 3, START - 5))]);
    bench.check("open 2");
    bench.pass(2_999);
    bench.check("");
    bench.pass(1);
    bench.check("2->1 Up tries 0 (duration_over), dial");
}

#[test]
fn a_row_stored_as_disabled_long_ago_is_up() {
    let mut bench = Bench::empty();
    bench.load(vec![(target(1, 2, 3), status(State::Probing, 3, START - 8))]);
    assert_eq!(bench.state(), 1);
    bench.check("open 2, dial");
}

#[test]
fn a_last_attempt_by_a_clock_that_is_ahead_waits_no_longer_than_the_duration() {
    let mut bench = Bench::empty();
    bench.load(vec![(target(1, 2, 3), status(State::Probing, 3, START + 3_600))]);
    bench.pass(7_999);
    assert_eq!(bench.state(), 2);
    bench.pass(1);
    assert_eq!(bench.state(), 1);
}

#[test]
fn a_row_stored_as_probing_is_dialled() {
    let mut bench = Bench::empty();
    bench.load(vec![(target(1, 2, 3), status(State::Probing, 2, START))]);
    bench.check("open 2, dial");
    bench.refuse();
    bench.check("2->2 Disabled tries 3 (refused)");
}

#[test]
fn an_administrator_decides() {
    let mut bench = Bench::answering(3);
    let administer = |bench: &mut Bench, admin| {
        bench.prober.administer(bench.now, node(1, 2), admin, &mut bench.actions).unwrap();
    };
    administer(&mut bench, AdminState::Down);
    bench.check("1->0 Up tries 0 (administrator), hangup");
    bench.event(LinkEvent::Failed(LinkFailure::Reset));
    bench.check("");
    administer(&mut bench, AdminState::Enabled);
    bench.check("0->1 Up tries 0 (administrator), dial");
    bench.refuse();
    bench.refuse();
    bench.take();
    administer(&mut bench, AdminState::Enabled);
    bench.check("2->1 Up tries 0 (administrator), dial");
}

#[test]
fn a_module_reports_failures_one_by_one() {
    let mut bench = Bench::answering(2);
    let report = |bench: &mut Bench| {
        bench.prober.report_failure(bench.now, node(1, 2), &mut bench.actions).unwrap();
    };
    report(&mut bench);
    bench.check("1->2 Probing tries 1 (reported), ping");
    report(&mut bench);
    bench.check("2->2 Disabled tries 2 (reported), hangup");
    report(&mut bench);
    bench.check("");
}

#[test]
fn a_node_that_is_never_dialled_is_up_again_after_its_duration() {
    let mut bench = Bench::empty();
    bench.load(vec![(Target { address: None, ..target(1, 2, 3) }, up())]);
    bench.prober.report_failure(bench.now, node(1, 2), &mut bench.actions).unwrap();
    bench.check("1->2 Probing tries 1 (reported)");
    bench.pass(7_999);
    bench.check("");
    bench.pass(1);
    bench.check("2->1 Up tries 0 (duration_over)");
}

#[test]
fn an_unknown_node_is_an_error() {
    let mut bench = Bench::new(3);
    let error = bench.prober.report_failure(bench.now, node(1, 9), &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "cluster 1 machine 9 is not in the table");
}

#[test]
fn a_stall_of_our_own_fails_nobody_and_pings_go_on() {
    let mut bench = Bench::answering(3);
    bench.pass(1_000);
    bench.take();
    bench.set_clock(Moment::from_millis(60_000));
    bench.prober.tick(bench.now, &mut bench.actions);
    bench.check("ping");
    bench.actions.clear();
    bench.pass(499);
    bench.check("");
    bench.pass(1);
    bench.check("1->2 Probing tries 1 (no_pong), ping");
}

#[test]
fn pings_go_on_after_a_stall_that_was_answered() {
    let mut bench = Bench::answering(3);
    bench.pass(1_000);
    bench.set_clock(Moment::from_millis(60_000));
    bench.prober.tick(bench.now, &mut bench.actions);
    bench.pong();
    bench.take();
    bench.pass(1_000);
    bench.check("ping");
}

#[test]
fn an_interval_of_zero_does_not_spin() {
    let settings = Settings { ping_interval: Duration::ZERO, ping_timeout: Duration::MAX };
    let mut bench = Bench { prober: Prober::new(settings, 0), ..Bench::empty() };
    bench.load(vec![(target(1, 2, 3), up())]);
    bench.event(LinkEvent::Connected);
    bench.pass(10);
    assert!(bench.actions.len() < 30, "{:?}", bench.actions);
}

#[test]
fn a_refused_node_without_a_duration_is_dialled_once_an_interval() {
    let mut bench = Bench::empty();
    bench.load(vec![(Target { duration: Duration::ZERO, ..target(1, 2, 1) }, up())]);
    bench.take();
    bench.refuse();
    bench.check("1->2 Disabled tries 1 (refused)");
    bench.pass(999);
    bench.check("");
    bench.pass(1);
    bench.check("2->1 Up tries 0 (duration_over), dial");
}

#[test]
fn a_peer_that_answers_and_resets_is_tried_again_at_once_only_once_an_interval() {
    let mut bench = Bench::answering(3);
    let reset = LinkEvent::Failed(LinkFailure::Reset);
    bench.event(reset);
    bench.event(LinkEvent::Connected);
    bench.pong();
    bench.take();
    bench.event(reset);
    bench.check("1->2 Probing tries 1 (reset)");
    bench.pass(999);
    bench.check("");
    bench.pass(1);
    bench.check("dial");
}

#[test]
fn an_event_of_an_attempt_that_was_hung_up_is_not_taken_for_the_next() {
    let mut bench = Bench::new(3);
    let first = bench.prober.last_attempt(bench.link()).unwrap();
    bench.take();
    bench.pass(500);
    bench.check("hangup, 1->2 Probing tries 1 (timed_out), dial");
    for late in [LinkEvent::Connected, LinkEvent::Failed(LinkFailure::Refused)] {
        bench.prober.link_event(bench.now, first, late, &mut bench.actions);
        bench.check("");
    }
    bench.event(LinkEvent::Connected);
    bench.check("ping");
}

#[test]
fn a_node_that_is_named_twice_leaves_no_link_behind() {
    let mut bench = Bench::empty();
    let again = Target { address: Some("127.0.0.9:5566".parse().unwrap()), ..target(1, 2, 3) };
    bench.load(vec![(target(1, 2, 3), up()), (again, up())]);
    bench.check("open 2, dial");
    bench.load(vec![]);
    bench.check("close");
}
