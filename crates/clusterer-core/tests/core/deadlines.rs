//! When a node wants to be asked again, and what time alone does to it.

use crate::bench::{Bench, Nobody, machine, node, rows, table};
use clusterer_core::{Action, Core, Input, Settings};
use clusterer_node::{AdminState, ClusterId, LinkEvent, LinkState, Moment, Now, Protocol, State};
use clusterer_registry::Registration;
use std::sync::Arc;
use std::time::Duration;

fn at(millis: u64) -> Option<Moment> {
    Some(Moment::from_millis(millis))
}

#[test]
fn the_deadline_is_the_earliest_of_probing_modules_and_persistence() {
    let mut bench = Bench::new(true);
    assert_eq!(bench.core.deadline(), at(500), "a connect is under way");
    let registration = Registration::new("m", ClusterId::new(1), Duration::from_millis(300));
    bench.core.register(bench.now, registration, Arc::new(Nobody)).unwrap();
    assert_eq!(bench.core.deadline(), at(301), "a module's timeout is sooner");
    bench.pass(301);
    assert_eq!(bench.core.deadline(), at(500), "its nodes are shut out until 901");

    let mut bench = Bench::new(true);
    let Bench { core, now, actions } = &mut bench;
    core.administer(*now, node(2), Protocol::Bin, AdminState::Down, actions).unwrap();
    assert_eq!(core.deadline(), at(1_000), "nothing is left but to write that");
    bench.pass(999);
    assert_eq!(bench.flushes().len(), 0);
    bench.pass(1);
    assert_eq!(bench.flushes().len(), 1);
    assert_eq!(bench.core.deadline(), None);
}

#[test]
fn a_failed_flush_is_due_again_after_twice_the_pause() {
    let mut bench = Bench::new(true);
    let Bench { core, now, actions } = &mut bench;
    core.administer(*now, node(2), Protocol::Bin, AdminState::Down, actions).unwrap();
    bench.pass(1_000);
    assert_eq!(bench.flushes().len(), 1);
    bench.input(Input::Flushed(None));
    assert_eq!(bench.core.deadline(), at(3_000));
    bench.pass(1_999);
    assert_eq!(bench.flushes().len(), 0);
    bench.pass(1);
    assert_eq!(bench.flushes().len(), 1);
}

#[test]
fn probing_is_as_patient_and_as_frequent_as_the_settings_say() {
    let mut settings = Settings::default();
    settings.ping_timeout = Duration::from_millis(70);
    settings.ping_interval = Duration::from_millis(200);
    let mut bench = Bench { core: Core::new(machine(1), settings, 0), ..Bench::new(false) };
    bench.input(Input::Loaded(table(&rows())));
    assert_eq!(bench.core.deadline(), at(70));
    let attempt = bench.attempt();
    bench.input(Input::Link { attempt, event: LinkEvent::Connected });
    bench.pass(70);
    assert_eq!(bench.core.deadline(), at(200));
}

#[test]
fn a_connect_that_is_late_is_hung_up_and_seen_by_all() {
    let mut bench = Bench::new(false);
    bench.view();
    bench.actions.clear();
    bench.pass(499);
    assert!(bench.actions.is_empty(), "{:?}", bench.actions);
    assert!(bench.core.take_view().is_none(), "time alone changes nothing");
    bench.pass(1);
    let [Action::Hangup(_), Action::Changed(change), Action::Dial(_)] = bench.actions[..] else {
        panic!("{:?}", bench.actions);
    };
    assert_eq!((change.node, change.to.state()), (node(2), State::Probing));
    assert_eq!(bench.view().node(node(2)).unwrap().state(), State::Probing);
}

#[test]
fn a_connection_is_seen_by_all_and_a_ping_by_nobody() {
    let mut bench = Bench::new(false);
    let attempt = bench.attempt();
    bench.view();
    bench.actions.clear();
    bench.input(Input::Link { attempt, event: LinkEvent::Connected });
    let [Action::Ping { link, nonce }] = bench.actions[..] else { panic!("{:?}", bench.actions) };
    assert_eq!(bench.view().node(node(2)).unwrap().link_state, LinkState::Open);

    bench.input(Input::Pong { link, sender: machine(2), nonce });
    bench.actions.clear();
    bench.pass(999);
    assert!(bench.actions.is_empty(), "{:?}", bench.actions);
    bench.pass(1);
    assert!(matches!(bench.actions[..], [Action::Ping { .. }]), "{:?}", bench.actions);
    assert!(bench.core.take_view().is_none());
}

#[test]
fn a_pong_that_ends_probing_is_seen_by_all() {
    let mut bench = Bench::new(false);
    bench.refuse();
    let attempt = bench.attempt();
    bench.input(Input::Link { attempt, event: LinkEvent::Connected });
    assert_eq!(bench.view().node(node(2)).unwrap().state(), State::Probing);
    let Some(&Action::Ping { link, nonce }) = bench.actions.last() else {
        panic!("{:?}", bench.actions);
    };
    bench.input(Input::Pong { link, sender: machine(2), nonce });
    assert_eq!(bench.view().node(node(2)).unwrap().state(), State::Up);
}

#[test]
fn a_table_without_peers_leaves_nothing_to_wait_for() {
    let mut bench = Bench::new(true);
    bench.input(Input::Loaded(table(&rows()[..1])));
    assert_eq!(bench.core.deadline(), None);
    bench.now = Now { mono: Moment::from_millis(60_000), ..bench.now };
    bench.actions.clear();
    bench.input(Input::Tick);
    assert!(bench.actions.is_empty(), "{:?}", bench.actions);
}

#[test]
fn a_drain_that_was_asked_for_is_waited_for_and_not_asked_about_again() {
    let mut bench = Bench::new(false);
    bench.actions.clear();
    bench.now.mono = Moment::from_millis(500);
    bench.input(Input::Tick);
    assert!(matches!(bench.actions[..], [Action::Drain]), "{:?}", bench.actions);
    assert_eq!(bench.core.deadline(), at(1_000), "the next attempt to connect");
    bench.input(Input::Loaded(table(&rows()[..1])));
    assert!(bench.core.deadline() > at(500), "nobody is left, but the answer");
}

#[test]
fn an_attempt_in_its_turn_is_seen_by_all() {
    let mut bench = Bench::new(false);
    bench.refuse();
    bench.refuse();
    let seen = |bench: &mut Bench| bench.view().node(node(2)).unwrap().link_state;
    assert_eq!(seen(&mut bench), LinkState::Idle);
    bench.pass(1_000);
    assert_eq!(seen(&mut bench), LinkState::Dialling);
}
