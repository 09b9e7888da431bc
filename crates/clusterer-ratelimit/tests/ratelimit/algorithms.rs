//! How each algorithm decides, on both sides of every boundary.

use crate::cluster::{at, config, machine, second, tell};
use clusterer_node::Moment;
use clusterer_ratelimit::Algorithm::{Feedback, Network, Red, Sbt, TailDrop};
use clusterer_ratelimit::{Algorithm, CheckError, Decision, MAX_NAME, RateLimit};

const P: &[u8] = b"p";

/// How many of `calls` at `now` are allowed.
fn allowed(node: &RateLimit, now: Moment, limit: i32, algorithm: Algorithm, calls: u32) -> u32 {
    let decide = |_: &u32| node.check(now, P, limit, Some(algorithm)).unwrap().is_allowed();
    u32::try_from((0..calls).filter(decide).count()).unwrap()
}

#[test]
fn taildrop_allows_limit_times_interval_and_one_more_is_refused() {
    for (interval, limit, expected) in [(1, 5, 5), (10, 5, 50), (3, 0, 0), (7, 1, 7)] {
        let node = RateLimit::new(config(|p| p.timer_interval = interval), at(0));
        assert_eq!(allowed(&node, at(1), limit, TailDrop, 80), expected, "{interval} x {limit}");
    }
}

#[test]
fn taildrop_counts_refused_calls_and_forgets_at_the_tick() {
    let node = RateLimit::new(second(), at(0));
    assert_eq!(allowed(&node, at(1), 5, TailDrop, 8), 5);
    assert_eq!(node.pipe(at(1), P).unwrap().own, 8);
    node.tick(at(1000));
    let pipe = node.pipe(at(1000), P).unwrap();
    assert_eq!((pipe.counter, pipe.own), (8, 0));
    assert_eq!(allowed(&node, at(1001), 5, TailDrop, 8), 5);
}

#[test]
fn taildrop_adds_what_others_count_up_to_the_limit_exactly() {
    for (others, expected) in [(0, 5), (3, 2), (4, 1), (5, 0), (i32::MAX, 0)] {
        let node = RateLimit::new(second(), at(0));
        tell(&node, at(0), 2, P, others);
        assert_eq!(allowed(&node, at(1), 5, TailDrop, 9), expected, "{others}");
    }
    let node = RateLimit::new(second(), at(0));
    tell(&node, at(0), 2, P, 2);
    tell(&node, at(0), 3, P, 2);
    tell(&node, at(0), 3, P, 1);
    assert_eq!(
        allowed(&node, at(1), 5, TailDrop, 9),
        2,
        "a node's newest value replaces the former"
    );
}

#[test]
fn another_node_s_value_counts_until_it_is_older_than_repl_timer_expire() {
    let node = RateLimit::new(config(|p| p.repl_timer_expire = 3), at(0));
    tell(&node, at(500), 2, P, 1000);
    let decide = |now| node.check(at(now), P, 100, None).unwrap();
    assert_eq!(decide(3500), Decision::Limited);
    assert_eq!(node.pipe(at(3500), P).unwrap().remotes[0].counter, 1000);
    assert_eq!(decide(3501), Decision::Allowed);
    assert_eq!(node.pipe(at(3501), P).unwrap().remotes[0].counter, 0);
    node.tick(at(3501));
    assert_eq!(node.pipe(at(3501), P).unwrap().remotes, [], "what counts no more is not kept");
}

#[test]
fn the_limit_is_replaced_at_every_call_and_the_algorithm_is_not() {
    let node = RateLimit::new(second(), at(0));
    assert_eq!(allowed(&node, at(1), 1, TailDrop, 1), 1);
    assert_eq!(allowed(&node, at(1), 1, TailDrop, 1), 0);
    assert_eq!(allowed(&node, at(1), 3, Sbt, 1), 1);
    let pipe = node.pipe(at(1), P).unwrap();
    assert_eq!((pipe.limit, pipe.algorithm, pipe.own), (3, TailDrop, 3));
}

#[test]
fn red_allows_every_call_until_a_tick_saw_twice_the_limit() {
    for (before, load_allows) in
        [(0, 12), (4, 12), (5, 12), (9, 12), (10, 6), (14, 6), (15, 4), (60, 1)]
    {
        let node = RateLimit::new(second(), at(0));
        assert_eq!(allowed(&node, at(1), 5, Red, before), before, "the first tick has no load");
        node.tick(at(1000));
        assert_eq!(allowed(&node, at(1001), 5, Red, 12), load_allows, "{before} calls before");
    }
}

