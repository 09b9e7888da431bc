//! What is shared out among the threads of a transport, and what they do together.

use crate::THREADS;
use crate::support::*;
use clusterer_bin::Dialect;
use clusterer_net::{SendError, Transport};
use clusterer_node::{LinkEvent, LinkId};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;

/// One for each thread, which gets them in turn.
fn connect_to_each(node: &Node) -> Vec<TcpStream> {
    (0..THREADS).map(|_| node.connect()).collect()
}

/// Links with the indices from 0 on, connected.
fn links_to(node: &Node, peer: SocketAddr, count: usize) -> Vec<LinkId> {
    let links: Vec<_> = (0..count).map(|index| node.open(index as u32, peer)).collect();
    links.iter().for_each(|&link| node.dial(link));
    node.await_events(&vec![LinkEvent::Connected; count]);
    links
}

#[test]
fn each_thread_has_its_share_of_connections_and_keeps_the_order_of_each() {
    let node = Node::new();
    let count = 4 * THREADS;
    thread::scope(|scope| {
        for mut peer in (0..count).map(|_| node.connect()) {
            scope.spawn(move || {
                for command in 0..500 {
                    // Some in a packet's middle, so that they come in pieces.
                    let bytes = packet(Dialect::V22, "m", command, 50).to_vec();
                    let (begin, end) = bytes.split_at(command as usize % bytes.len());
                    peer.write_all(begin).unwrap();
                    peer.write_all(end).unwrap();
                }
            });
        }
    });
    let mut next = BTreeMap::new();
    for seen in node.await_packets("m", 500 * count) {
        let next = next.entry(seen.source.peer).or_insert(0);
        assert_eq!(seen.command, *next, "of {}", seen.source.peer);
        *next += 1;
    }
    assert_eq!(next.len(), count);
    assert_eq!(node.seen.threads(), THREADS);
}

#[test]
fn each_link_keeps_its_order_and_all_are_told_of() {
    let (a, b) = (Node::new(), Node::new());
    let links = links_to(&a, b.address(), 2 * THREADS);
    assert_eq!(a.seen.threads(), THREADS);
    for command in 0..500 {
        for &link in &links {
            a.handle.send(link, plain("m", command)).unwrap();
        }
    }
    let mut next = BTreeMap::new();
    for seen in b.await_packets("m", 500 * links.len()) {
        let next = next.entry(seen.source.peer).or_insert(0);
        assert_eq!(seen.command, *next, "of {}", seen.source.peer);
        *next += 1;
    }
    assert_eq!(next.len(), links.len());
}

#[test]
fn silent_connections_of_every_thread_forget_when_told_to() {
    let node = Node::new();
    let mut peers = connect_to_each(&node);
    for peer in &mut peers {
        peer.write_all(&plain("m", 0).to_vec()).unwrap();
    }
    node.await_packets("m", THREADS);
    let forgotten = || node.seen.forgotten.load(Ordering::Relaxed);
    assert_eq!(forgotten(), 0);
    node.handle.forget();
    wait("all to forget", || forgotten() == THREADS as u64);
    node.assert_idle();
}

#[test]
fn the_gauges_show_the_sum_of_all_threads() {
    let node = Node::new();
    let count = 2 * THREADS;
    let links = links_to(&node, node.address(), count);
    let gauge = |direction| ("clusterer_bin_connections", Some(direction), count as u64);
    for (name, label, value) in [gauge("inbound"), gauge("outbound")] {
        node.await_metric(name, label, value);
    }
    let bytes = plain("m", 0).len();
    let away = (count..2 * count).map(|index| node.open(index as u32, raw_listener().1));
    for link in away {
        node.handle.send(link, plain("m", 0)).unwrap();
    }
    node.await_metric("clusterer_bin_link_queue_bytes", None, (count * bytes) as u64);
    for link in links {
        node.handle.command(clusterer_net::Command::Close(link));
    }
    for direction in ["inbound", "outbound"] {
        node.await_metric("clusterer_bin_connections", Some(direction), 0);
    }
}

#[test]
fn a_flood_of_strangers_leaves_known_senders_and_no_more_than_the_limit() {
    let mut config = listening(&[("127.0.0.1:0", Dialect::V22)]);
    config.max_connections = 2 * THREADS;
    let node = Node::with(config);
    let mut known = connect_to_each(&node);
    for peer in &mut known {
        peer.write_all(&plain("m", 0).to_vec()).unwrap();
    }
    node.await_packets("m", THREADS);
    let mut strangers: Vec<_> = (0..20 * THREADS).map(|_| node.connect()).collect();
    node.await_dropped("connection_limit", 19 * THREADS as u64);
    node.await_metric("clusterer_bin_connections", Some("inbound"), 2 * THREADS as u64);
    // Whoever was closed for another is found closed: all but as many as there is room for.
    let closed = |peer: &mut TcpStream| {
        peer.set_nonblocking(true).unwrap();
        matches!(std::io::Read::read(peer, &mut [0]), Ok(0))
    };
    wait("the strangers to be closed", || {
        strangers.iter_mut().filter_map(|peer| closed(peer).then_some(())).count() == 19 * THREADS
    });
    for peer in &mut known {
        peer.write_all(&plain("m", 1).to_vec()).unwrap();
    }
    node.await_packets("m", 2 * THREADS);
}

#[test]
fn shutting_down_writes_what_every_thread_has_queued() {
    let mut node = Node::new();
    let (listener, address) = raw_listener();
    let links = links_to(&node, address, THREADS);
    let peers: Vec<_> = links.iter().map(|_| accept(&listener)).collect();
    let mut sent = Vec::new();
    for &link in &links {
        let mut commands = 0;
        while node.handle.send(link, packet(Dialect::V22, "m", commands, 1000)).is_ok() {
            commands += 1;
        }
        sent.push(commands);
    }
    let read = |mut peer| thread::spawn(move || read_packets(&mut peer, usize::MAX).len() as i32);
    let readers: Vec<_> = peers.into_iter().map(read).collect();
    node.net.take().unwrap().shutdown(PATIENCE);
    let mut received: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
    // Which connection is which link's, the peer does not know.
    received.sort_unstable();
    sent.sort_unstable();
    assert_eq!(received, sent);
    assert_eq!(node.dropped("stopped"), 0);
}

#[test]
fn the_end_of_one_thread_is_the_end_of_all() {
    let node = Node::new();
    let mut peers = connect_to_each(&node);
    let links: Vec<_> =
        (0..THREADS).map(|index| node.open(index as u32, raw_listener().1)).collect();
    peers[THREADS - 1].write_all(&plain("bomb", 0).to_vec()).unwrap();
    peers.iter_mut().for_each(await_end);
    for link in links {
        wait("the end", || node.handle.send(link, plain("m", 0)) == Err(SendError::Stopped));
    }
    wait("the port to be free", || TcpStream::connect(node.address()).is_err());
    node.await_metric("clusterer_bin_connections", Some("inbound"), 0);
}
