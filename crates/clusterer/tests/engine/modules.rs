//! Modules that block, flood, end and never end: the node around them goes on.

use crate::figures;
use crate::support::{TestStore, cluster, ends, eventually, machine, node, row, state, wait_for};
use clusterer::{
    Cluster, ClusterModule, Dialect, Ingress, ListenerConfig, MachineId, Malformed, ModuleEvent,
    Moment, Packet, PacketContext, Protocol, RegisterModuleError, Registration, State, UnixTime,
};
use clusterer_bin::{Origin, PacketWriter};
use clusterer_core::pong;
use clusterer_net::{Config, Net, Packets, Receiver, Reply, Source, Trust};
use clusterer_node::{Attempt, LinkEvent};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const PING_INTERVAL: Duration = Duration::from_millis(400);
/// How long a module is stuck: several pings.
const STUCK: Duration = Duration::from_secs(3);
const NEVER: Duration = Duration::from_secs(60);

/// Notes numbers, and waits with each until it is let go.
#[derive(Default)]
struct Valve {
    seen: Mutex<Vec<i32>>,
    shut: Mutex<bool>,
    opened: Condvar,
    called: AtomicBool,
    then: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Valve {
    fn shut() -> Arc<Self> {
        Arc::new(Self { shut: Mutex::new(true), ..Self::default() })
    }

    fn open(&self) {
        *self.shut.lock().unwrap() = false;
        self.opened.notify_all();
    }

    fn seen(&self) -> Vec<i32> {
        self.seen.lock().unwrap().clone()
    }

    fn is_called(&self) -> bool {
        self.called.load(Ordering::SeqCst)
    }

    /// What the next callback does.
    fn then(&self, act: impl FnOnce() + Send + 'static) {
        *self.then.lock().unwrap() = Some(Box::new(act));
    }
}

impl ClusterModule for Valve {
    fn on_packet(&self, _: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
        let number = packet.body().int()?;
        self.called.store(true, Ordering::SeqCst);
        let shut = self.shut.lock().unwrap();
        drop(self.opened.wait_while(shut, |shut| *shut).unwrap());
        let then = self.then.lock().unwrap().take();
        if let Some(act) = then {
            act();
        }
        self.seen.lock().unwrap().push(number);
        Ok(())
    }

    fn on_event(&self, _: ModuleEvent) {}
}

async fn listening(id: i32, store: &Arc<TestStore>, pings: Duration) -> Cluster {
    let listener = ListenerConfig { address: ([127, 0, 0, 1], 0).into(), dialect: Dialect::V22 };
    let engine = Cluster::builder(machine(id), store.clone())
        .pings(pings, pings)
        .listen(vec![listener])
        .start();
    ends("a start", engine).await.expect("it starts")
}

/// Nodes that know each other, and, as the last of them, a peer at this address.
async fn nodes(count: i32, peer: Option<SocketAddr>) -> Vec<Cluster> {
    nodes_with(count, peer, PING_INTERVAL).await
}

async fn nodes_with(count: i32, peer: Option<SocketAddr>, pings: Duration) -> Vec<Cluster> {
    let store = TestStore::new(Vec::new());
    let mut engines = Vec::new();
    for id in 1..=count {
        engines.push(listening(id, &store, pings).await);
    }
    let addresses = engines.iter().map(|engine| engine.local_addresses()[0]).chain(peer);
    *store.rows.lock().unwrap() = (1..).zip(addresses).map(|(id, at)| row(id, at)).collect();
    for engine in &engines {
        ends("a reload", engine.reload()).await.expect("the store is well");
    }
    for (engine, id) in pairs(&engines) {
        eventually("they are up", || state(engine, id) == State::Up).await;
    }
    engines
}

/// Each node with the ids of the others.
fn pairs(engines: &[Cluster]) -> Vec<(&Cluster, i32)> {
    let ids = 1..=i32::try_from(engines.len()).unwrap();
    let others = |engine| ids.clone().map(move |id| (engine, id));
    let all = engines.iter().flat_map(others);
    all.filter(|(engine, id)| engine.get_my_id() != machine(*id)).collect()
}

async fn register(engine: &Cluster, name: &str, module: &Arc<Valve>) {
    let registration = Registration::new(name, cluster(), NEVER);
    engine.register_module(registration, module.clone()).await.expect("a good name");
}

fn send(from: &Cluster, module: &str, number: i32) {
    let report = from.send_to(cluster(), Protocol::Bin, module, 0, |packet| {
        packet.int(number);
    });
    assert!(report.unwrap().queued >= 1);
}

fn send_long(from: &Cluster) {
    let sent = from.send_to(cluster(), Protocol::Bin, "nobody", 0, |packet| {
        packet.str(&[b'x'; 60_000]);
    });
    assert!(sent.is_ok());
}

/// A peer that answers pings until it is told to be silent.
#[derive(Default)]
struct Answering {
    silent: AtomicBool,
    answered: AtomicBool,
}

impl Ingress for Answering {
    fn open(self: Arc<Self>, _: &Source) -> Box<dyn Receiver> {
        Box::new(Caller(self))
    }