#[test]
fn red_takes_its_load_from_its_own_calls_and_its_turn_from_all() {
    let node = RateLimit::new(second(), at(0));
    allowed(&node, at(1), 5, Red, 10);
    tell(&node, at(1), 2, P, 1);
    node.tick(at(1000));
    // Load 2; with the other node's 1, calls 1, 3, 5 make an even sum.
    assert_eq!(node.check(at(1001), P, 5, None), Ok(Decision::Allowed));
    assert_eq!(node.check(at(1001), P, 5, None), Ok(Decision::Limited));
    tell(&node, at(1002), 2, P, 1_000_000);
    node.tick(at(2000));
    assert_eq!(allowed(&node, at(2001), 5, Red, 9), 9, "2 own calls make no load");
}

#[test]
fn red_keeps_its_load_while_the_limit_is_zero() {
    let node = RateLimit::new(second(), at(0));
    allowed(&node, at(1), 5, Red, 20);
    node.tick(at(1000));
    assert_eq!(allowed(&node, at(1001), 0, Red, 4), 1);
    node.tick(at(2000));
    assert_eq!(allowed(&node, at(2001), 0, Red, 4), 1);
}

#[test]
fn sbt_allows_the_limit_within_a_window_whatever_the_tick() {
    let node = RateLimit::new(second(), at(0));
    assert_eq!(allowed(&node, at(199), 5, Sbt, 3), 3);
    node.tick(at(1000));
    assert_eq!(allowed(&node, at(1000), 5, Sbt, 4), 2);
    assert_eq!(node.pipe(at(1000), P).unwrap().own, 7);
    // The first slot goes at 10.0 s: 4 are left, one more may pass.
    assert_eq!(allowed(&node, at(9_999), 5, Sbt, 1), 0);
    node.dec(P).unwrap();
    assert_eq!(node.pipe(at(10_000), P).unwrap().own, 4);
    assert_eq!(allowed(&node, at(10_000), 5, Sbt, 2), 1);
}

#[test]
fn sbt_adds_the_windows_of_others() {
    let node = RateLimit::new(second(), at(0));
    assert_eq!(allowed(&node, at(0), 5, Sbt, 1), 1);
    tell(&node, at(1), 2, P, 3);
    assert_eq!(allowed(&node, at(2), 5, Sbt, 3), 1);
}

#[test]
fn what_follows_a_machine_s_load_is_an_error_and_counts_nothing() {
    let node = RateLimit::new(second(), at(0));
    for algorithm in [Feedback, Network] {
        let result = node.check(at(0), P, 1, Some(algorithm));
        assert_eq!(result, Err(CheckError::NotDecidable(algorithm)));
    }
    assert!(node.list(at(0)).is_empty());
}

#[test]
fn bad_calls_are_errors_and_make_no_pipe() {
    let node = RateLimit::new(config(|p| p.max_pipes = 2), at(0));
    let check = |name: &[u8], limit| node.check(at(0), name, limit, None);
    let long = [b'x'; MAX_NAME + 1];
    assert_eq!(check(b"", 1), Err(CheckError::EmptyName));
    assert_eq!(check(&long, 1), Err(CheckError::LongName { length: MAX_NAME + 1 }));
    assert_eq!(check(P, -1), Err(CheckError::NegativeLimit(-1)));
    assert!(node.list(at(0)).is_empty());
    assert_eq!(check(&long[1..], i32::MAX), Ok(Decision::Allowed));
    assert_eq!(check(P, 0), Ok(Decision::Limited));
    assert_eq!(check(b"third", 1), Err(CheckError::TooManyPipes { limit: 2 }));
    assert_eq!(check(P, 1), Ok(Decision::Allowed), "a known pipe goes on");
}

#[test]
fn dec_and_reset_leave_the_others_and_the_last_counter() {
    let node = RateLimit::new(second(), at(0));
    tell(&node, at(0), 2, P, 7);
    allowed(&node, at(0), 100, TailDrop, 3);
    node.tick(at(1000));
    allowed(&node, at(1000), 100, TailDrop, 2);
    for own in [1, 0, 0] {
        node.dec(P).unwrap();
        assert_eq!(node.pipe(at(1000), P).unwrap().own, own);
    }
    allowed(&node, at(1000), 100, TailDrop, 2);
    node.reset(P).unwrap();
    let pipe = node.pipe(at(1000), P).unwrap();
    assert_eq!((pipe.own, pipe.counter), (0, 10));
    assert_eq!((pipe.remotes[0].machine, pipe.remotes[0].counter), (machine(2), 7));
    assert!(node.dec(b"q").is_err() && node.reset(b"q").is_err());
}

#[test]
fn reset_clears_the_window() {
    let node = RateLimit::new(second(), at(0));
    allowed(&node, at(0), 5, Sbt, 5);
    node.reset(P).unwrap();
    assert_eq!(allowed(&node, at(200), 5, Sbt, 9), 5);
}
