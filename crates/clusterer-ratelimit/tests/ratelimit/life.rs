//! How pipes come, go, and are told apart from what strangers send.

use crate::cluster::{at, config, machine, receive_as, second, sent, tell, write};
use clusterer_bin::Dialect;
use clusterer_node::{ClusterId, NodeKey};
use clusterer_ratelimit::{Algorithm, Decision, MAX_STRANGERS, RateLimit};
use clusterer_registry::{ClusterModule, ModuleEvent};

const P: &[u8] = b"p";

fn expires(seconds: i64) -> RateLimit {
    RateLimit::new(config(|p| p.expire_time = seconds), at(0))
}

#[test]
fn a_pipe_goes_at_the_first_tick_after_expire_time_without_use() {
    let node = expires(30);
    node.check(at(500), P, 1, None).unwrap();
    node.tick(at(30_499));
    assert_eq!(node.list(at(30_499)).len(), 1);
    node.tick(at(30_500));
    assert!(node.list(at(30_500)).is_empty());
}

#[test]
fn a_counter_above_zero_is_use_and_a_zero_is_not() {
    for (counter, stays) in [(1, true), (0, false)] {
        let node = expires(30);
        tell(&node, at(0), 2, P, 0);
        tell(&node, at(20_000), 2, P, counter);
        node.tick(at(30_000));
        assert_eq!(!node.list(at(30_000)).is_empty(), stays, "{counter}");
    }
}

#[test]
fn nodes_do_not_keep_each_other_s_pipes_alive() {
    let (a, b) = (expires(30), expires(30));
    a.check(at(0), P, 1, None).unwrap();
    let mut gone = None;
    for now in (0..200_000).step_by(1000) {
        for (from, to, sender) in [(&a, &b, 1), (&b, &a, 2)] {
            from.tick(at(now));
            for packet in sent(from, sender, at(now)) {
                receive_as(to, true, at(now), &packet).unwrap();
            }
        }
        if gone.is_none() && a.list(at(now)).is_empty() && b.list(at(now)).is_empty() {
            gone = Some(now);
        }
    }
    assert!(gone.is_some_and(|at| at <= 65_000), "{gone:?}");
    assert!(a.list(at(200_000)).is_empty() && b.list(at(200_000)).is_empty());
}

#[test]
fn only_pipes_used_here_are_sent_and_only_while_they_are_used() {
    let node = expires(30);
    tell(&node, at(0), 2, b"theirs", 5);
    assert_eq!(sent(&node, 1, at(0)), [write(Dialect::V22, 1, |_| {})]);
    node.check(at(0), P, 100, None).unwrap();
    let mine = write(Dialect::V22, 1, |writer| {
        writer.str(P).int(1).int(100).int(0);
    });
    assert_eq!(sent(&node, 1, at(29_999)), [mine]);
    tell(&node, at(29_999), 2, P, 5);
    assert_eq!(sent(&node, 1, at(30_000)), [write(Dialect::V22, 1, |_| {})]);
    assert_eq!(node.list(at(30_000)).len(), 2);
}

#[test]
fn an_unknown_pipe_takes_the_packet_s_limit_and_algorithm_a_known_one_keeps_its_own() {
    let node = RateLimit::new(config(|p| p.default_algorithm = "RED".into()), at(0));
    let receive = |algorithm, limit| {
        let bytes = write(Dialect::V22, 2, |writer| {
            writer.str(&[b'a' + u8::try_from(algorithm).unwrap()]).int(algorithm).int(limit).int(1);
        });
        receive_as(&node, true, at(0), &bytes).unwrap();
    };
    for limit in [7, 8] {
        (0..=5).for_each(|algorithm| receive(algorithm, limit));
    }
    let found: Vec<_> = node.list(at(0)).iter().map(|pipe| (pipe.algorithm, pipe.limit)).collect();
    let expected: Vec<_> = [Algorithm::Red]
        .into_iter()
        .chain(Algorithm::ALL)
        .map(|algorithm| (algorithm, 7))
        .collect();
    assert_eq!(found, expected);
    assert!(node.check(at(0), b"d", 1, None).is_err(), "FEEDBACK");
    assert_eq!(node.pipe(at(0), b"d").unwrap().remotes[0].counter, 1, "and yet it is kept");
}

#[test]
fn a_timeout_makes_a_node_s_counters_zero_and_no_other_s() {
    let node = RateLimit::new(second(), at(0));
    for pipe in [P, b"q"] {
        tell(&node, at(0), 2, pipe, 50);
        tell(&node, at(0), 3, pipe, 10);
    }
    let key = NodeKey { cluster: ClusterId::new(1).unwrap(), machine: machine(2) };
    node.on_event(ModuleEvent::TemporarilyDisabled(key));
    assert_eq!(node.check(at(1), P, 60, None), Ok(Decision::Limited));
    node.on_event(ModuleEvent::Timeout(key));
    for pipe in node.list(at(1)) {
        let counters: Vec<_> = pipe.remotes.iter().map(|remote| remote.counter).collect();
        assert_eq!(counters, [0, 10]);
    }
    assert_eq!(node.check(at(1), P, 60, None), Ok(Decision::Allowed));
}

#[test]
fn strangers_leave_room_for_pipes_made_here() {
    let node = RateLimit::new(config(|p| p.max_pipes = 160), at(0));
    let many = |sender: u8| {
        let names = usize::from(sender) * 20..;
        write(Dialect::V22, sender.into(), |writer| {
            names.clone().take(200).for_each(|name| {
                writer.str(format!("{name}").as_bytes()).int(1).int(1).int(1);
            });
        })
    };
    receive_as(&node, false, at(0), &many(10)).unwrap();
    assert_eq!(node.list(at(0)).len(), 10, "each of them has a sixteenth");
    let peer = node.peers()[0];
    assert_eq!((peer.packets, peer.pipes, peer.skipped), (1, 10, 190));
    for sender in 11..30 {
        receive_as(&node, false, at(0), &many(sender)).unwrap();
    }
    assert_eq!(node.list(at(0)).len(), 80, "and all of them half");
    receive_as(&node, true, at(0), &many(30)).unwrap();
    assert_eq!(node.list(at(0)).len(), 160);
}

#[test]
fn a_pipe_keeps_the_counters_of_a_bounded_number_of_strangers() {
    let node = RateLimit::new(second(), at(0));
    for sender in 1..=1000 {
        let bytes = write(Dialect::V22, sender, |writer| {
            writer.str(P).int(1).int(1).int(1);
        });
        receive_as(&node, false, at(0), &bytes).unwrap();
    }
    assert_eq!(node.pipe(at(0), P).unwrap().remotes.len(), MAX_STRANGERS);
    assert_eq!(node.peers().len(), MAX_STRANGERS);
}

#[test]
fn threads_count_every_call() {
    let node = RateLimit::new(second(), at(0));
    let allowed: usize = std::thread::scope(|scope| {
        let call = || (0..1000).filter(|_| node.check(at(0), P, 1500, None).unwrap().is_allowed());
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(move || call().count())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((allowed, node.pipe(at(0), P).unwrap().own), (1500, 4000));
}
