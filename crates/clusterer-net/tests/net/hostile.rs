//! Whatever a peer sends, it harms only itself (rows 9 and 13 to 17 of the behaviour table).

use crate::support::*;
use clusterer_bin::{Dialect, FieldError};
use std::io::Write;
use std::time::Duration;

/// A packet of ours with its declared length overwritten.
fn with_length(length: u16) -> Vec<u8> {
    let mut bytes = plain("m", 0).to_vec();
    bytes[4..6].copy_from_slice(&length.to_le_bytes());
    bytes
}

fn with_name_length(length: i32) -> Vec<u8> {
    let mut bytes = plain("m", 0).to_vec();
    bytes[12..16].copy_from_slice(&length.to_le_bytes());
    bytes
}

/// Others notice nothing, and the thread rests afterwards.
fn check_others(node: &Node, before: &mut std::net::TcpStream) {
    let valid = plain("valid", 0).to_vec();
    before.write_all(&valid).unwrap();
    node.connect().write_all(&valid).unwrap();
    node.await_packets("valid", 2);
    node.assert_idle();
}

fn closes_only_itself(bytes: &[u8], reason: &str) {
    let mut config = listening(&[("127.0.0.1:0", Dialect::V22)]);
    config.packet_timeout = Duration::from_millis(200);
    let node = Node::with(config);
    let mut other = node.connect();
    let mut hostile = node.connect();
    hostile.write_all(bytes).unwrap();
    await_end(&mut hostile);
    node.await_dropped(reason, 1);
    check_others(&node, &mut other);
}

#[test]
fn length_zero_closes_only_its_connection() {
    closes_only_itself(&with_length(0), "framing");
}

#[test]
fn length_five_closes_only_its_connection() {
    closes_only_itself(&with_length(5), "framing");
}

#[test]
fn a_wrong_marker_closes_only_its_connection() {
    closes_only_itself(b"P4CL\x14\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0", "framing");
}

#[test]
fn http_text_closes_only_its_connection() {
    closes_only_itself(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "framing");
}

#[test]
fn a_packet_shorter_than_its_length_closes_only_its_connection_after_a_while() {
    closes_only_itself(&with_length(65_535), "packet_timeout");
}

#[test]
fn what_comes_before_the_nonsense_is_used() {
    let node = Node::new();
    let mut peer = node.connect();
    let mut bytes = plain("valid", 0).to_vec();
    bytes.extend_from_slice(b"GET");
    peer.write_all(&bytes).unwrap();
    await_end(&mut peer);
    node.await_packets("valid", 1);
}

#[test]
fn an_unreadable_header_costs_only_its_packet() {
    for bytes in [with_name_length(-1), with_name_length(i32::MAX), with_name_length(3)] {
        let node = Node::new();
        let mut other = node.connect();
        let mut hostile = node.connect();
        hostile.write_all(&bytes).unwrap();
        hostile.write_all(&plain("after", 0).to_vec()).unwrap();
        let after = node.await_packets("after", 1);
        assert_eq!(after[0].source.peer, hostile.local_addr().unwrap());
        assert_eq!(node.malformed().len(), 1);
        node.await_dropped("malformed", 1);
        check_others(&node, &mut other);
    }
    assert!(matches!(
        clusterer_bin::Packet::parse(Dialect::V22, &with_name_length(-1)),
        Err(FieldError::NegativeLength { length: -1, .. })
    ));
}

#[test]
fn the_time_limit_is_a_packets_and_not_a_streams() {
    let mut config = listening(&[("127.0.0.1:0", Dialect::V22)]);
    config.packet_timeout = Duration::from_millis(400);
    let node = Node::with(config);
    let mut peer = node.connect();
    let bytes = plain("m", 0).to_vec();
    // Each write ends one packet and begins the next, for longer than the limit.
    peer.write_all(&bytes[..10]).unwrap();
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(60));
        peer.write_all(&bytes[10..]).unwrap();
        peer.write_all(&bytes[..10]).unwrap();
    }
    node.await_packets("m", 10);
    await_end(&mut peer);
    node.await_dropped("packet_timeout", 1);
}

