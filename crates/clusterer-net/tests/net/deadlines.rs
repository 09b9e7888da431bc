//! Each deadline of the transport from both sides, on a clock that the test turns.

use crate::THREADS;
use crate::support::*;
use clusterer_bin::Dialect;
use clusterer_net::{Command, Config, LinkSpec, Transport};
use clusterer_node::{LinkEvent, LinkId, Moment};
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// A node whose time is what the test says, and a known sender on each thread that has it take its turns.
struct Bench {
    node: Node,
    millis: Arc<AtomicU64>,
    known: Vec<TcpStream>,
    /// Bytes that were written to the node.
    written: u64,
}

impl Bench {
    fn new() -> Self {
        let millis = Arc::new(AtomicU64::new(0));
        let shown = Arc::clone(&millis);
        let clock = Arc::new(move || Moment::from_millis(shown.load(Ordering::SeqCst)));
        let node = Node::on_clock(config(), clock);
        // Each thread gets one in turn, the first one first.
        let known = (0..THREADS).map(|_| node.connect()).collect();
        let mut bench = Self { node, millis, known, written: 0 };
        bench.turn();
        bench
    }

    fn turn(&mut self) {
        (0..THREADS).for_each(|thread| self.turn_of(thread));
    }

    /// Returns when a whole turn of the thread has been made at the present time: the second answer is of a
    /// later turn than the first, and each turn ends with a look at the deadlines.
    fn turn_of(&mut self, thread: usize) {
        for _ in 0..2 {
            let ping = plain("ping", 0).to_vec();
            self.known[thread].write_all(&ping).unwrap();
            self.written += ping.len() as u64;
            assert_eq!(read_packets(&mut self.known[thread], 1), [("pong".into(), 0)]);
        }
    }

    fn set_clock(&self, at: Duration) {
        let millis = u64::try_from(at.as_millis()).unwrap();
        self.millis.store(millis, Ordering::SeqCst);
    }

    /// Writes to the node, and waits for the end of the turn in which it has read that.
    fn write(&mut self, stream: &mut TcpStream, bytes: &[u8]) {
        stream.write_all(bytes).unwrap();
        self.written += bytes.len() as u64;
        self.node.await_metric("clusterer_bin_received_bytes_total", None, self.written);
    }

    /// Waits until there are so many beside the known ones.
    fn await_inbound(&self, count: usize) {
        let count = (THREADS + count) as u64;
        self.node.await_metric("clusterer_bin_connections", Some("inbound"), count);
    }

    fn inbound(&self) -> usize {
        let all = self.node.metric("clusterer_bin_connections", Some("inbound"));
        all as usize - THREADS
    }
}

fn config() -> Config {
    listening(&[("127.0.0.1:0", Dialect::V22)])
}

const MILLI: Duration = Duration::from_millis(1);

#[test]
fn a_packet_may_take_its_timeout_and_not_as_long() {
    let limit = config().packet_timeout;
    let mut bench = Bench::new();
    let mut slow = bench.node.connect();
    bench.write(&mut slow, &plain("m", 0).to_vec()[..10]);

    bench.set_clock(limit - MILLI);
    bench.turn();
    assert_eq!(bench.node.dropped("packet_timeout"), 0);
    bench.set_clock(limit);
    bench.turn();
    assert_eq!(bench.node.dropped("packet_timeout"), 1);
    await_end(&mut slow);
}

#[test]
fn a_packet_that_is_whole_at_the_last_millisecond_is_in_time() {
    let limit = config().packet_timeout;
    let mut bench = Bench::new();
    let mut slow = bench.node.connect();
    let bytes = plain("m", 0).to_vec();
    bench.write(&mut slow, &bytes[..10]);

    bench.set_clock(limit - MILLI);
    bench.write(&mut slow, &bytes[10..]);
    bench.set_clock(limit);
    bench.turn();
    bench.write(&mut slow, &bytes);
    assert_eq!(bench.node.packets("m").len(), 2);
    assert_eq!(bench.node.dropped("packet_timeout"), 0);
}

#[test]
fn a_stranger_may_be_silent_for_less_than_its_time_and_is_then_closed() {
    let limit = config().stranger_idle;
    let mut bench = Bench::new();
    let mut silent = bench.node.connect();
    let mut talking = bench.node.connect();
    bench.await_inbound(2);

    bench.set_clock(limit - MILLI);
    bench.write(&mut talking, &plain("stranger", 0).to_vec());
    bench.turn();
    assert_eq!(bench.inbound(), 2);
    bench.set_clock(limit);
    bench.turn();
    assert_eq!(bench.inbound(), 1, "the silent one is gone, the known sender and the other stay");
    await_end(&mut silent);

    bench.set_clock(limit - MILLI + limit - MILLI);
    bench.turn();
    assert_eq!(bench.inbound(), 1);
    bench.set_clock(limit - MILLI + limit);
    bench.turn();
    assert_eq!(bench.inbound(), 0, "its packet put it off, and no longer than that");
    await_end(&mut talking);
}

#[test]
fn a_shutdown_writes_for_as_long_as_it_was_told_and_no_longer() {
    let flush = Duration::from_secs(60);
    let mut bench = Bench::new();
    let (listener, address) = raw_listener();
    // No time limit of the kernel's: that one would end the link sooner.
    let link = LinkId { index: 0, generation: 0 };
    let user_timeout = Duration::ZERO;
    bench.node.handle.command(Command::Open(LinkSpec { user_timeout, ..spec(link, address) }));
    bench.node.dial(link);
    bench.node.await_events(&[LinkEvent::Connected]);
    let _never_reads = accept(&listener);
    while bench.node.handle.send(link, packet(Dialect::V22, "m", 0, 1000)).is_ok() {}
    bench.turn();
    let net = bench.node.net.take().unwrap();
    let ending = thread::spawn(move || net.shutdown(flush));
    // It listens no more from the moment on from which its time counts.
    wait("the shutdown to begin", || TcpStream::connect(bench.node.address()).is_err());

    // The link is the first thread's: the others have nothing to write and end.
    bench.set_clock(flush - MILLI);
    bench.turn_of(0);
    assert!(!ending.is_finished());
    bench.set_clock(flush);
    bench.known[0].write_all(&plain("ping", 0).to_vec()).unwrap();
    wait("the end", || ending.is_finished());
    bench.known.iter_mut().for_each(await_end);
}