    fn link(&self, _: Attempt, _: LinkEvent, _: Moment) {}
}

/// Who talks to such a peer.
struct Caller(Arc<Answering>);

impl Receiver for Caller {
    fn packets(&mut self, packets: &mut Packets<'_>, _: Moment, reply: &mut Reply<'_>) -> Trust {
        for packet in packets.flatten().filter(|packet| packet.module == b"clusterer") {
            if let (Ok(nonce), false) = (packet.body().int(), self.0.silent.load(Ordering::SeqCst))
            {
                reply.send(pong(machine(3), nonce).unwrap().to(packet.sender)).unwrap();
                self.0.answered.store(true, Ordering::SeqCst);
            }
        }
        Trust::Known
    }
}

/// A transport with nothing else behind it, and where it listens.
fn answering(peer: &Arc<Answering>) -> (Net, SocketAddr) {
    let listener = ListenerConfig { address: ([127, 0, 0, 1], 0).into(), dialect: Dialect::V22 };
    let bound = Net::bind(Config::new(vec![listener])).unwrap();
    let at = bound.local_addresses()[0];
    let begin = Instant::now();
    let clock = move || Moment::from_millis(u64::try_from(begin.elapsed().as_millis()).unwrap());
    (bound.start(Arc::new(clock), peer.clone()).unwrap(), at)
}

#[tokio::test]
async fn a_module_that_blocks_stalls_no_ping_no_deadline_and_no_other_module() {
    let third = Arc::new(Answering::default());
    let (net, at) = answering(&third);
    let engines = nodes(2, Some(at)).await;
    let [a, b] = &engines[..] else { panic!("two") };
    let (stuck, free) = (Valve::shut(), Arc::new(Valve::default()));
    register(a, "stuck", &stuck).await;
    register(a, "free", &free).await;
    eventually("the third answers", || {
        state(a, 3) == State::Up && third.answered.load(Ordering::SeqCst)
    })
    .await;
    send(b, "stuck", 0);
    eventually("it is stuck", || stuck.is_called()).await;

    let begin = Instant::now();
    let mut number = 1;
    let mut noticed = None;
    while begin.elapsed() < STUCK {
        send(b, "stuck", number);
        send(b, "free", number);
        eventually("the other module is called", || free.seen().last() == Some(&number)).await;
        number += 1;
        if begin.elapsed() > STUCK / 3 && noticed.is_none() {
            third.silent.store(true, Ordering::SeqCst);
            let silent = Instant::now();
            eventually("the third is known to be silent", || state(a, 3) != State::Up).await;
            noticed = Some(silent.elapsed());
        }
    }
    // A ping every interval, each judged an interval later.
    let bound = 2 * PING_INTERVAL + Duration::from_millis(500);
    assert!(noticed.is_some_and(|noticed| noticed < bound), "{noticed:?}");
    for (engine, id) in pairs(&engines) {
        let availability = engine.view().node(node(id)).unwrap().availability;
        let failures = (availability.no_tries, availability.last_attempt);
        assert_eq!(failures, (0, UnixTime::ZERO), "{:?} of {id}", engine.get_my_id());
    }
    assert!(stuck.seen().is_empty());
    stuck.open();
    eventually("all arrives", || stuck.seen().last() == Some(&(number - 1))).await;
    assert_eq!(stuck.seen(), (0..number).collect::<Vec<_>>());
    for engine in &engines {
        ends("a shutdown", engine.shutdown()).await;
    }
    net.shutdown(Duration::ZERO);
}

/// More than is read in all the turns that a drain waits for, all the time.
#[tokio::test]
async fn traffic_without_end_hides_no_silent_peer() {
    let third = Arc::new(Answering::default());
    let (net, at) = answering(&third);
    let engines = nodes(2, Some(at)).await;
    let [a, b] = &engines[..] else { panic!("two") };
    eventually("the third answers", || third.answered.load(Ordering::SeqCst)).await;

    let floods = [(); 2].map(|()| Flood::start(b.get_my_id(), a.local_addresses()[0]));
    third.silent.store(true, Ordering::SeqCst);
    eventually("the third is known to be silent", || state(a, 3) != State::Up).await;
    for flood in floods {
        assert!(flood.end() > 4 * 1024 * 1024, "as much as a drain reads of it");
    }
    for engine in &engines {
        ends("a shutdown", engine.shutdown()).await;
    }
    net.shutdown(Duration::ZERO);
}

/// Sends packets as fast as they are read, until its end or that of their reader.
struct Flood {
    ended: Arc<AtomicBool>,
    thread: thread::JoinHandle<usize>,
}

impl Flood {
    fn start(sender: MachineId, to: SocketAddr) -> Self {
        let origin = Origin { sender: sender.get(), cluster: cluster().get() };
        let packet = PacketWriter::new(Dialect::V22, "nobody", 0, origin).finish(1).unwrap();
        let packets = packet.to_vec().repeat(5_000);
        let ended = Arc::new(AtomicBool::new(false));
        let is_over = ended.clone();
        let flood = move || {
            let mut stream = TcpStream::connect(to).unwrap();
            let mut written = 0;
            while !is_over.load(Ordering::SeqCst) && stream.write_all(&packets).is_ok() {
                written += packets.len();
            }
            written
        };
        Self { ended, thread: thread::spawn(flood) }
    }

