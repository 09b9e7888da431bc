//! A node with a recording ingress, raw peers, and waiting without racing.

use crate::THREADS;
use clusterer_bin::{Dialect, FieldError, Framer, Origin, Outgoing, Packet, PacketWriter, Step};
use clusterer_net::{
    Clock, Command, Config, Handle, Ingress, LinkSpec, ListenerConfig, Net, Packets, Receiver,
    Reply, Source, Transport, Trust,
};
use clusterer_node::{Attempt, LinkEvent, LinkId, Moment};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit};
use socket2::{Domain, Socket, Type};
use std::fs;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// Long enough for a loaded machine; nothing waits this long unless it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) source: Source,
    pub(crate) module: String,
    pub(crate) command: i32,
    pub(crate) bytes: Vec<u8>,
}

/// Records what arrives. Answers `ping` with `pong`, only counts `flood`, panics at `bomb`, and takes
/// a sender `stranger` for one.
#[derive(Default)]
pub(crate) struct Recorder {
    packets: Mutex<Vec<Seen>>,
    malformed: Mutex<Vec<FieldError>>,
    events: Mutex<Vec<(Attempt, LinkEvent)>>,
    pub(crate) flood: AtomicU64,
    /// How often a connection was to forget what it remembers.
    pub(crate) forgotten: AtomicU64,
    /// The mio threads that have made a callback.
    threads: Mutex<Vec<(ThreadId, String)>>,
    /// Sends this on every link that becomes connected.
    greeting: Mutex<Option<(Handle, Outgoing)>>,
}

impl Ingress for Recorder {
    fn open(self: Arc<Self>, source: &Source) -> Box<dyn Receiver> {
        Box::new(Recording { recorder: self, source: *source })
    }

    fn link(&self, attempt: Attempt, event: LinkEvent, _: Moment) {
        let link = attempt.link;
        self.remember_thread();
        if event == LinkEvent::Connected
            && let Some((handle, packet)) = &*self.greeting.lock().unwrap()
        {
            handle.send_control(link, packet.clone()).unwrap();
        }
        self.events.lock().unwrap().push((attempt, event));
    }
}

struct Recording {
    recorder: Arc<Recorder>,
    source: Source,
}

impl Receiver for Recording {
    fn packets(&mut self, packets: &mut Packets<'_>, _: Moment, reply: &mut Reply<'_>) -> Trust {
        let mut trust = Trust::Stranger;
        for found in packets {
            match found {
                Ok(packet) => {
                    if self.packet(&packet, reply) == Trust::Known {
                        trust = Trust::Known;
                    }
                }
                Err(error) => self.recorder.malformed.lock().unwrap().push(error),
            }
        }
        trust
    }

    fn forget(&mut self) {
        self.recorder.forgotten.fetch_add(1, Ordering::Relaxed);
    }
}

impl Recording {
    fn packet(&self, packet: &Packet<'_>, reply: &mut Reply<'_>) -> Trust {
        let Self { recorder, source } = self;
        recorder.remember_thread();
        if packet.module == b"flood" {
            recorder.flood.fetch_add(1, Ordering::Relaxed);
            return Trust::Known;
        }
        assert_ne!(packet.module, b"bomb");
        if packet.module == b"ping" {
            let _ = reply.send(self::packet(source.dialect, "pong", packet.command, 0));
        }
        recorder.packets.lock().unwrap().push(Seen {
            source: *source,
            module: String::from_utf8_lossy(packet.module).into(),
            command: packet.command,
            bytes: packet.bytes().to_vec(),
        });
        if packet.module == b"stranger" { Trust::Stranger } else { Trust::Known }
    }
}

impl Recorder {
    /// Keeps the mio thread in its next callback for a packet, until this is dropped.
    pub(crate) fn keep(&self) -> impl Drop {
        self.packets.lock().unwrap()
    }

    /// Packets of this module that have come.
    pub(crate) fn count(&self, module: &str) -> usize {
        self.packets.lock().unwrap().iter().filter(|seen| seen.module == module).count()
    }

    fn remember_thread(&self) {
        let (here, mut threads) = (thread::current().id(), self.threads.lock().unwrap());
        if threads.iter().all(|&(thread, _)| thread != here) {
            let task = fs::read_link("/proc/thread-self").unwrap();
            threads.push((here, format!("/proc/{}/schedstat", task.to_str().unwrap())));
        }
    }

    /// On how many threads callbacks have been made.
    pub(crate) fn threads(&self) -> usize {
        self.threads.lock().unwrap().len()
    }
}

/// A recorder of this node's own: counters as they are, gauges as the bits of a float.
#[derive(Default)]
struct Figures(Mutex<Vec<(Key, Arc<AtomicU64>)>>);

