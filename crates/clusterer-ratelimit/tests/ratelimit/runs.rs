//! Packets that come together, and at the same time as everything else.

use crate::cluster::{at, config, context, machine, receive_as, second, tell, write};
use clusterer_bin::{Dialect, Origin, Packet, PacketWriter};
use clusterer_node::{ClusterId, NodeKey};
use clusterer_ratelimit::{Decision, MAX_NAME, MAX_STRANGERS, MODULE, RateLimit};
use clusterer_registry::{ClusterModule, Delivery, Malformed, ModuleEvent, Run};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

const P: &[u8] = b"p";

/// Packets that came together, and which of them were found malformed.
struct Packets<'a> {
    rest: std::slice::Iter<'a, Vec<u8>>,
    last: Option<Packet<'a>>,
    malformed: Vec<usize>,
}

impl<'a> Packets<'a> {
    fn new(packets: &'a [Vec<u8>]) -> Self {
        Self { rest: packets.iter(), last: None, malformed: Vec::new() }
    }
}

impl Run for Packets<'_> {
    fn next(&mut self) -> Option<&Packet<'_>> {
        self.last = self.rest.next().map(|bytes| Packet::parse(Dialect::V22, bytes).unwrap());
        self.last.as_ref()
    }

    fn malformed(&mut self, _: &Malformed) {
        self.malformed.push(self.rest.len());
    }
}

fn one(sender: i32, pipe: &[u8], counter: i32) -> Vec<u8> {
    write(Dialect::V22, sender, |writer| {
        writer.str(pipe).int(1).int(100).int(counter);
    })
}

fn counters(node: &RateLimit, now: u64, pipe: &[u8]) -> Vec<u32> {
    let pipe = node.pipe(at(now), pipe);
    pipe.iter().flat_map(|pipe| &pipe.remotes).map(|remote| remote.counter).collect()
}

#[test]
fn a_run_of_any_length_is_taken_whole_and_in_order() {
    assert_eq!(RateLimit::new(second(), at(0)).delivery(), Delivery::Inline);
    for length in [0, 1, 63, 64, 65, 127, 128, 129, 1000] {
        let node = RateLimit::new(second(), at(0));
        let packets: Vec<_> = (1..=length).map(|counter| one(2, P, counter)).collect();
        let mut run = Packets::new(&packets);
        node.on_packets(&context(2, true, at(0)), &mut run);
        assert_eq!((run.rest.len(), run.malformed.len()), (0, 0));
        let expected = u32::try_from(length).unwrap();
        assert_eq!(counters(&node, 0, P), if length == 0 { vec![] } else { vec![expected] });
        let peer = node.peers().first().map(|peer| (peer.packets, peer.pipes));
        let expected = u64::from(expected);
        assert_eq!(peer, (length > 0).then_some((expected, expected)), "{length}");
    }
}

#[test]
fn a_malformed_packet_in_a_run_costs_that_packet_only() {
    let unknown = PacketWriter::new(Dialect::V22, MODULE, 1, Origin { sender: 2, cluster: 1 });
    let mut short = one(2, b"short", 1);
    short.truncate(short.len() - 1);
    // In this order.
    let bad = [unknown.finish(1).unwrap().to_vec(), short];
    for length in [1, 63, 64, 65, 130] {
        for place in 0..length {
            let mut packets: Vec<_> = (1..=length).map(|counter| one(2, P, counter)).collect();
            let begin = usize::try_from(place).unwrap();
            packets.splice(begin..begin, bad.clone());
            let node = RateLimit::new(second(), at(0));
            let mut run = Packets::new(&packets);
            node.on_packets(&context(2, true, at(0)), &mut run);
            let left = usize::try_from(length - place).unwrap();
            assert_eq!(run.malformed, [left + 1, left], "{place} of {length}");
            // That of the unknown command is none of ours.
            let peer = node.peers()[0];
            let expected = u64::try_from(length).unwrap();
            assert_eq!((peer.packets, peer.pipes), (expected + 1, expected));
            assert_eq!(counters(&node, 0, P), [u32::try_from(length).unwrap()]);
        }
    }
}

#[test]
fn each_packet_of_a_stranger_too_many_is_refused() {
    let node = RateLimit::new(second(), at(0));
    let limit = i32::try_from(MAX_STRANGERS).unwrap();
    for stranger in 1..=limit {
        receive_as(&node, false, at(0), &one(stranger, P, 1)).unwrap();
    }
    let packets: Vec<_> = (0..200).map(|counter| one(limit + 1, P, counter)).collect();
    let mut run = Packets::new(&packets);
    node.on_packets(&context(limit + 1, false, at(0)), &mut run);
    assert_eq!(run.rest.len(), 0);
    assert_eq!(counters(&node, 0, P).len(), MAX_STRANGERS);
}

