//! Packets get where they should, in order, and nobody waits for anybody else.

use crate::THREADS;
use crate::support::*;
use clusterer_bin::Dialect;
use clusterer_net::{Command, LinkSpec, SendError, Transport};
use clusterer_node::{LinkEvent, LinkId};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

#[test]
fn packets_arrive_in_order_both_ways() {
    let (a, b) = (Node::new(), Node::new());
    let to_b = a.link_to(b.address());
    let to_a = b.link_to(a.address());
    for command in 0..2000 {
        a.handle.send(to_b, packet(Dialect::V22, "m", command, 100)).unwrap();
        b.handle.send(to_a, plain("m", command)).unwrap();
    }
    for node in [&a, &b] {
        let commands: Vec<_> =
            node.await_packets("m", 2000).iter().map(|seen| seen.command).collect();
        assert!(commands.into_iter().eq(0..2000));
    }
    a.await_metric("clusterer_bin_sent_packets_total", None, 2000);
    b.await_metric("clusterer_bin_received_packets_total", None, 2000);
    let sent = a.metric("clusterer_bin_sent_bytes_total", None);
    b.await_metric("clusterer_bin_received_bytes_total", None, sent);
    a.await_metric("clusterer_bin_connections", Some("inbound"), 1);
    a.await_metric("clusterer_bin_connections", Some("outbound"), 1);
    a.await_metric("clusterer_bin_link_queue_bytes", None, 0);
    assert_eq!(a.handle.queued_bytes(to_b), 0);
    a.assert_idle();
}

#[test]
fn many_threads_send_without_losing_any() {
    let (a, b) = (Node::new(), Node::new());
    let link = a.link_to(b.address());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for command in 0..2500 {
                    while a.handle.send(link, plain("flood", command)).is_err() {
                        thread::yield_now();
                    }
                }
            });
        }
    });
    wait("all packets", || b.seen.flood.load(Ordering::Relaxed) == 10_000);
}

#[test]
fn an_answer_comes_on_the_connection_of_its_question() {
    let (a, b) = (Node::new(), Node::new());
    let link = a.link_to(b.address());
    a.handle.send_control(link, plain("ping", 7)).unwrap();
    let pong = &a.await_packets("pong", 1)[0];
    assert_eq!((pong.command, pong.source.link), (7, Some(link)));
    assert_eq!(pong.source.peer, b.address());
    let ping = &b.packets("ping")[0];
    assert_eq!(ping.source.peer, pong.source.local);
    assert_eq!((ping.source.local, ping.source.link), (b.address(), None));
}

#[test]
fn a_dialled_connection_answers_too() {
    let a = Node::new();
    let (listener, address) = raw_listener();
    a.link_to(address);
    let mut peer = accept(&listener);
    peer.write_all(&plain("ping", 3).to_vec()).unwrap();
    assert_eq!(read_packets(&mut peer, 1), [("pong".into(), 3)]);
}

#[test]
fn a_peer_that_ends_its_side_still_gets_its_answer() {
    let node = Node::new();
    let mut peer = node.connect();
    peer.write_all(&plain("ping", 3).to_vec()).unwrap();
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read_packets(&mut peer, usize::MAX), [("pong".into(), 3)]);
}

#[test]
fn a_packet_and_the_end_behind_it_are_found_together() {
    let node = Node::new();
    // On the same thread: each gets one in turn.
    let mut keeping = node.connect();
    let _others: Vec<_> = (1..THREADS).map(|_| node.connect()).collect();
    let mut ending = node.connect();
    for peer in [&mut keeping, &mut ending] {
        peer.write_all(&plain("m", 0).to_vec()).unwrap();
    }
    node.await_packets("m", 2);
    let kept = node.seen.keep();
    keeping.write_all(&plain("m", 1).to_vec()).unwrap();
    wait("the thread to be kept", || unread(&keeping) == 0);
    ending.write_all(&plain("m", 1).to_vec()).unwrap();
    drop(ending);
    drop(kept);
    node.await_packets("m", 4);
    node.await_metric("clusterer_bin_connections", Some("inbound"), THREADS as u64);
}

#[test]
fn listens_on_several_addresses_of_both_families_each_in_its_dialect() {
    let config = listening(&[
        ("127.0.0.1:0", Dialect::V22),
        ("[::1]:0", Dialect::V24),
        ("0.0.0.0:0", Dialect::V24),
    ]);
    let (sender, node) = (Node::new(), Node::with(config));
    let mut addresses = node.handle.local_addresses();
    addresses[2].set_ip(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3)));
    let dialects = [Dialect::V22, Dialect::V24, Dialect::V24];
    for (index, (&peer, dialect)) in addresses.iter().zip(dialects).enumerate() {
        let link = LinkId { index: index as u32, generation: 0 };
        let spec = LinkSpec { dialect, ..spec(link, peer) };
        sender.handle.command(Command::Open(spec));
        sender.dial(link);
        sender.handle.send(link, packet(dialect, "m", index as i32, 0)).unwrap();
    }
    let mut packets = node.await_packets("m", 3);
    packets.sort_by_key(|seen| seen.command);
    for ((seen, local), dialect) in packets.iter().zip(addresses).zip(dialects) {
        assert_eq!((seen.source.local, seen.source.dialect), (local, dialect));
    }
}

