//! A process without a free descriptor. Alone in its binary: the shortage hits every thread.
#![allow(clippy::unwrap_used)]

use clusterer_bin::{Dialect, Origin, PacketWriter};
use clusterer_net::{
    Config, Ingress, ListenerConfig, Net, Packets, Receiver, Reply, Source, Trust,
};
use clusterer_node::{Attempt, LinkEvent, Moment};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::{self, File};
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

struct Count(Mutex<Sender<()>>);

impl Ingress for Count {
    fn open(self: Arc<Self>, _: &Source) -> Box<dyn Receiver> {
        Box::new(Counting(self.0.lock().unwrap().clone()))
    }
    fn link(&self, _: Attempt, _: LinkEvent, _: Moment) {}
}

struct Counting(Sender<()>);

impl Receiver for Counting {
    fn packets(&mut self, packets: &mut Packets<'_>, _: Moment, _: &mut Reply<'_>) -> Trust {
        packets.for_each(|_| self.0.send(()).unwrap_or_default());
        Trust::Known
    }
}

/// CPU time of the mio thread that accepts so far, nanoseconds.
fn used() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let mut named = tasks
        .filter(|task| fs::read_to_string(task.join("comm")).unwrap().trim() == "clusterer-net");
    let stat = fs::read_to_string(named.next().unwrap().join("schedstat")).unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

fn arrives(arrived: &mpsc::Receiver<()>) {
    arrived.recv_timeout(Duration::from_secs(20)).unwrap();
}

#[test]
fn a_listener_rests_while_descriptors_are_short_and_then_goes_on() {
    let limit = Rlimit { current: Some(64), ..getrlimit(Resource::Nofile) };
    setrlimit(Resource::Nofile, limit).unwrap();
    [1, 3].into_iter().for_each(rests_and_goes_on);
}

fn rests_and_goes_on(threads: usize) {
    let address = "127.0.0.1:0".parse().unwrap();
    let mut config = Config::new(vec![ListenerConfig { address, dialect: Dialect::V22 }]);
    config.threads = threads;
    let bound = Net::bind(config).unwrap();
    let peer = bound.local_addresses().remove(0);
    let (sender, arrived) = channel();
    let millis = Arc::new(AtomicU64::new(0));
    let shown = Arc::clone(&millis);
    let clock = Arc::new(move || Moment::from_millis(shown.load(Ordering::SeqCst)));
    let net = bound.start(clock, Arc::new(Count(Mutex::new(sender)))).unwrap();

    let origin = Origin { sender: 1, cluster: 1 };
    let packet = PacketWriter::new(Dialect::V22, "m", 0, origin).finish(2).unwrap().to_vec();
    let mut first = TcpStream::connect(peer).unwrap();
    first.write_all(&packet).unwrap();
    arrives(&arrived);

    // All descriptors are taken but one, which the client's end of the connection gets, and those
    // that reading /proc takes for a moment: they are taken while nothing is there to accept.
    let before = used();
    let mut fillers: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    fillers.pop();
    let mut second = TcpStream::connect(peer).unwrap();
    second.write_all(&packet).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(arrived.try_recv().is_err(), "accepted without a descriptor");
    first.write_all(&packet).unwrap();
    arrives(&arrived);

    drop(fillers);
    let nanos = used() - before;
    assert!(nanos < 30_000_000, "{nanos} ns of CPU while nothing could be accepted");

    // The first connection is the accepting thread's. Each packet is taken in a turn of its own: enough of them to listen, to accept and to read.
    millis.store(499, Ordering::SeqCst);
    for _ in 0..5 {
        first.write_all(&packet).unwrap();
        arrives(&arrived);
    }
    assert!(arrived.try_recv().is_err(), "accepted before the listener's rest is over");
    millis.store(500, Ordering::SeqCst);
    first.write_all(&packet).unwrap();
    arrives(&arrived);
    arrives(&arrived);
    net.shutdown(Duration::ZERO);
}