#[test]
fn a_name_of_any_length_is_found_again() {
    let node = RateLimit::new(second(), at(0));
    let lengths = || (1..=40).chain([MAX_NAME - 1, MAX_NAME]);
    for counter in 1..=2 {
        // Before every name there is another, so that it stands at any place and before anything.
        for length in lengths() {
            let bytes = write(Dialect::V22, 2, |writer| {
                for name in [vec![b'x'; length], vec![0; length]] {
                    writer.str(&name).int(1).int(100).int(counter);
                }
            });
            receive_as(&node, true, at(0), &bytes).unwrap();
        }
    }
    assert_eq!(node.list(at(0)).len(), 2 * lengths().count());
    assert!(node.list(at(0)).iter().all(|pipe| pipe.remotes[0].counter == 2));
}

#[test]
fn what_makes_no_sense_is_skipped_of_a_known_pipe_too() {
    let node = RateLimit::new(second(), at(0));
    let say = |algorithm, limit, counter| {
        let bytes = write(Dialect::V22, 2, |writer| {
            writer.str(P).int(algorithm).int(limit).int(counter);
            writer.str(b"behind it").int(1).int(100).int(counter.max(0));
        });
        receive_as(&node, true, at(0), &bytes).unwrap();
        (counters(&node, 0, P)[0], counters(&node, 0, b"behind it")[0], node.peers()[0].skipped)
    };
    assert_eq!(say(1, 100, 1), (1, 1, 0));
    assert_eq!(say(0, 0, 2), (2, 2, 0));
    assert_eq!(say(5, i32::MAX, i32::MAX), (i32::MAX.unsigned_abs(), i32::MAX.unsigned_abs(), 0));
    assert_eq!(say(1, 100, 3), (3, 3, 0));
    assert_eq!(say(6, 100, 4), (3, 4, 1));
    assert_eq!(say(-1, 100, 5), (3, 5, 2));
    assert_eq!(say(1, -1, 6), (3, 6, 3));
    assert_eq!(say(1, 100, -1), (3, 0, 4));
    assert_eq!(say(1, 100, 7), (7, 7, 4));
}

#[test]
fn every_pipe_of_a_large_table_is_ticked_and_listed_once() {
    let node = RateLimit::new(second(), at(0));
    let name = |number: usize| format!("pipe{number}").into_bytes();
    for number in 0..20_000 {
        node.check(at(0), &name(number), 100, None).unwrap();
    }
    node.tick(at(1000));
    let list = node.list(at(1000));
    assert_eq!(list.len(), 20_000);
    assert!(list.is_sorted_by(|a, b| a.name < b.name), "each once, and in order");
    assert!(list.iter().all(|pipe| (pipe.counter, pipe.own) == (1, 0)));
    node.tick(at(3_600_000));
    assert!(node.list(at(3_600_000)).is_empty());
}

#[test]
fn what_a_node_says_after_its_timeout_counts() {
    let node = RateLimit::new(second(), at(0));
    let key = NodeKey { cluster: ClusterId::new(1).unwrap(), machine: machine(2) };
    for counter in [5, 6] {
        tell(&node, at(0), 2, P, counter);
        tell(&node, at(0), 2, b"other", 1);
        assert_eq!(counters(&node, 0, P), [counter.unsigned_abs()]);
        // Told once more, as after a packet that was under way.
        for _ in 0..2 {
            node.on_event(ModuleEvent::Timeout(key));
            assert_eq!(counters(&node, 0, P), [0]);
            assert_eq!(counters(&node, 0, b"other"), [0]);
        }
    }
    tell(&node, at(0), 2, P, 7);
    assert_eq!((counters(&node, 0, P), counters(&node, 0, b"other")), (vec![7], vec![0]));
    // One that has sent nothing yet.
    let key = NodeKey { machine: machine(3), ..key };
    node.on_event(ModuleEvent::Timeout(key));
}

#[test]
fn a_counter_that_was_dropped_comes_back_with_the_next_packet() {
    let node = RateLimit::new(config(|p| p.expire_time = 30), at(0));
    tell(&node, at(0), 2, P, 5);
    tell(&node, at(10_000), 3, P, 1);
    node.tick(at(10_001));
    assert_eq!(counters(&node, 10_001, P), [1], "the older one has gone");
    tell(&node, at(10_002), 2, P, 6);
    assert_eq!(counters(&node, 10_002, P), [6, 1]);
    node.tick(at(60_000));
    assert!(node.pipe(at(60_000), P).is_none(), "and now all");
    tell(&node, at(60_000), 2, P, 7);
    assert_eq!(counters(&node, 60_000, P), [7]);
}

