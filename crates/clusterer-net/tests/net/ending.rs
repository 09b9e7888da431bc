//! How a transport begins and ends.

use crate::support::*;
use clusterer_bin::Dialect;
use clusterer_net::{Net, SendError, Transport};
use clusterer_node::LinkId;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn an_address_in_use_is_named_and_nothing_stays_bound() {
    let (_taken, address) = raw_listener();
    let taken = address.to_string();
    let free = raw_listener().1;
    let config = listening(&[(&free.to_string(), Dialect::V22), (&taken, Dialect::V22)]);
    let error = Net::bind(config).unwrap_err();
    assert_eq!((error.address, error.error.kind()), (address, ErrorKind::AddrInUse));
    assert!(error.to_string().starts_with(&format!("cannot listen on {taken}: ")), "{error}");
    assert_eq!(TcpStream::connect(free).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn shutting_down_writes_what_is_queued() {
    let mut node = Node::new();
    let (listener, address) = raw_listener();
    let link = node.link_to(address);
    let mut peer = accept(&listener);
    let mut sent = 0;
    while node.handle.send(link, packet(Dialect::V22, "m", sent, 1000)).is_ok() {
        sent += 1;
    }
    let reader = thread::spawn(move || read_packets(&mut peer, usize::MAX));
    node.net.take().unwrap().shutdown(PATIENCE);
    let received = reader.join().unwrap();
    assert!(received.into_iter().map(|(_, command)| command).eq(0..sent));
    assert_eq!(node.dropped("stopped"), 0);
}

#[test]
fn shutting_down_waits_no_longer_than_told() {
    let mut node = Node::new();
    let (listener, address) = raw_listener();
    let link = node.link_to(address);
    let _peer = accept(&listener);
    fill_for_good(&node, link);
    let away = node.open(1, raw_listener().1);
    node.handle.send(away, plain("m", 0)).unwrap();
    let begin = Instant::now();
    node.net.take().unwrap().shutdown(Duration::from_millis(200));
    assert!(begin.elapsed() >= Duration::from_millis(200));
    assert!(begin.elapsed() < PATIENCE);
    assert!(node.dropped("stopped") > 1);
    assert_eq!(node.handle.send(link, plain("m", 0)), Err(SendError::Stopped));
    assert_eq!(node.handle.queued_bytes(link), 0);
    assert_eq!(node.metric("clusterer_bin_link_queue_bytes", None), 0);
}

/// Sends until the system takes no more either: a queue that is full only because the transport has not had
/// its turn yet would go out whole.
fn fill_for_good(node: &Node, link: LinkId) {
    let mut refused = 0;
    while refused < 50 {
        match node.handle.send(link, packet(Dialect::V22, "m", 0, 1000)) {
            Ok(()) => refused = 0,
            Err(_) => {
                refused += 1;
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

#[test]
fn shutting_down_waits_for_no_link_that_is_away() {
    let mut node = Node::new();
    let link = node.open(0, raw_listener().1);
    node.handle.send(link, plain("m", 0)).unwrap();
    let begin = Instant::now();
    node.net.take().unwrap().shutdown(PATIENCE * 10);
    assert!(begin.elapsed() < PATIENCE);
    assert_eq!(node.dropped("stopped"), 1);
}

#[test]
fn dropping_stops_without_waiting() {
    let mut node = Node::new();
    let address = node.address();
    let (listener, peer) = raw_listener();
    let link = node.link_to(peer);
    let mut peer = accept(&listener);
    while node.handle.send(link, packet(Dialect::V22, "m", 0, 1000)).is_ok() {}
    drop(node.net.take());
    assert_eq!(node.handle.send(link, plain("m", 0)), Err(SendError::Stopped));
    await_end(&mut peer);
    wait("the port to be free", || TcpStream::connect(address).is_err());
}

#[test]
fn a_panic_in_a_callback_ends_the_transport_and_senders_are_told() {
    let node = Node::new();
    let link = node.open(0, raw_listener().1);
    node.handle.send(link, plain("m", 0)).unwrap();
    let mut peer = node.connect();
    peer.write_all(&plain("bomb", 0).to_vec()).unwrap();
    await_end(&mut peer);
    wait("the end", || node.handle.send(link, plain("m", 0)) == Err(SendError::Stopped));
}