impl Figures {
    fn figure(&self, key: &Key) -> Arc<AtomicU64> {
        let figure = Arc::new(AtomicU64::new(0));
        self.0.lock().unwrap().push((key.clone(), Arc::clone(&figure)));
        figure
    }
}

impl metrics::Recorder for Figures {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.figure(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.figure(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

pub(crate) struct Node {
    pub(crate) net: Option<Net>,
    pub(crate) handle: Handle,
    pub(crate) seen: Arc<Recorder>,
    pub(crate) clock: Clock,
    figures: Figures,
    dialled: AtomicU32,
}

impl Node {
    /// One that listens on a free port of 127.0.0.1.
    pub(crate) fn new() -> Self {
        Self::with(listening(&[("127.0.0.1:0", Dialect::V22)]))
    }

    pub(crate) fn with(config: Config) -> Self {
        Self::on_clock(config, clock())
    }

    pub(crate) fn on_clock(config: Config, clock: Clock) -> Self {
        let bound = Net::bind(config).unwrap();
        let figures = Figures::default();
        let seen = Arc::new(Recorder::default());
        let ingress = Arc::clone(&seen);
        let start = || bound.start(Arc::clone(&clock), ingress);
        let net = metrics::with_local_recorder(&figures, start).unwrap();
        let handle = net.handle();
        Self { handle, net: Some(net), seen, clock, figures, dialled: AtomicU32::new(0) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.handle.local_addresses()[0]
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address())
    }

    pub(crate) fn greet_with(&self, packet: Outgoing) {
        *self.seen.greeting.lock().unwrap() = Some((self.handle.clone(), packet));
    }

    pub(crate) fn open(&self, index: u32, peer: SocketAddr) -> LinkId {
        let link = LinkId { index, generation: 1 };
        self.handle.command(Command::Open(spec(link, peer)));
        link
    }

    /// Attempts are numbered from 0, whatever the link.
    pub(crate) fn dial(&self, link: LinkId) {
        let number = self.dialled.fetch_add(1, Ordering::Relaxed);
        self.handle.command(Command::Dial(Attempt { link, number }));
    }

    /// Opens, dials, and waits for the connection.
    pub(crate) fn link_to(&self, peer: SocketAddr) -> LinkId {
        let link = self.open(0, peer);
        self.dial(link);
        self.await_events(&[LinkEvent::Connected]);
        link
    }

    pub(crate) fn events(&self) -> Vec<LinkEvent> {
        self.seen.events.lock().unwrap().iter().map(|&(_, event)| event).collect()
    }

    /// The numbers of the attempts that the events were of.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.seen.events.lock().unwrap().iter().map(|(attempt, _)| attempt.number).collect()
    }

    pub(crate) fn last_event_of(&self, link: LinkId) -> Option<LinkEvent> {
        let events = self.seen.events.lock().unwrap();
        events.iter().rev().find(|(attempt, _)| attempt.link == link).map(|&(_, event)| event)
    }

    /// Waits until so many events have come, and compares all that came.
    pub(crate) fn await_events(&self, expected: &[LinkEvent]) {
        wait("link events", || self.events().len() >= expected.len());
        assert_eq!(self.events(), expected);
    }

    pub(crate) fn packets(&self, module: &str) -> Vec<Seen> {
        let packets = self.seen.packets.lock().unwrap();
        packets.iter().filter(|seen| seen.module == module).cloned().collect()
    }

    /// Waits until so many packets of this module have come.
    pub(crate) fn await_packets(&self, module: &str, count: usize) -> Vec<Seen> {
        wait(&format!("{count} packets of {module}"), || self.packets(module).len() >= count);
        self.packets(module)
    }

    pub(crate) fn malformed(&self) -> Vec<FieldError> {
        self.seen.malformed.lock().unwrap().clone()
    }

    /// A counter's or gauge's value; of a label value if there is one.
    pub(crate) fn metric(&self, name: &str, label: Option<&str>) -> u64 {
        let figures = self.figures.0.lock().unwrap();
        let (_, figure) = figures
            .iter()
            .find(|(key, _)| {
                key.name() == name && key.labels().next().map(metrics::Label::value) == label
            })
            .expect("the metric is registered");
        let value = figure.load(Ordering::SeqCst);
        if name.ends_with("_total") { value } else { f64::from_bits(value) as u64 }
    }

    /// Waits for the end of the turn in which the figure becomes this.
    pub(crate) fn await_metric(&self, name: &str, label: Option<&str>, value: u64) {
        wait(&format!("{name} {label:?} to be {value}"), || self.metric(name, label) == value);
    }

    pub(crate) fn await_dropped(&self, reason: &str, count: u64) {
        self.await_metric("clusterer_bin_dropped_total", Some(reason), count);
    }

    pub(crate) fn dropped(&self, reason: &str) -> u64 {
        self.metric("clusterer_bin_dropped_total", Some(reason))
    }

    /// The mio threads do nothing when nothing happens. One must have made a callback before; those that have
    /// are looked at.
    pub(crate) fn assert_idle(&self) {
        let paths = self.seen.threads.lock().unwrap().clone();
        assert!(!paths.is_empty(), "no callback has been made");
        let of = |(_, path): &(ThreadId, String)| -> u64 {
            let stat = fs::read_to_string(path).unwrap();
            stat.split(' ').next().unwrap().parse().unwrap()
        };
        let used = || paths.iter().map(of).sum::<u64>();
        let before = used();
        thread::sleep(Duration::from_millis(300));
        let nanos = used() - before;
        assert!(nanos < 30_000_000, "{nanos} ns of CPU while idle for 300 ms");
    }
}

pub(crate) fn listening(listeners: &[(&str, Dialect)]) -> Config {
    let listener = |&(address, dialect): &(&str, Dialect)| ListenerConfig {
        address: address.parse().unwrap(),
        dialect,
    };
    let mut config = Config::new(listeners.iter().map(listener).collect());
    config.threads = THREADS;
    config
}

pub(crate) fn clock() -> Clock {
    let begin = Instant::now();
    Arc::new(move || Moment::ZERO.after(begin.elapsed()))
}

pub(crate) fn spec(link: LinkId, peer: SocketAddr) -> LinkSpec {
    let user_timeout = Duration::from_secs(5);
    LinkSpec { link, peer, bind: None, dialect: Dialect::V22, user_timeout }
}

/// A packet with `filling` bytes in it.
pub(crate) fn packet(dialect: Dialect, module: &str, command: i32, filling: usize) -> Outgoing {
    let origin = Origin { sender: 1, cluster: 1 };
    let mut writer = PacketWriter::new(dialect, module, command, origin);
    writer.raw(&vec![b'x'; filling]);
    writer.finish(2).unwrap()
}

pub(crate) fn plain(module: &str, command: i32) -> Outgoing {
    packet(Dialect::V22, module, command, 0)
}

/// A listener that leaves connects without an answer, as long as what is returned is kept.
pub(crate) fn silent_listener() -> (Vec<Socket>, SocketAddr) {
    let socket = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    };
    let listener = socket();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut kept = vec![listener];
    // Its backlog is full when a connect of ours gets no answer either.
    while kept.last().unwrap().peer_addr().is_ok() || kept.len() == 1 {
        let filler = socket();
        let _ = filler.connect(&address);
        kept.push(filler);
    }
    (kept, address.as_socket().unwrap())
}

pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(crate) fn raw_listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads packets of 2.2 until `count` have come, or to the end of the stream; modules and commands.
pub(crate) fn read_packets(stream: &mut TcpStream, count: usize) -> Vec<(String, i32)> {
    let mut framer = Framer::new(Dialect::V22);
    let (mut buffer, mut packets) = (Vec::new(), Vec::new());
    let mut chunk = vec![0; 1 << 16];
    while packets.len() < count {
        let read = stream.read(&mut chunk).expect("packets in time");
        if read == 0 {
            break;
        }
        buffer.extend_from_slice(&chunk[..read]);
        let mut at = 0;
        while let Step::Packet { bytes, consumed } = framer.next(&buffer[at..]).unwrap() {
            let packet = Packet::parse(Dialect::V22, bytes).unwrap();
            packets.push((String::from_utf8_lossy(packet.module).into(), packet.command));
            at += consumed;
        }
        buffer.drain(..at);
    }
    packets
}

/// Bytes that wait unread at the other end of a connection over 127.0.0.1, as the kernel tells.
pub(crate) fn unread(stream: &TcpStream) -> usize {
    let here = format!("0100007F:{:04X}", stream.local_addr().unwrap().port());
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    // The other end's line: its remote address is this one.
    let line = table.lines().find(|line| line.split_whitespace().nth(2) == Some(here.as_str()));
    let queues = line.and_then(|line| line.split_whitespace().nth(4)).unwrap();
    usize::from_str_radix(queues.split_once(':').unwrap().1, 16).unwrap()
}

/// Waits until the other side has closed the connection.
pub(crate) fn await_end(stream: &mut TcpStream) {
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
            Err(error) => panic!("the connection was not closed: {error}"),
        }
    }
}

pub(crate) fn wait(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Does something at the end of its scope, also when that is a panic.
pub(crate) struct OnDrop<F: Fn()>(pub(crate) F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
