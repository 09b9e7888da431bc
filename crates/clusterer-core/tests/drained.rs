//! Nobody is judged before whatever had arrived is known.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use clusterer_bin::Packet;
use clusterer_core::{Action, Core, Input, Settings};
use clusterer_node::{
    AdminState, Attempt, Cell, ClusterId, LinkEvent, LinkId, MachineId, Moment, NodeKey, Now,
    Protocol, RawRow, ResolvedRow, Row, Table, UnixTime,
};
use clusterer_registry::{ClusterModule, Malformed, ModuleEvent, PacketContext, Registration};
use std::sync::Arc;
use std::time::Duration;

fn machine(id: i32) -> MachineId {
    MachineId::new(id).unwrap()
}

fn row(id: i32) -> ResolvedRow {
    let raw = RawRow {
        id: Cell::Int(id.into()),
        cluster_id: Cell::Int(1),
        machine_id: Cell::Int(id.into()),
        url: Cell::Text(format!("bin:127.0.0.{id}:5566")),
        ..RawRow::default()
    };
    let row = Row::parse(&raw, UnixTime::ZERO).unwrap().row;
    ResolvedRow { row, ip: format!("127.0.0.{id}").parse().unwrap() }
}

struct Nobody;

impl ClusterModule for Nobody {
    fn on_packet(&self, _: &PacketContext, _: &Packet<'_>) -> Result<(), Malformed> {
        Ok(())
    }

    fn on_event(&self, _: ModuleEvent) {}
}

struct Bench {
    core: Core,
    now: Now,
    actions: Vec<Action>,
}

impl Bench {
    /// Node 1, with the others up to this one as its peers.
    fn new(last: i32) -> Self {
        Self::with(Settings::default(), last)
    }

    fn with(settings: Settings, last: i32) -> Self {
        let core = Core::new(machine(1), settings, 0);
        let mut bench = Self { core, now: Now::default(), actions: Vec::new() };
        let rows = (1..=last).map(row).collect();
        bench.input(Input::Loaded(Table::build(machine(1), rows).0));
        bench
    }

    fn input(&mut self, input: Input) {
        self.core.handle(self.now, input, &mut self.actions);
    }

    /// Time passes. Returns whether the transport is to be drained.
    fn pass_undrained(&mut self, millis: u64) -> bool {
        self.now.mono = self.now.mono.after(Duration::from_millis(millis));
        self.input(Input::Tick);
        let before = self.actions.len();
        self.actions.retain(|action| !matches!(action, Action::Drain));
        self.actions.len() < before
    }

    /// The same, and nothing had arrived.
    fn pass(&mut self, millis: u64) {
        if self.pass_undrained(millis) {
            self.input(Input::Drained { behind: None });
        }
    }

    /// The attempt to connect that was asked for last.
    fn attempt(&self) -> Attempt {
        let dialled = self.actions.iter().rev().find_map(|action| match action {
            Action::Dial(attempt) => Some(*attempt),
            _ => None,
        });
        dialled.expect("a link was dialled")
    }

    fn last_ping(&self) -> i32 {
        let sent = self.actions.iter().rev().find_map(|action| match action {
            Action::Ping { nonce, .. } => Some(*nonce),
            _ => None,
        });
        sent.expect("a ping was sent")
    }

    fn no_tries(&self) -> u32 {
        let changed = self.actions.iter().rev().find_map(|action| match action {
            Action::Changed(transition) => Some(transition.to.no_tries),
            _ => None,
        });
        changed.unwrap_or(0)
    }
}

/// A node whose link is open, with its first ping in flight since now; the peer answers pings.
fn pinged() -> (Bench, LinkId, i32) {
    let mut bench = Bench::new(2);
    let attempt = bench.attempt();
    bench.input(Input::Link { attempt, event: LinkEvent::Connected });
    let nonce = bench.last_ping();
    bench.input(Input::Pong { link: attempt.link, sender: machine(2), nonce });
    bench.pass(1_000);
    let nonce = bench.last_ping();
    (bench, attempt.link, nonce)
}

#[test]
fn nobody_is_judged_before_the_transport_was_drained() {
    let (mut bench, link, nonce) = pinged();
    assert!(!bench.pass_undrained(499));
    assert!(bench.pass_undrained(1), "the pong is late");
    assert!(!bench.pass_undrained(50), "asked once");
    assert_eq!(bench.no_tries(), 0);
    bench.input(Input::Pong { link, sender: machine(2), nonce });
    bench.input(Input::Drained { behind: None });
    bench.pass(400);
    assert_eq!(bench.no_tries(), 0, "it lay unread");
}

#[test]
fn a_peer_that_is_late_when_everything_was_read_has_failed() {
    let (mut bench, ..) = pinged();
    assert!(bench.pass_undrained(500));
    bench.now.mono = bench.now.mono.after(Duration::from_millis(100));
    bench.input(Input::Drained { behind: None });
    assert_eq!(bench.no_tries(), 1);
}

#[test]
fn who_became_late_after_the_drain_was_asked_for_waits_for_another() {
    let (mut bench, ..) = pinged();
    let registration = Registration::new("m", ClusterId::new(1), Duration::from_millis(519));
    bench.core.register(bench.now, registration, Arc::new(Nobody)).unwrap();
    let told = |bench: &Bench| {
        bench.actions.iter().filter(|action| matches!(action, Action::Notify(_))).count()
    };
    assert!(bench.pass_undrained(500));
    assert!(!bench.pass_undrained(20), "one drain at a time");
    bench.input(Input::Drained { behind: None });
    assert_eq!((bench.no_tries(), told(&bench)), (1, 0));
    assert!(bench.actions.iter().any(|action| matches!(action, Action::Drain)));
    bench.input(Input::Drained { behind: None });
    assert_eq!(told(&bench), 1);
}