#[test]
fn a_pipe_expires_by_its_last_use_and_not_by_its_last_counter() {
    // The counters are dropped long before the pipe is.
    let node = RateLimit::new(config(|p| p.expire_time = 30), at(0));
    tell(&node, at(0), 2, P, 0);
    tell(&node, at(10_000), 2, P, 1);
    node.tick(at(21_000));
    assert_eq!(counters(&node, 21_000, P), [0; 0]);
    node.tick(at(39_999));
    assert!(node.pipe(at(39_999), P).is_some());
    node.tick(at(40_000));
    assert!(node.pipe(at(40_000), P).is_none());
}

#[test]
fn a_stranger_that_made_room_and_comes_back_counts_once() {
    let node = RateLimit::new(second(), at(0));
    let strangers = 1..=i32::try_from(MAX_STRANGERS).unwrap();
    for now in [0, 10_001] {
        // Those of before are expired: all make room for the first, but no tick has dropped their counters.
        for stranger in strangers.clone().rev() {
            receive_as(&node, false, at(now), &one(500 * i32::from(now > 0) + stranger, P, 1))
                .unwrap();
        }
    }
    receive_as(&node, false, at(20_002), &one(1, P, 4)).unwrap();
    let live = counters(&node, 20_002, P).iter().filter(|&&counter| counter > 0).count();
    assert_eq!(live, 1);
    let pipe = node.pipe(at(20_002), P).unwrap();
    assert_eq!(pipe.remotes.iter().filter(|remote| remote.machine == machine(1)).count(), 1);
    node.tick(at(20_002));
    assert_eq!(counters(&node, 20_002, P), [4]);
}

/// In each round, pipes that have expired are sent again, by two nodes, while a tick takes them away.
#[test]
fn a_packet_that_races_with_a_removal_is_not_lost() {
    const ROUNDS: i32 = 3000;
    let parameters = config(|p| {
        p.expire_time = 1;
        p.repl_timer_expire = 1;
    });
    let node = RateLimit::new(parameters, at(0));
    let pipes = [&b"a"[..], b"b", b"c", b"a pipe whose name is long"];
    let barrier = Barrier::new(4);
    let now = |round: i32| at(u64::try_from(round).unwrap() * 10_000);
    std::thread::scope(|scope| {
        for sender in [2, 3] {
            let (node, barrier) = (&node, &barrier);
            scope.spawn(move || {
                for round in 1..=ROUNDS {
                    let bytes = write(Dialect::V22, sender, |writer| {
                        for pipe in pipes {
                            writer.str(pipe).int(1).int(100).int(round);
                        }
                    });
                    barrier.wait();
                    receive_as(node, true, now(round), &bytes).unwrap();
                    barrier.wait();
                    barrier.wait();
                }
            });
        }
        let ticker = scope.spawn(|| {
            for round in 1..=ROUNDS {
                barrier.wait();
                node.tick(now(round));
                barrier.wait();
                barrier.wait();
            }
        });
        let mut lost = Vec::new();
        for round in 1..=ROUNDS {
            barrier.wait();
            barrier.wait();
            for pipe in pipes {
                let status = node.pipe(now(round), pipe);
                let found: Vec<_> = status.iter().flat_map(|pipe| &pipe.remotes).collect();
                let all = found.len() == 2
                    && found.iter().all(|remote| remote.counter == round.unsigned_abs());
                if !all {
                    lost.push((round, status));
                }
            }
            barrier.wait();
        }
        ticker.join().unwrap();
        assert!(lost.is_empty(), "{} lost, first {:?}", lost.len(), lost.first());
    });
}

#[test]
fn everything_at_once_neither_blocks_nor_counts_twice() {
    const ROUNDS: i32 = 2000;
    let node = RateLimit::new(second(), at(0));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (node, done) = (&node, &done);
        let senders: Vec<_> = (0..4)
            .map(|thread| {
                // Two connections each, as on two threads of a transport.
                let sender = 2 + thread / 2;
                scope.spawn(move || {
                    for counter in 1..=ROUNDS {
                        tell(node, at(0), sender, P, counter);
                    }
                })
            })
            .collect();
        scope.spawn(move || {
            let key = NodeKey { cluster: ClusterId::new(1).unwrap(), machine: machine(2) };
            while !done.load(Ordering::Relaxed) {
                node.on_event(ModuleEvent::Timeout(key));
                node.tick(at(0));
                assert!(node.list(at(0)).len() <= 1 && node.peers().len() <= 2);
                assert!(counters(node, 0, P).len() <= 2);
            }
        });
        senders.into_iter().for_each(|thread| thread.join().unwrap());
        done.store(true, Ordering::Relaxed);
    });
    let taken: Vec<_> = node.peers().iter().map(|peer| (peer.packets, peer.pipes)).collect();
    let twice = 2 * u64::from(ROUNDS.unsigned_abs());
    assert_eq!(taken, [(twice, twice); 2]);
    for sender in [2, 3] {
        tell(&node, at(0), sender, P, 10);
    }
    assert_eq!(counters(&node, 0, P), [10, 10]);
    assert_eq!(node.check(at(0), P, 20, None), Ok(Decision::Limited));
}