#[test]
fn the_source_address_is_the_one_asked_for() {
    let (a, b) = (Node::new(), Node::new());
    let link = LinkId { index: 0, generation: 0 };
    let local: IpAddr = "127.0.0.2".parse().unwrap();
    a.handle.command(Command::Open(LinkSpec { bind: Some(local), ..spec(link, b.address()) }));
    a.dial(link);
    a.handle.send(link, plain("m", 0)).unwrap();
    assert_eq!(b.await_packets("m", 1)[0].source.peer.ip(), local);
}

#[test]
fn a_byte_by_byte_sender_is_understood() {
    let node = Node::new();
    let mut peer = node.connect();
    peer.set_nodelay(true).unwrap();
    // More reads than those after which a 2.2 node gives up.
    let bytes = packet(Dialect::V22, "slow", 1, 300).to_vec();
    for byte in &bytes {
        peer.write_all(&[*byte]).unwrap();
        thread::yield_now();
    }
    assert_eq!(node.await_packets("slow", 1)[0].bytes, bytes);
    node.assert_idle();
}

#[test]
fn the_longest_packets_arrive_whole() {
    let (a, b) = (Node::new(), Node::new());
    let link = a.link_to(b.address());
    let header = plain("m", 0).len();
    let longest = packet(Dialect::V22, "m", 0, Dialect::V22.max_packet() - header);
    for _ in 0..40 {
        a.handle.send(link, longest.clone()).unwrap();
    }
    let expected = longest.to_vec();
    assert_eq!(expected.len(), 65_535);
    assert!(b.await_packets("m", 40).iter().all(|seen| seen.bytes == expected));
}

#[test]
fn a_control_packet_overtakes_queued_traffic() {
    let a = Node::new();
    let (listener, address) = raw_listener();
    let link = a.link_to(address);
    let mut peer = accept(&listener);
    let mut sent = 0;
    let full = loop {
        match a.handle.send(link, packet(Dialect::V22, "m", sent, 1000)) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, SendError::Full { queued } if queued > 4_000_000));
    a.handle.send_control(link, plain("ping", 0)).unwrap();
    let received = read_packets(&mut peer, sent as usize + 1);
    let at = received.iter().position(|(module, _)| module == "ping").unwrap();
    assert!(at < received.len() / 2, "the ping was packet {at} of {}", received.len());
    let traffic = received.iter().filter(|(module, _)| module == "m").map(|&(_, n)| n);
    assert!(traffic.eq(0..sent));
}

#[test]
fn a_flood_on_one_connection_starves_no_other() {
    let node = Node::new();
    let flooding = AtomicBool::new(true);
    let stop = OnDrop(|| flooding.store(false, Ordering::Relaxed));
    let burst = plain("flood", 0).to_vec().repeat(2000);
    thread::scope(|scope| {
        // However this ends, the flood does.
        let _stop = stop;
        for _ in 0..2 {
            let mut peer = node.connect();
            let (flooding, burst) = (&flooding, &burst);
            scope.spawn(move || {
                while flooding.load(Ordering::Relaxed) {
                    if peer.write_all(burst).is_err() {
                        break;
                    }
                }
            });
        }
        wait("the flood", || node.seen.flood.load(Ordering::Relaxed) > 10_000);
        let mut quiet = node.connect();
        for command in 0..20 {
            quiet.write_all(&plain("quiet", command).to_vec()).unwrap();
            node.await_packets("quiet", command as usize + 1);
        }
    });
}

#[test]
fn what_a_connected_callback_sends_goes_out_first() {
    let a = Node::new();
    let (listener, address) = raw_listener();
    a.greet_with(plain("hello", 0));
    let link = a.open(0, address);
    a.handle.send(link, plain("waiting", 1)).unwrap();
    a.dial(link);
    let mut peer = accept(&listener);
    let received = read_packets(&mut peer, 2);
    assert_eq!(received, [("hello".into(), 0), ("waiting".into(), 1)]);
    a.await_events(&[LinkEvent::Connected]);
}

#[test]
fn two_transports_share_nothing() {
    let nodes = Arc::new([Node::new(), Node::new(), Node::new()]);
    let link = nodes[0].link_to(nodes[1].address());
    nodes[0].handle.send(link, plain("m", 0)).unwrap();
    nodes[1].await_packets("m", 1);
    assert_eq!(nodes[2].handle.send(link, plain("m", 0)), Err(SendError::UnknownLink));
    assert_eq!(nodes[2].metric("clusterer_bin_received_packets_total", None), 0);
}
