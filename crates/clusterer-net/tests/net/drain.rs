//! Whatever had arrived when a drain was asked for is handed over before it is answered.

use crate::THREADS;
use crate::support::*;
use clusterer_net::{Drained, Transport};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

/// Keeps the mio thread until the sender is dropped. Returns when it is kept.
fn keep(node: &Node) -> Sender<()> {
    let (go_on, wait_for) = mpsc::channel::<()>();
    let (kept, is_kept) = mpsc::channel();
    node.handle.drain(Box::new(move |_| {
        kept.send(()).unwrap();
        let _ = wait_for.recv();
    }));
    is_kept.recv_timeout(PATIENCE).unwrap();
    go_on
}

/// Asks, and gives the answer with the packets of this module that had been seen by then.
fn ask(node: &Node, module: &'static str) -> Receiver<(Drained, usize)> {
    let (answer, answered) = mpsc::channel();
    let seen = Arc::clone(&node.seen);
    node.handle.drain(Box::new(move |drained| {
        let _ = answer.send((drained, seen.count(module)));
    }));
    answered
}

#[test]
fn what_lay_unread_is_handed_over_before_the_answer() {
    let node = Node::new();
    // On the same thread: each gets one in turn.
    let mut first = node.connect();
    let _others: Vec<_> = (1..THREADS).map(|_| node.connect()).collect();
    let mut second = node.connect();
    let packet = plain("valid", 0).to_vec();
    first.write_all(&packet).unwrap();
    second.write_all(&packet).unwrap();
    node.await_packets("valid", 2);
    let kept = node.seen.keep();
    first.write_all(&packet).unwrap();
    wait("the first to be read", || unread(&first) == 0);
    // The thread is in the callback now, or about to be.
    second.write_all(&packet).unwrap();
    wait("the second to arrive", || unread(&second) == packet.len());
    let answered = ask(&node, "valid");
    drop(kept);
    let (drained, seen) = answered.recv_timeout(PATIENCE).unwrap();
    assert_eq!((drained.stopped, seen), (false, 4));
    node.assert_idle();
}

/// It waits to be accepted while the thread that accepts is kept, and may then be another thread's.
#[test]
fn what_came_with_a_new_connection_is_handed_over_before_the_answer() {
    let node = Node::new();
    let mut first = node.connect();
    let packet = plain("valid", 0).to_vec();
    first.write_all(&packet).unwrap();
    node.await_packets("valid", 1);
    let kept = node.seen.keep();
    first.write_all(&packet).unwrap();
    wait("the first to be read", || unread(&first) == 0);
    let mut newcomers: Vec<_> = (0..THREADS).map(|_| node.connect()).collect();
    for newcomer in &mut newcomers {
        newcomer.write_all(&packet).unwrap();
        wait("a newcomer's to arrive", || unread(newcomer) == packet.len());
    }
    let answered = ask(&node, "valid");
    drop(kept);
    let (_, seen) = answered.recv_timeout(PATIENCE).unwrap();
    assert_eq!(seen, 2 + THREADS);
}

#[test]
fn a_thread_that_was_kept_says_that_it_was_behind() {
    let node = Node::new();
    let begin = (node.clock)();
    let kept = keep(&node);
    let link = node.open(0, node.address());
    // As long as this takes is what is measured.
    thread::sleep(Duration::from_millis(150));
    let until = (node.clock)();
    drop(kept);
    let (drained, _) = ask(&node, "").recv_timeout(PATIENCE).unwrap();
    let behind = drained.behind.expect("it was behind");
    assert!(behind >= until && until > begin);
    node.handle.send(link, plain("m", 0)).unwrap();
}

#[test]
fn a_flood_on_one_connection_delays_it_by_a_bounded_time() {
    let node = Node::new();
    let over = Arc::new(AtomicBool::new(false));
    let mut flooding = node.connect();
    let flood = plain("flood", 0).to_vec().repeat(1_000);
    let flooder = thread::spawn({
        let over = Arc::clone(&over);
        move || while !over.load(Ordering::Relaxed) && flooding.write_all(&flood).is_ok() {}
    });
    let over = OnDrop(move || over.store(true, Ordering::Relaxed));
    wait("the flood", || node.seen.flood.load(Ordering::Relaxed) > 10_000);
    for _ in 0..20 {
        ask(&node, "").recv_timeout(PATIENCE).expect("an answer in spite of the flood");
    }
    drop(over);
    flooder.join().unwrap();
}

#[test]
fn one_that_is_asked_for_at_the_end_is_answered_and_one_after_it_told_so() {
    let mut node = Node::new();
    let kept = keep(&node);
    let before = ask(&node, "");
    drop(kept);
    node.net.take().unwrap().shutdown(Duration::ZERO);
    before.recv_timeout(PATIENCE).unwrap();
    let (drained, _) = ask(&node, "").recv_timeout(PATIENCE).unwrap();
    assert!(drained.stopped);
}

/// Whoever takes an answer for a sign of life is not to be deceived.
#[test]
fn a_thread_that_has_panicked_is_no_thread_that_has_drained() {
    let node = Node::new();
    let mut peers: Vec<_> = (0..THREADS).map(|_| node.connect()).collect();
    let (drained, _) = ask(&node, "").recv_timeout(PATIENCE).unwrap();
    assert!(!drained.stopped);
    peers[THREADS - 1].write_all(&plain("bomb", 0).to_vec()).unwrap();
    peers.iter_mut().for_each(await_end);
    let (drained, _) = ask(&node, "").recv_timeout(PATIENCE).unwrap();
    assert!(drained.stopped);
}