/// As long as it takes while others send more than can be read at once. The transport itself tells if it
/// stood still.
#[test]
fn a_drain_that_takes_long_is_no_stall_and_hides_no_silent_peer() {
    let (mut bench, ..) = pinged();
    assert!(bench.pass_undrained(500));
    bench.now.mono = bench.now.mono.after(Duration::from_millis(900));
    bench.input(Input::Drained { behind: None });
    assert_eq!(bench.no_tries(), 1);
}

#[test]
fn who_is_judged_late_is_asked_once_more_and_only_once() {
    let (mut bench, ..) = pinged();
    let before = bench.last_ping();
    assert!(bench.pass_undrained(601));
    bench.input(Input::Drained { behind: None });
    assert_eq!(bench.no_tries(), 0);
    assert_ne!(bench.last_ping(), before, "it is asked afresh");
    // No ping of others is as late, which would be a sign of our own standing still.
    bench.pass_undrained(399);
    assert!(bench.pass_undrained(202));
    bench.input(Input::Drained { behind: None });
    assert_eq!(bench.no_tries(), 1);
}

#[test]
fn who_was_asked_while_the_transport_was_behind_is_asked_once_more_and_only_once() {
    let (mut bench, ..) = pinged();
    let asked = bench.now.mono;
    assert!(bench.pass_undrained(500));
    bench.input(Input::Drained { behind: Some(asked) });
    assert_eq!(bench.no_tries(), 0);
    assert!(bench.pass_undrained(500));
    bench.input(Input::Drained { behind: Some(bench.now.mono) });
    assert_eq!(bench.no_tries(), 1);
}

#[test]
fn who_was_asked_after_the_transport_was_behind_has_failed() {
    let (mut bench, ..) = pinged();
    let before = Moment::from_millis(bench.now.mono.as_millis() - 1);
    assert!(bench.pass_undrained(500));
    bench.input(Input::Drained { behind: Some(before) });
    assert_eq!(bench.no_tries(), 1);
}

#[test]
fn a_transport_that_answers_no_drain_is_waited_for_five_seconds_and_no_longer() {
    let (mut bench, ..) = pinged();
    assert!(bench.pass_undrained(500));
    // Not in one step: that would be a stall of our own.
    assert!((0..4_999).all(|_| !bench.pass_undrained(1)));
    assert_eq!(bench.no_tries(), 0);
    bench.pass_undrained(1);
    assert_eq!(bench.no_tries(), 1);
    // From now on it is not waited for, until it answers. A ping follows the failure at once.
    assert!((0..499).all(|_| !bench.pass_undrained(1)));
    assert_eq!(bench.no_tries(), 1);
    bench.pass_undrained(1);
    assert_eq!(bench.no_tries(), 2);
    bench.input(Input::Drained { behind: None });
    assert!((0..1_000).any(|_| bench.pass_undrained(1)));
    assert_eq!(bench.no_tries(), 2);
}

#[test]
fn pings_of_others_go_out_while_a_drain_is_awaited() {
    let mut bench = Bench::new(3);
    let late = bench.attempt();
    bench.pass_undrained(400);
    bench.input(Input::Link { attempt: late, event: LinkEvent::Connected });
    let nonce = bench.last_ping();
    bench.input(Input::Pong { link: late.link, sender: machine(3), nonce });
    assert!(bench.pass_undrained(100), "the other one does not connect");
    bench.pass_undrained(900);
    assert_ne!(bench.last_ping(), nonce);
}

#[test]
fn a_stall_does_not_use_up_the_time_for_an_answer() {
    let (mut bench, ..) = pinged();
    assert!(bench.pass_undrained(500));
    bench.pass_undrained(60_000);
    assert_eq!(bench.no_tries(), 0);
    bench.input(Input::Drained { behind: None });
    assert_eq!(bench.no_tries(), 0, "it is asked afresh");
}

/// While drains take long there is always somebody who became late meanwhile.
#[test]
fn one_drain_after_the_other_keeps_nothing_from_being_written() {
    let mut settings = Settings::default();
    settings.persistent = true;
    let mut bench = Bench::with(settings, 2);
    for number in 1..40 {
        let silent = Duration::from_millis(100 * number);
        let registration = Registration::new(&format!("m{number}"), ClusterId::new(1), silent);
        bench.core.register(bench.now, registration, Arc::new(Nobody)).unwrap();
    }
    let peer = NodeKey { cluster: ClusterId::new(1).unwrap(), machine: machine(2) };
    let Bench { core, now, actions } = &mut bench;
    core.administer(*now, peer, Protocol::Bin, AdminState::Down, actions).unwrap();
    assert!(!bench.pass_undrained(100));
    assert!(bench.pass_undrained(1));
    for _ in 0..10 {
        assert!(!bench.pass_undrained(100));
        bench.input(Input::Drained { behind: None });
        let asked = bench.actions.iter().filter(|action| matches!(action, Action::Drain)).count();
        assert_eq!(asked, 1, "the next one is late");
        bench.actions.retain(|action| !matches!(action, Action::Drain));
    }
    assert!(bench.actions.iter().any(|action| matches!(action, Action::Flush(_))));
}
