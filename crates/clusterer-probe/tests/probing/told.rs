//! What is told of a node to those who look: when it is tried next, how long a ping took.

use crate::bench::{Bench, START, node, status, target, up};
use clusterer_node::{AdminState, LinkEvent, LinkFailure, Moment, State};
use clusterer_probe::{Action, Cause, Prober, Settings, Target};
use std::time::Duration;

fn next(bench: &Bench) -> Option<u64> {
    bench.prober.next_attempt(node(1, 2)).map(Moment::as_millis)
}

/// What is told of the next attempt happens then, and not a millisecond earlier.
fn check_next(bench: &mut Bench, expected: u64, happens: &str) {
    assert_eq!(next(bench), Some(expected));
    bench.take();
    bench.pass(expected - bench.now.mono.as_millis() - 1);
    bench.check("");
    bench.pass(1);
    bench.check(happens);
}

#[test]
fn the_next_attempt_of_a_peer_that_answers_is_its_next_ping() {
    let mut bench = Bench::answering(3);
    check_next(&mut bench, 1_000, "ping");
    bench.pass(20);
    bench.actions.push(Action::Ping { link: bench.link(), nonce: 2 });
    bench.pong();
    check_next(&mut bench, 2_000, "ping");
}

#[test]
fn the_next_attempt_of_a_refused_peer_is_its_next_dial() {
    let mut bench = Bench::new(5);
    bench.refuse();
    bench.refuse();
    check_next(&mut bench, 1_000, "dial");
}

#[test]
fn the_next_attempt_of_a_peer_that_closed_twice_is_when_it_may_be_dialled_again() {
    let mut bench = Bench::answering(3);
    bench.pass(300);
    bench.event(LinkEvent::Closed);
    bench.event(LinkEvent::Connected);
    bench.pass(200);
    bench.event(LinkEvent::Closed);
    check_next(&mut bench, 1_300, "dial");
}

#[test]
fn the_next_attempt_of_a_disabled_node_is_the_end_of_its_duration() {
    let mut bench = Bench::new(1);
    bench.refuse();
    check_next(&mut bench, 8_000, "2->1 Up tries 0 (duration_over), dial");

    let mut bench = Bench::empty();
    bench.load(vec![(target(1, 2, 3), status(State::Probing, 3, START - 3))]);
    check_next(&mut bench, 5_000, "2->1 Up tries 0 (duration_over), dial");
}

#[test]
fn the_next_attempt_of_a_node_that_is_never_dialled_is_when_it_counts_as_up_again() {
    let mut bench = Bench::empty();
    bench.load(vec![(Target { address: None, ..target(1, 2, 3) }, up())]);
    assert_eq!(next(&bench), None);
    bench.prober.report_failure(bench.now, node(1, 2), &mut bench.actions).unwrap();
    check_next(&mut bench, 8_000, "2->1 Up tries 0 (duration_over)");
}

#[test]
fn a_node_that_is_left_alone_has_no_next_attempt() {
    let mut bench = Bench::answering(3);
    // Its link goes on for the sake of the other row.
    bench.load(vec![(target(1, 2, 3), up()), (target(7, 2, 3), up())]);
    let (now, key) = (bench.now, node(1, 2));
    bench.prober.administer(now, key, AdminState::Down, &mut bench.actions).unwrap();
    assert_eq!(next(&bench), None);
    assert!(bench.prober.next_attempt(node(7, 2)).is_some());
    assert_eq!(bench.prober.next_attempt(node(1, 9)), None);
}

#[test]
fn a_round_trip_is_the_time_from_the_ping_that_was_answered() {
    let mut bench = Bench::new(3);
    bench.pass(100);
    bench.event(LinkEvent::Connected);
    bench.pass(30);
    assert_eq!(bench.pong(), Duration::from_millis(30), "the connect is not part of it");
    bench.pass(870 + 499);
    assert_eq!(bench.pong(), Duration::from_millis(399), "this one was asked at 1100");
    bench.pass(601);
    assert_eq!(bench.pong(), Duration::ZERO);
}

#[test]
fn a_failure_is_what_a_link_a_missing_pong_or_a_module_tells() {
    for cause in [Cause::LinkFailed(LinkFailure::Refused), Cause::NoPong, Cause::Reported] {
        assert!(cause.is_failure(), "{cause:?}");
    }
    for cause in [Cause::Administrator, Cause::DurationOver, Cause::Reload, Cause::Success] {
        assert!(!cause.is_failure(), "{cause:?}");
    }
}

#[test]
fn no_ping_has_the_nonce_0() {
    let mut bench = Bench::empty();
    bench.prober = Prober::new(Settings::default(), -2);
    bench.load(vec![(target(1, 2, 3), up())]);
    bench.event(LinkEvent::Connected);
    bench.pong();
    bench.pass(1_000);
    let nonce = |action: &Action| match action {
        Action::Ping { nonce, .. } => Some(*nonce),
        _ => None,
    };
    let nonces: Vec<i32> = bench.actions.iter().filter_map(nonce).collect();
    assert_eq!(nonces, [-1, 1]);
}
