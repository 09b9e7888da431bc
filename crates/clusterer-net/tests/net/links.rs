//! What becomes of links, and what is told of them.

use crate::support::*;
use clusterer_bin::Dialect;
use clusterer_net::{Command, LinkSpec, SendError, Transport};
use clusterer_node::{LinkEvent, LinkFailure, LinkId};
use socket2::SockRef;
use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// An address where nobody listens.
fn deserted() -> SocketAddr {
    raw_listener().1
}

#[test]
fn a_refused_attempt_is_one_failure() {
    let node = Node::new();
    let link = node.open(0, deserted());
    node.dial(link);
    node.await_events(&[LinkEvent::Failed(LinkFailure::Refused)]);
    node.assert_idle();
    node.dial(link);
    node.await_events(&[LinkEvent::Failed(LinkFailure::Refused); 2]);
    assert_eq!(node.numbers(), [0, 1]);
}

#[test]
fn an_attempt_that_fails_at_once_is_told_like_any_other() {
    let node = Node::new();
    let link = LinkId { index: 0, generation: 0 };
    // An address for documentation: no interface has it.
    let bind = Some("192.0.2.1".parse().unwrap());
    node.handle.command(Command::Open(LinkSpec { bind, ..spec(link, deserted()) }));
    node.dial(link);
    node.await_events(&[LinkEvent::Failed(LinkFailure::Unreachable)]);
}

#[test]
fn dialling_what_is_connected_changes_nothing() {
    let (a, b) = (Node::new(), Node::new());
    let link = a.link_to(b.address());
    a.dial(link);
    a.handle.send_control(link, plain("ping", 0)).unwrap();
    a.await_packets("pong", 1);
    a.await_events(&[LinkEvent::Connected]);
}

#[test]
fn a_peer_that_closes_in_order_is_told_once_and_the_queue_is_kept() {
    let node = Node::new();
    let (listener, address) = raw_listener();
    let link = node.link_to(address);
    drop(accept(&listener));
    node.await_events(&[LinkEvent::Connected, LinkEvent::Closed]);
    for command in 0..3 {
        node.handle.send(link, plain("m", command)).unwrap();
    }
    assert_eq!(node.handle.queued_bytes(link), 3 * plain("m", 0).len());
    node.assert_idle();
    node.dial(link);
    let mut peer = accept(&listener);
    let received = read_packets(&mut peer, 3);
    assert_eq!(received, [("m".into(), 0), ("m".into(), 1), ("m".into(), 2)]);
    node.await_events(&[LinkEvent::Connected, LinkEvent::Closed, LinkEvent::Connected]);
    assert_eq!(node.numbers(), [0, 0, 1]);
}

#[test]
fn a_reset_is_a_failure() {
    let node = Node::new();
    let (listener, address) = raw_listener();
    node.link_to(address);
    let peer = accept(&listener);
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    node.await_events(&[LinkEvent::Connected, LinkEvent::Failed(LinkFailure::Reset)]);
    node.assert_idle();
}

#[test]
fn hanging_up_is_silent_and_keeps_the_queue() {
    let node = Node::new();
    let (listener, address) = raw_listener();
    let link = node.link_to(address);
    let mut peer = accept(&listener);
    node.handle.command(Command::Hangup(link));
    await_end(&mut peer);
    node.handle.send(link, plain("m", 0)).unwrap();
    node.dial(link);
    let mut peer = accept(&listener);
    assert_eq!(read_packets(&mut peer, 1), [("m".into(), 0)]);
    node.await_events(&[LinkEvent::Connected, LinkEvent::Connected]);
}