#[test]
fn an_idle_stranger_is_closed_and_a_known_sender_is_not() {
    let mut config = listening(&[("127.0.0.1:0", Dialect::V22)]);
    config.stranger_idle = Duration::from_millis(200);
    let node = Node::with(config);
    let mut known = node.connect();
    known.write_all(&plain("m", 0).to_vec()).unwrap();
    known.write_all(&plain("stranger", 0).to_vec()).unwrap();
    node.await_packets("stranger", 1);
    let mut silent = node.connect();
    let mut stranger = node.connect();
    stranger.write_all(&plain("stranger", 1).to_vec()).unwrap();
    await_end(&mut stranger);
    await_end(&mut silent);
    known.write_all(&plain("m", 1).to_vec()).unwrap();
    node.await_packets("m", 2);
    node.await_metric("clusterer_bin_connections", Some("inbound"), 1);
    node.assert_idle();
}

#[test]
fn one_connection_too_many_is_closed_and_the_others_stay() {
    let mut config = listening(&[("127.0.0.1:0", Dialect::V22)]);
    config.max_connections = 2;
    let node = Node::with(config);
    let mut known = [node.connect(), node.connect()];
    for peer in &mut known {
        peer.write_all(&plain("m", 0).to_vec()).unwrap();
    }
    node.await_packets("m", 2);
    await_end(&mut node.connect());
    node.await_dropped("connection_limit", 1);
    known[0].write_all(&plain("m", 0).to_vec()).unwrap();
    node.await_packets("m", 3);

    let [_first, second] = known;
    drop(second);
    node.await_metric("clusterer_bin_connections", Some("inbound"), 1);
    node.connect().write_all(&plain("m", 1).to_vec()).unwrap();
    node.await_packets("m", 4);
}

#[test]
fn strangers_that_hold_all_connections_do_not_keep_a_node_out() {
    let mut config = listening(&[("127.0.0.1:0", Dialect::V22)]);
    config.max_connections = 3;
    let node = Node::with(config);
    let mut known = node.connect();
    known.write_all(&plain("m", 0).to_vec()).unwrap();
    node.await_packets("m", 1);
    let mut silent = node.connect();
    node.await_metric("clusterer_bin_connections", Some("inbound"), 2);
    // Millisecond by millisecond is how the transport sees who was silent the longest.
    std::thread::sleep(Duration::from_millis(20));
    let mut talking = node.connect();
    talking.write_all(&plain("stranger", 0).to_vec()).unwrap();
    node.await_packets("stranger", 1);

    let mut newcomer = node.connect();
    newcomer.write_all(&plain("m", 0).to_vec()).unwrap();
    node.await_packets("m", 2);
    await_end(&mut silent);
    node.await_dropped("connection_limit", 1);
    for peer in [&mut known, &mut newcomer, &mut talking] {
        peer.write_all(&plain("m", 0).to_vec()).unwrap();
    }
    node.await_packets("m", 5);
}

#[test]
fn answers_that_are_not_read_are_dropped_and_nothing_else_is() {
    let node = Node::new();
    let mut peer = node.connect();
    peer.set_write_timeout(Some(PATIENCE)).unwrap();
    let burst = plain("ping", 0).to_vec().repeat(5000);
    let mut sent = 0;
    while node.dropped("reply_full") == 0 {
        peer.write_all(&burst).unwrap();
        sent += 5000;
        assert!(sent < 5_000_000, "the kernel takes answers without end");
    }
    node.await_packets("ping", sent);
    let mut other = node.connect();
    check_others(&node, &mut other);
}

#[test]
fn connections_that_come_and_go_leave_nothing() {
    let node = Node::new();
    for _ in 0..300 {
        drop(node.connect());
    }
    node.connect().write_all(&plain("m", 0).to_vec()).unwrap();
    node.await_packets("m", 1);
    node.await_metric("clusterer_bin_connections", Some("inbound"), 0);
    node.assert_idle();
}
