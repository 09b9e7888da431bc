//! What is loaded, and what administrators and modules say.

use crate::bench::{Bench, START, node, status, target, up};
use clusterer_node::{AdminState, LinkEvent, LinkFailure, State};
use clusterer_probe::Target;

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
fn a_peer_that_comes_back_gets_a_link_of_its_own_in_the_slot_of_the_old_one() {
    let mut bench = Bench::answering(3);
    let old = bench.link();
    bench.load(vec![]);
    bench.load(vec![(target(1, 2, 3), up())]);
    bench.check("close, open 2, dial");
    let new = bench.link();
    assert_eq!((new.index, new.generation), (old.index, old.generation + 1));
}

#[test]
fn a_node_that_a_reload_puts_up_is_dialled_at_once_and_one_that_stays_probing_in_its_turn() {
    let waiting = || {
        let mut bench = Bench::new(5);
        bench.refuse();
        bench.refuse();
        bench.pass(300);
        bench.take();
        bench
    };
    let mut bench = waiting();
    bench.load(vec![(target(1, 2, 5), up())]);
    bench.check("2->1 Up tries 0 (reload), dial");

    let mut bench = waiting();
    bench.load(vec![(target(1, 2, 5), status(State::Probing, 1, START))]);
    bench.check("2->2 Probing tries 1 (reload)");
    bench.pass(699);
    bench.check("");
    bench.pass(1);
    bench.check("dial");
}

#[test]
fn a_moved_peer_gets_a_link_of_its_own() {
    let mut bench = Bench::answering(3);
    let moved = Target { address: Some(([127, 0, 0, 9], 5566).into()), ..target(1, 2, 3) };
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
    assert_eq!(bench.prober.nodes_of(bench.link()), [node(1, 2), node(7, 2)]);
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
    administer(&mut bench, AdminState::Enabled);
    bench.check("");
    bench.pass(1_000);
    bench.check("ping");
    administer(&mut bench, AdminState::Down);
    bench.check("1->0 Up tries 0 (administrator), hangup");
    assert_eq!(bench.prober.deadline(), None, "nothing is due of a node that is down");
    bench.event(LinkEvent::Failed(LinkFailure::Reset));
    bench.check("");
    administer(&mut bench, AdminState::Enabled);
    bench.check("0->1 Up tries 0 (administrator), dial");
    bench.event(LinkEvent::Connected);
    bench.check("ping");
    bench.event(LinkEvent::Closed);
    bench.refuse();
    bench.refuse();
    bench.take();
    administer(&mut bench, AdminState::Enabled);
    bench.check("2->1 Up tries 0 (administrator), dial");
}

#[test]
fn a_node_that_is_put_up_before_its_time_is_not_put_up_again_when_its_time_comes() {
    let mut bench = Bench::empty();
    bench.load(vec![(target(1, 2, 3), status(State::Probing, 3, START))]);
    bench.pass(7_500);
    bench
        .prober
        .administer(bench.now, node(1, 2), AdminState::Enabled, &mut bench.actions)
        .unwrap();
    bench.refuse();
    bench.refuse();
    bench.take();
    bench.pass(999);
    bench.check("");
    assert_eq!(bench.state(), 2);
}

#[test]
fn a_node_that_is_put_up_with_a_ping_in_flight_gets_no_second_one() {
    let mut bench = Bench::answering(3);
    bench.pass(1_500);
    bench.take();
    bench
        .prober
        .administer(bench.now, node(1, 2), AdminState::Enabled, &mut bench.actions)
        .unwrap();
    bench.check("2->1 Up tries 0 (administrator)");
    bench.pass(499);
    bench.check("");
    bench.pass(1);
    bench.check("1->2 Probing tries 1 (no_pong)");
}

#[test]
fn an_attempt_that_was_put_off_by_an_administrators_word_comes_in_its_turn_after_a_failure() {
    let mut bench = Bench::answering(3);
    let reset = LinkEvent::Failed(LinkFailure::Reset);
    bench.event(reset);
    bench.event(LinkEvent::Connected);
    bench.pass(300);
    bench
        .prober
        .administer(bench.now, node(1, 2), AdminState::Enabled, &mut bench.actions)
        .unwrap();
    bench.pass(100);
    bench.take();
    bench.event(reset);
    bench.check("1->2 Probing tries 1 (reset)");
    bench.pass(599);
    bench.check("");
    bench.pass(1);
    bench.check("dial");
}

#[test]
fn a_failure_that_is_reported_of_a_probing_node_hastens_nothing() {
    let mut bench = Bench::new(5);
    bench.refuse();
    bench.refuse();
    bench.take();
    bench.prober.report_failure(bench.now, node(1, 2), &mut bench.actions).unwrap();
    bench.check("2->2 Probing tries 3 (reported)");
    bench.pass(999);
    bench.check("");
    bench.pass(1);
    bench.check("dial");
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
fn a_node_that_is_named_twice_leaves_no_link_behind() {
    let mut bench = Bench::empty();
    let again = Target { address: Some(([127, 0, 0, 9], 5566).into()), ..target(1, 2, 3) };
    bench.load(vec![(target(1, 2, 3), up()), (again, up())]);
    bench.check("open 2, dial");
    bench.load(vec![]);
    bench.check("close");
}