#[test]
fn an_attempt_that_was_hung_up_is_never_told_of() {
    let node = Node::new();
    let (silence, address) = silent_listener();
    let (hung_up, waiting) = (node.open(0, address), node.open(1, address));
    node.dial(hung_up);
    node.dial(waiting);
    // Something that is told proves that the attempts are under way.
    let other = node.open(2, deserted());
    node.dial(other);
    node.await_events(&[LinkEvent::Failed(LinkFailure::Refused)]);
    node.handle.command(Command::Hangup(hung_up));
    drop(silence);
    // The kernel asks again within seconds, and is refused.
    wait("the other attempt to fail", || node.last_event_of(waiting).is_some());
    assert_eq!(node.last_event_of(waiting), Some(LinkEvent::Failed(LinkFailure::Refused)));
    assert_eq!(node.last_event_of(hung_up), None);
}

#[test]
fn a_peer_that_acknowledges_nothing_times_out() {
    let node = Node::new();
    let (_silence, address) = silent_listener();
    let link = LinkId { index: 0, generation: 0 };
    let user_timeout = Duration::from_millis(300);
    node.handle.command(Command::Open(LinkSpec { user_timeout, ..spec(link, address) }));
    node.dial(link);
    node.await_events(&[LinkEvent::Failed(LinkFailure::TimedOut)]);
}

#[test]
fn a_time_limit_beyond_what_the_kernel_takes_hinders_no_dial() {
    let node = Node::new();
    let (_listener, address) = raw_listener();
    let more = Duration::from_millis(1 << 31);
    for (index, user_timeout) in (0..).zip([more, Duration::MAX]) {
        let link = LinkId { index, generation: 0 };
        node.handle.command(Command::Open(LinkSpec { user_timeout, ..spec(link, address) }));
        node.dial(link);
    }
    node.await_events(&[LinkEvent::Connected, LinkEvent::Connected]);
}

#[test]
fn hanging_up_and_dialling_at_once_makes_a_new_connection() {
    let node = Node::new();
    let (listener, address) = raw_listener();
    let link = node.link_to(address);
    let mut first = accept(&listener);
    node.handle.command(Command::Hangup(link));
    node.dial(link);
    let _second = accept(&listener);
    await_end(&mut first);
    node.await_events(&[LinkEvent::Connected, LinkEvent::Connected]);
    assert_eq!(node.numbers(), [0, 1]);
}

#[test]
fn a_closed_link_is_gone_with_its_queue_and_its_slot_can_be_used_again() {
    let node = Node::new();
    let (listener, address) = raw_listener();
    let old = node.open(0, address);
    for command in 0..5 {
        node.handle.send(old, plain("old", command)).unwrap();
    }
    node.handle.command(Command::Close(old));
    assert_eq!(node.dropped("link_closed"), 5);
    assert_eq!(node.handle.send(old, plain("old", 0)), Err(SendError::UnknownLink));
    assert_eq!(node.handle.queued_bytes(old), 0);

    let new = LinkId { generation: old.generation + 1, ..old };
    node.handle.command(Command::Open(spec(new, address)));
    node.dial(old);
    node.dial(new);
    node.handle.send(new, plain("new", 0)).unwrap();
    assert_eq!(read_packets(&mut accept(&listener), 1), [("new".into(), 0)]);
    assert_eq!(node.last_event_of(old), None);
    node.await_metric("clusterer_bin_link_queue_bytes", None, 0);
}

#[test]
fn closing_a_connected_link_is_silent() {
    let node = Node::new();
    let (listener, address) = raw_listener();
    let link = node.link_to(address);
    let mut peer = accept(&listener);
    node.handle.command(Command::Close(link));
    await_end(&mut peer);
    node.await_events(&[LinkEvent::Connected]);
    node.await_metric("clusterer_bin_connections", Some("outbound"), 0);
}

#[test]
fn opening_a_link_again_closes_the_former() {
    let node = Node::new();
    let (listener, address) = raw_listener();
    let link = node.link_to(address);
    let mut first = accept(&listener);
    assert_eq!(node.open(0, address), link);
    node.handle.send(link, plain("m", 0)).unwrap();
    await_end(&mut first);
    node.dial(link);
    assert_eq!(read_packets(&mut accept(&listener), 1), [("m".into(), 0)]);
}

