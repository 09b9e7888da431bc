//! Connections and pings, each deadline from both sides.

use crate::bench::{Bench, START, node, status, target, up};
use clusterer_node::{LinkEvent, LinkFailure, LinkId, LinkState, MachineId, Moment, State};
use clusterer_probe::{Action, Prober, Settings, Target};
use core::time::Duration;

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
fn a_probing_peer_is_tried_once_an_interval_until_it_answers() {
    let mut bench = Bench::empty();
    let patient = Target { duration: Duration::ZERO, ..target(1, 2, 20) };
    bench.load(vec![(patient, up())]);
    bench.refuse();
    bench.refuse();
    bench.take();
    for tries in 3..10 {
        bench.pass(999);
        bench.check("");
        bench.pass(1);
        bench.check("dial");
        bench.refuse();
        bench.check(&format!("2->2 Probing tries {tries} (refused)"));
    }
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
fn a_timeout_above_the_interval_counts_as_the_interval() {
    let settings = Settings { ping_timeout: Duration::from_millis(1_001), ..Settings::default() };
    let mut bench = Bench { prober: Prober::new(settings, 0), ..Bench::empty() };
    bench.load(vec![(target(1, 2, 3), up())]);
    bench.take();
    bench.pass(999);
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
    assert_eq!(bench.prober.pong(bench.now, link, machine, nonce, &mut bench.actions), None);
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
    assert_eq!(bench.prober.pong(bench.now, link, other, nonce, &mut bench.actions), None);
    let late = LinkId { generation: link.generation + 1, ..link };
    let machine = MachineId::new(2).unwrap();
    assert_eq!(bench.prober.pong(bench.now, late, machine, nonce, &mut bench.actions), None);
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
    assert_eq!(bench.take(), ["ping"; 10].join(", "), "nothing else ever happens");
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
fn a_connection_closed_in_order_is_dialled_again_at_once_an_interval_after_the_last_time() {
    for (wait, at_once) in [(999, ""), (1_000, "dial")] {
        let mut bench = Bench::answering(3);
        bench.event(LinkEvent::Closed);
        bench.event(LinkEvent::Connected);
        bench.pass(wait);
        bench.take();
        bench.event(LinkEvent::Closed);
        bench.check(at_once);
        bench.pass(1_000 - wait);
        assert_eq!(bench.prober.link_state(bench.link()), Some(LinkState::Dialling));
    }
}

#[test]
fn a_process_that_is_replaced_by_one_that_never_answers_stays_up() {
    let mut bench = Bench::answering(3);
    bench.event(LinkEvent::Closed);
    bench.event(LinkEvent::Connected);
    bench.check("dial, ping");
    bench.pass(10_000);
    assert_eq!(bench.take(), ["ping"; 10].join(", "), "nothing else ever happens");
}

#[test]
fn a_pong_of_a_connection_that_has_ended_tells_nothing_of_the_next() {
    let mut bench = Bench::answering(3);
    bench.pass(1_000);
    let Action::Ping { link, nonce } = bench.actions[0] else { panic!("a ping") };
    bench.event(LinkEvent::Closed);
    let machine = MachineId::new(2).unwrap();
    assert_eq!(bench.prober.pong(bench.now, link, machine, nonce, &mut bench.actions), None);
    bench.event(LinkEvent::Connected);
    bench.check("ping, dial, ping");
    bench.pass(10_000);
    assert_eq!(bench.take(), ["ping"; 10].join(", "), "it never answers, and need not");
}

#[test]
fn what_is_over_leaves_no_deadline() {
    let due = |bench: &Bench| bench.prober.deadline().map_or(0, Moment::as_millis);
    let mut bench = Bench::new(3);
    assert_eq!(due(&bench), 500, "a connect under way");
    bench.refuse();
    bench.refuse();
    assert_eq!(due(&bench), 1_000, "the next attempt");
    bench.pass(1_000);
    bench.event(LinkEvent::Connected);
    assert_eq!(due(&bench), 1_500, "a pong");
    bench.pong();
    assert_eq!(due(&bench), 2_000, "the next ping");
    bench.pass(1_000);
    assert_eq!(due(&bench), 2_500, "a pong");
    bench.event(LinkEvent::Closed);
    assert_eq!(due(&bench), 2_500, "the connect that follows");
    bench.event(LinkEvent::Connected);
    bench.load(vec![]);
    assert_eq!(bench.prober.deadline(), None, "a ping was in flight");

    bench.load(vec![(target(1, 2, 3), status(State::Probing, 3, START))]);
    assert_eq!(due(&bench), 8_000, "the end of being disabled");
    bench.load(vec![]);
    assert_eq!(bench.prober.deadline(), None);
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
fn a_deadline_missed_by_the_tolerance_is_judged_and_by_more_forgiven() {
    let judged = "1->2 Probing tries 1 (no_pong), ping";
    for (late, expected) in [(100, judged), (101, "ping")] {
        let mut bench = Bench::answering(3);
        bench.pass(1_000);
        bench.take();
        bench.set_clock(Moment::from_millis(1_500 + late));
        bench.prober.tick(bench.now, &mut bench.actions);
        bench.check(expected);
    }
}

#[test]
fn a_connect_gets_its_whole_time_again_after_a_stall() {
    let mut bench = Bench::new(3);
    bench.take();
    bench.set_clock(Moment::from_millis(601));
    bench.prober.tick(bench.now, &mut bench.actions);
    bench.pass(499);
    bench.check("");
    bench.pass(1);
    bench.check("hangup, 1->2 Probing tries 1 (timed_out), dial");
}

#[test]
fn a_stall_leaves_no_deadline_of_those_that_were_not_asked() {
    let mut bench = Bench::empty();
    bench.load(vec![(target(1, 2, 3), up()), (target(1, 3, 3), status(State::Down, 0, 0))]);
    bench.event(LinkEvent::Connected);
    bench.pong();
    bench.set_clock(Moment::from_millis(60_000));
    bench.prober.tick(bench.now, &mut bench.actions);
    bench.pong();
    assert_eq!(bench.prober.deadline(), Some(Moment::from_millis(61_000)), "the next ping");
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
fn a_failure_is_followed_by_an_attempt_at_once_an_interval_after_the_last_time() {
    let reset = LinkEvent::Failed(LinkFailure::Reset);
    for (wait, attempt) in [(999, ""), (1_000, ", dial")] {
        let mut bench = Bench::answering(3);
        bench.event(reset);
        bench.event(LinkEvent::Connected);
        bench.pong();
        bench.pass(wait);
        bench.take();
        bench.event(reset);
        bench.check(&format!("1->2 Probing tries 1 (reset){attempt}"));
    }
}

#[test]
fn an_event_that_does_not_fit_the_connection_changes_nothing() {
    let failed = LinkEvent::Failed(LinkFailure::Reset);
    let nothing = |bench: &mut Bench, event| {
        bench.take();
        bench.event(event);
        bench.check("");
    };
    let mut bench = Bench::new(5);
    nothing(&mut bench, LinkEvent::Closed);
    bench.pass(500);
    bench.check("hangup, 1->2 Probing tries 1 (timed_out), dial");

    bench.refuse();
    assert_eq!(bench.prober.link_state(bench.link()), Some(LinkState::Idle));
    for event in [LinkEvent::Closed, LinkEvent::Connected, failed] {
        nothing(&mut bench, event);
    }
    bench.pass(1_000);
    bench.check("dial");

    let mut bench = Bench::answering(3);
    bench.pass(1_000);
    nothing(&mut bench, LinkEvent::Connected);
    bench.pass(500);
    bench.check("1->2 Probing tries 1 (no_pong), ping");
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

/// Nobody answers within no time at all.
#[test]
fn a_timeout_below_a_millisecond_counts_as_one() {
    let settings = Settings { ping_timeout: Duration::from_nanos(999_999), ..Settings::default() };
    let mut bench = Bench { prober: Prober::new(settings, 0), ..Bench::empty() };
    bench.load(vec![(target(1, 2, 3), up())]);
    bench.pass(0);
    bench.check("open 2, dial");
    bench.pass(1);
    bench.check("hangup, 1->2 Probing tries 1 (timed_out), dial");
}
