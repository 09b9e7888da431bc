//! Packets: byte for byte what real nodes sent, and nothing that a peer sends breaks anything.

use crate::cluster::{at, context, encode, machine, receive, second, sent, tell, write};
use clusterer_bin::{Dialect, Origin, Packet, PacketWriter};
use clusterer_ratelimit::{Algorithm, Decision, MAX_NAME, MODULE, RateLimit};
use clusterer_registry::{ClusterModule, Malformed};
use proptest::prelude::*;

const HEARTBEAT: &[u8] = include_bytes!("packets/rl_pipe_counter_33B.bin");
const ONE: &[u8] = include_bytes!("packets/rl_pipe_counter_51B.bin");
const TWO: &[u8] = include_bytes!("packets/rl_pipe_counter_72B.bin");
const THREE: &[u8] = include_bytes!("packets/rl_pipe_counter_96B.bin");
const LATER: &[u8] = include_bytes!("packets/rl_4.0_73B.bin");

/// Pipes, and how many calls into each.
type Calls<'a> = &'a [(&'a [u8], usize)];

/// Calls, then what a tick makes of them.
fn called(calls: Calls<'_>) -> RateLimit {
    let node = RateLimit::new(second(), at(0));
    for &(pipe, times) in calls {
        // A pipe is sent once it is used: one call that is taken back.
        node.check(at(0), pipe, 100, None).unwrap();
        node.dec(pipe).unwrap();
        for _ in 0..times {
            node.check(at(0), pipe, 100, None).unwrap();
        }
    }
    node.tick(at(1000));
    node
}

#[test]
fn what_is_sent_equals_what_2_2_nodes_sent() {
    let cases: [(Calls<'_>, &[u8]); 4] = [
        (&[], HEARTBEAT),
        (&[(b"p1", 0)], ONE),
        (&[(b"p1", 20), (b"pipe2", 0)], TWO),
        (&[(b"p1", 0), (b"inv_fwd1", 0), (b"pipe2", 4)], THREE),
    ];
    // Their order of pipes is that of their hash table: ours is the same for these names by chance.
    for (calls, bytes) in cases {
        assert_eq!(sent(&called(calls), 1, at(1000)), [bytes]);
    }
}

#[test]
fn what_2_2_nodes_sent_makes_its_pipes() {
    let node = RateLimit::new(second(), at(0));
    for (now, bytes) in [(1, HEARTBEAT), (2, ONE), (3, TWO), (4, THREE)] {
        receive(&node, at(now), bytes).unwrap();
    }
    let pipes: Vec<_> = node
        .list(at(4))
        .iter()
        .map(|pipe| {
            assert_eq!((pipe.algorithm, pipe.limit), (Algorithm::TailDrop, 100));
            let [remote] = pipe.remotes[..] else { panic!("one sender") };
            assert_eq!((remote.machine, remote.received), (machine(1), at(4)));
            (pipe.name.to_vec(), remote.counter)
        })
        .collect();
    assert_eq!(pipes, [(b"inv_fwd1".to_vec(), 0), (b"p1".to_vec(), 0), (b"pipe2".to_vec(), 4)]);
    let peer = node.peers()[0];
    assert_eq!((peer.machine, peer.packets, peer.pipes), (machine(1), 4, 6));
    assert_eq!((peer.skipped, peer.last_packet), (0, at(4)));
}

#[test]
fn the_later_dialect_is_read_and_written_too() {
    let node = called(&[(b"rl-alpha", 3)]);
    node.replicate(at(1000), &mut |batch| assert_eq!(encode(Dialect::V24, 1, batch), LATER));
    let other = RateLimit::new(second(), at(0));
    let packet = Packet::parse(Dialect::V24, LATER).unwrap();
    other.on_packet(&context(1, true, at(0)), &packet).unwrap();
    assert_eq!(other.pipe(at(0), b"rl-alpha").unwrap().remotes[0].counter, 3);
}

#[test]
fn sbt_sends_its_own_window_as_it_is_when_it_is_sent() {
    let node = RateLimit::new(second(), at(0));
    tell(&node, at(0), 2, b"s", 40);
    for now in [100, 300] {
        node.check(at(now), b"t", 9, Some(Algorithm::Sbt)).unwrap();
    }
    tell(&node, at(300), 2, b"t", 40);
    let expected = |counter| {
        write(Dialect::V22, 1, |writer| {
            writer.str(b"t").int(5).int(9).int(counter);
        })
    };
    for (now, own) in [(300, 2), (9_999, 2), (10_000, 1), (10_200, 0)] {
        assert_eq!(sent(&node, 1, at(now)), [expected(own)], "{now}");
    }
}

#[test]
fn all_of_3030_pipes_arrive() {
    let (from, to) = (RateLimit::new(second(), at(0)), RateLimit::new(second(), at(0)));
    for number in 0..3030 {
        from.check(at(0), format!("pipe{number}").as_bytes(), 100, None).unwrap();
    }
    let packets = sent(&from, 1, at(0));
    assert!(packets.len() > 40 && packets.iter().all(|packet| packet.len() <= 1400 + 16 + 8));
    for packet in packets {
        receive(&to, at(0), &packet).unwrap();
    }
    assert_eq!(to.list(at(0)).len(), 3030);
}

#[test]
fn run_due_ticks_before_it_sends_and_keeps_step() {
    let node = RateLimit::new(second(), at(0));
    assert_eq!(node.deadline(), at(100));
    node.check(at(0), b"p1", 100, None).unwrap();
    let counters = |now| {
        let mut counters = Vec::new();
        node.run_due(at(now), &mut |batch| {
            let bytes = encode(Dialect::V22, 1, batch);
            counters.push(i32::from_le_bytes(*bytes.last_chunk().unwrap()));
        });
        counters
    };
    assert_eq!(counters(99), [0; 0]);
    assert_eq!(counters(100), [0]);
    assert_eq!(counters(950), [0], "missed ones are not made up for");
    assert_eq!(node.deadline(), at(1000));
    assert_eq!(counters(1000), [1], "the tick comes first");
    assert_eq!(node.deadline(), at(1100));
}

#[test]
fn a_pipe_that_makes_no_sense_is_skipped_and_its_neighbours_are_taken() {
    let long = [b'x'; MAX_NAME + 1];
    let bad: [(&[u8], i32, i32, i32); 7] = [
        (b"", 1, 1, 1),
        (&long, 1, 1, 1),
        (b"x", -1, 1, 1),
        (b"x", 6, 1, 1),
        (b"x", 1, -1, 1),
        (b"x", 1, 1, -1),
        (b"x", 1, i32::MIN, i32::MIN),
    ];
    for (name, algorithm, limit, counter) in bad {
        let node = RateLimit::new(second(), at(0));
        let bytes = write(Dialect::V22, 2, |writer| {
            writer.str(b"a").int(1).int(1).int(1);
            writer.str(name).int(algorithm).int(limit).int(counter);
            writer.str(b"z").int(0).int(1).int(i32::MAX);
        });
        assert_eq!(receive(&node, at(0), &bytes), Ok(()));
        let names: Vec<_> = node.list(at(0)).iter().map(|pipe| pipe.name.to_vec()).collect();
        assert_eq!(names, [b"a", b"z"], "{algorithm} {limit} {counter}");
        assert_eq!((node.peers()[0].pipes, node.peers()[0].skipped), (2, 1));
        assert_eq!(node.check(at(0), b"z", i32::MAX, None), Ok(Decision::Limited));
    }
}

#[test]
fn a_field_error_ends_the_packet_and_the_pipes_before_it_stay() {
    for cut in 1..18 {
        let node = RateLimit::new(second(), at(0));
        let mut bytes = write(Dialect::V22, 2, |writer| {
            writer.str(b"a").int(1).int(1).int(1);
            writer.str(b"bb").int(1).int(1).int(1);
        });
        bytes.truncate(bytes.len() - cut);
        assert!(matches!(receive(&node, at(0), &bytes), Err(Malformed::Field(_))), "{cut}");
        assert_eq!(node.list(at(0)).len(), 1, "{cut}");
        assert_eq!(node.peers()[0].pipes, 1);
    }
    let node = RateLimit::new(second(), at(0));
    for length in [-1, i32::MIN, 1 << 20] {
        let bytes = write(Dialect::V22, 2, |writer| {
            writer.int(length).int(0);
        });
        assert!(matches!(receive(&node, at(0), &bytes), Err(Malformed::Field(_))), "{length}");
    }
}

#[test]
fn another_command_is_malformed() {
    let node = RateLimit::new(second(), at(0));
    let origin = Origin { sender: 2, cluster: 1 };
    let writer = PacketWriter::new(Dialect::V22, MODULE, 1, origin);
    let bytes = writer.finish(1).unwrap().to_vec();
    assert!(matches!(receive(&node, at(0), &bytes), Err(Malformed::Value(_))));
}

proptest! {
    #[test]
    fn no_bytes_break_it(body in prop::collection::vec(any::<u8>(), 0..200), cuts in 0_usize..97) {
        let node = RateLimit::new(second(), at(0));
        for dialect in [Dialect::V22, Dialect::V24] {
            let bytes = write(dialect, 2, |writer| {
                writer.raw(&THREE[33..33 + cuts.min(63)]).raw(&body);
            });
            let packet = Packet::parse(dialect, &bytes).unwrap();
            let _ = node.on_packet(&context(2, true, at(0)), &packet);
        }
        node.tick(at(1000));
        prop_assert!(node.list(at(1000)).iter().all(|pipe| !pipe.name.is_empty()));
    }

    #[test]
    fn what_is_sent_arrives(
        pipes in prop::collection::btree_map(prop::collection::vec(any::<u8>(), 1..20), (0_i32.., 1_usize..9), 0..40),
    ) {
        let (from, to) = (RateLimit::new(second(), at(0)), RateLimit::new(second(), at(0)));
        for (name, &(limit, calls)) in &pipes {
            for _ in 0..calls {
                from.check(at(0), name, limit, None).unwrap();
            }
        }
        from.tick(at(1000));
        for packet in sent(&from, 1, at(1000)) {
            prop_assert_eq!(receive(&to, at(1000), &packet), Ok(()));
        }
        let arrived: Vec<_> = to.list(at(1000)).iter()
            .map(|pipe| (pipe.name.to_vec(), pipe.limit, pipe.remotes[0].counter))
            .collect();
        let expected: Vec<_> = pipes.into_iter()
            .map(|(name, (limit, calls))| (name, limit.unsigned_abs(), u32::try_from(calls).unwrap()))
            .collect();
        prop_assert_eq!(arrived, expected);
    }
}