#[test]
fn a_packet_cut_off_by_a_lost_connection_is_sent_again_whole() {
    let node = Node::new();
    let (listener, address) = raw_listener();
    let link = node.link_to(address);
    let peer = accept(&listener);
    let length = packet(Dialect::V22, "m", 0, 50_000).len() as u64;
    let mut queued = 0;
    while node.handle.send(link, packet(Dialect::V22, "m", queued, 50_000)).is_ok() {
        queued += 1;
    }
    // The kernel takes what it can: some packets, and a part of one more.
    let sent = || node.metric("clusterer_bin_sent_bytes_total", None);
    let mut before = 0;
    wait("the kernel's buffers to fill", || {
        std::thread::sleep(Duration::from_millis(100));
        std::mem::replace(&mut before, sent()) == sent() && before > 0
    });
    drop(peer);
    node.await_events(&[LinkEvent::Connected, LinkEvent::Failed(LinkFailure::Reset)]);
    // The turn that told of it wrote nothing any more, so these figures are the last.
    let whole = sent() / length;
    assert_ne!(sent() % length, 0, "no packet was cut off: choose another length");

    node.dial(link);
    let received = read_packets(&mut accept(&listener), queued as usize - whole as usize);
    assert!(received.into_iter().map(|(_, command)| command).eq(whole as i32..queued));
}

#[test]
fn a_full_queue_says_so_at_either_limit() {
    let mut config = listening(&[]);
    config.link_queue_bytes = 10 * plain("m", 0).len();
    config.link_queue_packets = 4;
    let node = Node::with(config);
    let link = node.open(0, deserted());
    for command in 0..4 {
        node.handle.send(link, plain("m", command)).unwrap();
    }
    let queued = 4 * plain("m", 0).len();
    assert_eq!(node.handle.send(link, plain("m", 4)), Err(SendError::Full { queued }));

    let other = node.open(1, deserted());
    let big = packet(Dialect::V22, "m", 0, 9 * plain("m", 0).len());
    node.handle.send(other, big.clone()).unwrap();
    let queued = big.len();
    assert_eq!(node.handle.send(other, plain("m", 4)), Err(SendError::Full { queued }));
    assert_eq!(node.dropped("queue_full"), 2);
    let queued = 14 * plain("m", 0).len() as u64;
    node.await_metric("clusterer_bin_link_queue_bytes", None, queued);
}

#[test]
fn a_control_packet_for_nobody_is_dropped_and_counted() {
    let node = Node::new();
    let link = node.open(0, deserted());
    assert_eq!(node.handle.send_control(link, plain("ping", 0)), Ok(()));
    assert_eq!(node.dropped("not_connected"), 1);
    let unknown = LinkId { index: 9, generation: 9 };
    assert_eq!(node.handle.send_control(unknown, plain("ping", 0)), Err(SendError::UnknownLink));
}

#[test]
fn bytes_that_are_no_packets_fail_a_link() {
    let node = Node::new();
    let (listener, address) = raw_listener();
    let link = node.link_to(address);
    let mut peer = accept(&listener);
    peer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    await_end(&mut peer);
    node.await_events(&[LinkEvent::Connected, LinkEvent::Failed(LinkFailure::Protocol)]);
    node.dial(link);
    accept(&listener);
    wait("the second connection", || node.events().len() >= 3);
}

#[test]
fn many_links_are_opened_and_closed_in_no_more_than_their_share_of_time() {
    let node = Node::new();
    let address = deserted();
    let begin = Instant::now();
    let links: Vec<LinkId> = (0..20_000).map(|index| node.open(index, address)).collect();
    for link in links {
        node.handle.command(Command::Close(link));
    }
    // A second here without optimization; when each change copied all links, about 25.
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}