    /// How many bytes it has sent.
    fn end(self) -> usize {
        self.ended.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_and_counted_and_its_sender_counts_as_heard() {
    figures::install();
    let engines = nodes(2, None).await;
    let [a, b] = &engines[..] else { panic!("two") };
    let valve = Valve::shut();
    register(a, "flooded", &valve).await;
    send(b, "flooded", 0);
    eventually("it is stuck", || valve.is_called()).await;
    let long = [b'x'; 60_000];
    eventually("the mailbox is full", || {
        let sent = b.send_to(cluster(), Protocol::Bin, "flooded", 0, |packet| {
            packet.int(1).str(&long);
        });
        assert!(sent.is_ok());
        figures::counter("clusterer_packets_dropped_total", "module_busy") > 0
    })
    .await;
    let heard = || a.view().modules().last_seen("flooded", node(2)).expect("it is watched");
    let before = heard();
    eventually("it is heard", || {
        send(b, "flooded", 2);
        heard() > before
    })
    .await;
    valve.open();
    eventually("there is room again", || {
        send(b, "flooded", 3);
        valve.seen().contains(&3)
    })
    .await;
    let fits = valve.seen().iter().filter(|&&number| number == 1).count();
    assert!((130..=139).contains(&fits), "8 MiB: {fits}");
    for engine in &engines {
        ends("a shutdown", engine.shutdown()).await;
    }
}

#[tokio::test]
async fn a_shutdown_lets_modules_take_in_what_waits() {
    let engines = nodes(2, None).await;
    let [a, b] = &engines[..] else { panic!("two") };
    let (valve, other) = (Valve::shut(), Arc::new(Valve::default()));
    register(a, "drained", &valve).await;
    register(a, "other", &other).await;
    (0..100).for_each(|number| send(b, "drained", number));
    send(b, "other", 0);
    eventually("all has arrived", || valve.is_called() && other.seen() == [0]).await;
    let ending = tokio::spawn({
        let a = a.clone();
        async move { a.shutdown().await }
    });
    // Its transport has ended when it takes no more.
    eventually("it ends", || {
        a.send_to(cluster(), Protocol::Bin, "m", 0, |_| {}).is_ok_and(|sent| sent.queued == 0)
    })
    .await;
    valve.open();
    ends("the shutdown", ending).await.unwrap();
    assert_eq!(valve.seen(), (0..100).collect::<Vec<_>>());
    assert_eq!(Arc::strong_count(&valve), 1, "the module has been let go");
    ends("the other shutdown", b.shutdown()).await;
}

/// Its link takes all the time there is for flushing, which is none of the modules' fault.
#[tokio::test]
async fn a_peer_that_never_reads_takes_no_time_from_modules_at_a_shutdown() {
    let unread = TcpListener::bind("127.0.0.1:0").unwrap();
    let engines = nodes_with(2, Some(unread.local_addr().unwrap()), NEVER).await;
    let [a, b] = &engines[..] else { panic!("two") };
    let valve = Valve::shut();
    register(a, "late", &valve).await;
    (0..100).for_each(|number| send(b, "late", number));
    eventually("it is stuck", || valve.is_called()).await;
    let link = || a.view().node(node(3)).and_then(|node| node.link).expect("it is dialled");
    eventually("the peer's link is full", || {
        send_long(a);
        a.queued_bytes(link()) > 1_000_000
    })
    .await;
    let ending = tokio::spawn({
        let a = a.clone();
        async move { a.shutdown().await }
    });
    eventually("its transport has ended", || state(b, 1) != State::Up).await;
    valve.open();
    ends("the shutdown", ending).await.unwrap();
    assert_eq!(valve.seen(), (0..100).collect::<Vec<_>>());
    ends("the other shutdown", b.shutdown()).await;
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_module_that_is_stuck() {
    let engines = nodes(2, None).await;
    let [a, b] = &engines[..] else { panic!("two") };
    let valve = Valve::shut();
    register(a, "sticks", &valve).await;
    send(b, "sticks", 0);
    send(b, "sticks", 1);
    eventually("it is stuck", || valve.is_called()).await;
    let begin = Instant::now();
    ends("the shutdown", a.shutdown()).await;
    let took = begin.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(4)).contains(&took), "{took:?}");
    let again = a.register_module(Registration::new("late", cluster(), NEVER), valve.clone()).await;
    assert_eq!(again, Err(RegisterModuleError::Stopped));
    valve.open();
    eventually("its thread ends", || Arc::strong_count(&valve) == 1).await;
    assert_eq!(valve.seen(), [0], "what waited is discarded");
    ends("the other shutdown", b.shutdown()).await;
}

#[tokio::test]
async fn a_callback_may_drop_the_last_handle() {
    let mut engines = nodes(2, None).await;
    let (b, a) = (engines.pop().unwrap(), engines.pop().unwrap());
    let valve = Arc::new(Valve::default());
    register(&a, "last", &valve).await;
    // Who looks at a view does not keep the node.
    let view = a.view();
    valve.then(move || drop(a));
    send(&b, "last", 0);
    eventually("the callback has returned", || valve.seen() == [0]).await;
    eventually("the module is let go", || Arc::strong_count(&valve) == 1).await;
    let sees_it_go = || b.view().node(node(1)).unwrap().availability.last_attempt > UnixTime::ZERO;
    eventually("the node has ended", sees_it_go).await;
    assert_eq!(view.modules().registrations().count(), 1);
    ends("the other shutdown", b.shutdown()).await;
}

#[tokio::test]
async fn a_callback_may_call_everything_and_wait_for_it() {
    let mut engines = nodes(2, None).await;
    let (b, a) = (engines.pop().unwrap(), engines.pop().unwrap());
    let (valve, inner) = (Arc::new(Valve::default()), Arc::new(Valve::default()));
    register(&a, "busy", &valve).await;
    let (handle, second) = (a.clone(), inner.clone());
    valve.then(move || {
        send(&handle, "answer", 1);
        let registration = Registration::new("second", cluster(), NEVER);
        let registered = wait_for("it", handle.register_module(registration, second));
        registered.expect("a good name");
        wait_for("a reload", handle.reload()).expect("the store is well");
        let changed = handle.set_state(node(2), State::Up, Protocol::Bin);
        wait_for("a state", changed).expect("it is a node");
    });
    send(&b, "busy", 0);
    eventually("the callback has returned", || valve.seen() == [0]).await;
    send(&b, "second", 7);
    eventually("the new module is called", || inner.seen() == [7]).await;
    // Even an end: it cannot wait for the very callback that it waits in, and gives up after a second.
    let handle = a.clone();
    valve.then(move || wait_for("a shutdown", handle.shutdown()));
    send(&b, "busy", 1);
    eventually("the callback has returned", || valve.seen() == [0, 1]).await;
    ends("the other shutdown", b.shutdown()).await;
}

#[tokio::test]
async fn a_module_that_is_refused_is_let_go() {
    let engines = nodes(1, None).await;
    let valve = Arc::new(Valve::default());
    register(&engines[0], "one", &valve).await;
    for name in ["one", "", "nul\0"] {
        let registration = Registration::new(name, cluster(), NEVER);
        let registered = engines[0].register_module(registration, valve.clone()).await;
        assert_eq!(registered.is_ok(), name == "nul\0", "{registered:?}");
    }
    eventually("two are held", || Arc::strong_count(&valve) == 3).await;
    ends("the shutdown", engines[0].shutdown()).await;
    assert_eq!(Arc::strong_count(&valve), 1);
}
