//! An engine on a transport and a clock of the test's own: exactly this happens, exactly then.

use crate::support::{TestStore, cluster, ends, eventually, lonely, machine, node, row, state};
use clusterer::{
    BoxFuture, Builder, Clock, Cluster, ClusterModule, Dialect, Ingress, Malformed, ModuleEvent,
    Moment, NodeStore, Packet, PacketContext, Protocol, RawRow, Registration, ReloadError,
    SendError, SendToError, State, Transport, UnixTime,
};
use clusterer_bin::{Framer, Outgoing};
use clusterer_core::ping;
use clusterer_net::{AfterDrain, Command, Drained, Packets, Reply, Source};
use clusterer_node::{Attempt, LinkEvent, LinkFailure, LinkId};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// A clock wound by hand.
pub(crate) struct Wound(watch::Sender<u64>);

impl Clock for Wound {
    fn now(&self) -> Moment {
        Moment::from_millis(*self.0.borrow())
    }

    fn unix(&self) -> UnixTime {
        UnixTime::from_secs(1_000_000 + *self.0.borrow() / 1_000)
    }

    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        let mut shown = self.0.subscribe();
        Box::pin(async move {
            // The clock ends with its engine.
            let _ = shown.wait_for(|&now| now >= at.as_millis()).await;
        })
    }
}

/// Records what it is told to do.
#[derive(Default)]
pub(crate) struct Wires {
    commands: Mutex<Vec<Command>>,
    pings: Mutex<usize>,
    /// How often connections were to forget what they remember.
    forgotten: AtomicUsize,
    broken: AtomicBool,
    /// It panics when it is to have connections forget.
    forgets_nothing: AtomicBool,
    /// What is to be told when everything was read; `None`: it is told at once.
    drains: Mutex<Option<Vec<AfterDrain>>>,
}

impl Transport for Wires {
    fn command(&self, command: Command) {
        self.commands.lock().unwrap().push(command);
        assert!(!self.broken.load(Ordering::SeqCst), "this transport has a bug");
    }

    fn send(&self, _: LinkId, _: Outgoing) -> Result<(), SendError> {
        Ok(())
    }

    fn send_control(&self, _: LinkId, _: Outgoing) -> Result<(), SendError> {
        *self.pings.lock().unwrap() += 1;
        Ok(())
    }

    fn drain(&self, then: AfterDrain) {
        match &mut *self.drains.lock().unwrap() {
            Some(held) => held.push(then),
            None => then(Drained::default()),
        }
    }

    fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        assert!(!self.forgets_nothing.load(Ordering::SeqCst), "this transport has another bug");
    }

    fn local_addresses(&self) -> Vec<SocketAddr> {
        Vec::new()
    }

    fn queued_bytes(&self, _: LinkId) -> usize {
        0
    }
}

pub(crate) struct Bench {
    pub(crate) engine: Cluster,
    wires: Arc<Wires>,
    clock: Arc<Wound>,
    pub(crate) ingress: Arc<dyn Ingress>,
}

impl Bench {
    async fn start() -> Self {
        Self::with(lonely()).await
    }

    async fn with(rows: Vec<RawRow>) -> Self {
        Self::start_with(TestStore::new(rows), |builder| builder).await
    }

    pub(crate) async fn start_with(
        store: Arc<dyn NodeStore>,
        adjust: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let wires = Arc::new(Wires::default());
        let clock = Arc::new(Wound(watch::Sender::new(0)));
        let ingress = Arc::new(Mutex::new(None));
        let make = {
            let (wires, ingress) = (wires.clone(), ingress.clone());
            Box::new(move |_: clusterer_net::Clock, given: Arc<dyn Ingress>| {
                *ingress.lock().unwrap() = Some(given);
                Ok(wires as Arc<dyn Transport>)
            })
        };
        let builder = Cluster::builder(machine(1), store)
            .pings(Duration::from_millis(1_000), Duration::from_millis(50))
            .clock(clock.clone())
            .transport(make);
        let engine = ends("the start", adjust(builder).start()).await.expect("it starts");
        let ingress = ingress.lock().unwrap().take().expect("the transport was made");
        Self { engine, wires, clock, ingress }
    }

    pub(crate) fn wind(&self, to: u64) {
        self.clock.0.send_replace(to);
    }

    pub(crate) fn dials(&self) -> Vec<Attempt> {
        let commands = self.wires.commands.lock().unwrap();
        let dial = |command: &Command| match command {
            Command::Dial(attempt) => Some(*attempt),
            _ => None,
        };
        commands.iter().filter_map(dial).collect()
    }

    fn links(&self, wanted: impl Fn(&Command) -> Option<LinkId>) -> Vec<LinkId> {
        self.wires.commands.lock().unwrap().iter().filter_map(wanted).collect()
    }

    fn opened(&self) -> Vec<LinkId> {
        self.links(|command| match command {
            Command::Open(spec) => Some(spec.link),
            _ => None,
        })
    }

    fn closed(&self) -> Vec<LinkId> {
        self.links(|command| match command {
            Command::Close(link) => Some(*link),
            _ => None,
        })
    }

    pub(crate) fn tell(&self, attempt: Attempt, event: LinkEvent) {
        self.ingress.link(attempt, event, Moment::ZERO);
    }

    /// Drains are not answered from now on.
    pub(crate) fn hold_drains(&self) {
        *self.wires.drains.lock().unwrap() = Some(Vec::new());
    }

    /// Waits until a drain is asked for.
    pub(crate) async fn await_drain(&self) {
        let held = || self.wires.drains.lock().unwrap().as_ref().is_some_and(|it| !it.is_empty());
        eventually("a drain", held).await;
    }

    /// Says, to those who asked for a drain, that the transport has stopped.
    pub(crate) fn stop_drains(&self) {
        let drains = self.wires.drains.lock().unwrap().replace(Vec::new());
        let mut drained = Drained::default();
        drained.stopped = true;
        drains.into_iter().flatten().for_each(|then| then(drained));
    }

    /// Answers the drains that were asked for, and those that will be.
    pub(crate) fn drain(&self) {
        let drains = self.wires.drains.lock().unwrap().take();
        drains.into_iter().flatten().for_each(|then| then(Drained::default()));
    }

    fn tries(&self) -> u32 {
        self.engine.view().node(node(2)).unwrap().availability.no_tries
    }

    fn answers_a_ping(&self) -> bool {
        answers_a_ping(&self.ingress)
    }

    /// Whatever was told before this has been taken in when it returns, and whoever was late been judged.
    pub(crate) async fn settle(&self) {
        // A turn that asks for a drain, and one that has its answer.
        for _ in 0..2 {
            let unknown = self.engine.set_state(node(9), State::Up, Protocol::Bin);
            ends("an answer", unknown).await.expect_err("there is no such node");
        }
    }
}

/// Node 2 pings from its address.
fn answers_a_ping(ingress: &Arc<dyn Ingress>) -> bool {
    let bytes = ping(machine(2), 7).unwrap().to(0).to_vec();
    let mut packets = Packets::new(Framer::new(Dialect::V22), &bytes);
    let (peer, local) = (([127, 0, 0, 1], 9).into(), ([127, 0, 0, 1], 1).into());
    let source = Source::new(peer, local, None, Dialect::V22);
    let mut answers = 0;
    let mut sink = |_| {
        answers += 1;
        Ok(())
    };
    let mut receiver = ingress.clone().open(&source);
    receiver.packets(&mut packets, Moment::ZERO, &mut Reply::new(&mut sink));
    answers == 1
}

#[tokio::test]
async fn an_event_that_waited_does_not_shorten_the_next_attempt() {
    let bench = Bench::start().await;
    let first = bench.dials()[0];
    // The event carries the moment 0, the clock shows 45 when it is taken in.
    bench.wind(45);
    bench.tell(first, LinkEvent::Failed(LinkFailure::Refused));
    eventually("it is dialled again", || bench.dials().len() == 2).await;
    bench.wind(94);
    bench.settle().await;
    assert_eq!(bench.tries(), 1, "the second attempt has its whole time");
    bench.wind(95);
    eventually("it is late", || bench.tries() == 2).await;
    bench.engine.shutdown().await;
}

#[tokio::test]
async fn an_event_of_an_attempt_that_was_hung_up_is_not_taken_for_the_next() {
    let bench = Bench::start().await;
    let first = bench.dials()[0];
    bench.wind(50);
    eventually("it is dialled again", || bench.dials().len() == 2).await;
    bench.tell(first, LinkEvent::Connected);
    bench.tell(first, LinkEvent::Failed(LinkFailure::Reset));
    bench.settle().await;
    assert_eq!((bench.tries(), *bench.wires.pings.lock().unwrap()), (1, 0));
    bench.tell(bench.dials()[1], LinkEvent::Connected);
    eventually("it is pinged", || *bench.wires.pings.lock().unwrap() == 1).await;
    bench.engine.shutdown().await;
}

#[tokio::test]
async fn nobody_is_judged_before_the_transport_was_drained() {
    let bench = Bench::start().await;
    bench.hold_drains();
    bench.wind(50);
    bench.await_drain().await;
    bench.settle().await;
    assert_eq!(bench.tries(), 0);
    bench.tell(bench.dials()[0], LinkEvent::Connected);
    bench.drain();
    eventually("it is pinged", || *bench.wires.pings.lock().unwrap() == 1).await;
    bench.settle().await;
    assert_eq!(bench.tries(), 0, "the connect lay unread");
    bench.engine.shutdown().await;
}

#[tokio::test]
async fn a_state_is_in_the_view_when_it_has_been_set() {
    let bench = Bench::start().await;
    for wanted in [State::Down, State::Up, State::Probing, State::Up].repeat(50) {
        bench.engine.set_state(node(2), wanted, Protocol::Bin).await.expect("it is a node");
        assert_eq!(state(&bench.engine, 2), wanted);
        let sent = bench.engine.send_to(cluster(), Protocol::Bin, "m", 0, |_| {}).unwrap();
        assert_eq!(sent.queued, usize::from(wanted == State::Up));
    }
    bench.engine.shutdown().await;
}

/// Else each silent one would keep parts of a former table in memory.
#[tokio::test]
async fn connections_are_to_forget_former_nodes_and_modules_and_nothing_else() {
    let bench = Bench::start().await;
    let forgotten = || bench.wires.forgotten.load(Ordering::SeqCst);
    let begun = forgotten();
    bench.engine.set_state(node(2), State::Down, Protocol::Bin).await.expect("it is a node");
    assert_eq!(forgotten(), begun, "a state is none of what they remember");
    bench.engine.reload().await.expect("it loads");
    assert_eq!(forgotten(), begun + 1);
    let registration = Registration::new("m", cluster(), Duration::from_secs(60));
    bench.engine.register_module(registration, Arc::new(Nobody)).await.expect("a good name");
    assert_eq!(forgotten(), begun + 2);
    bench.engine.shutdown().await;
}

#[tokio::test]
async fn every_link_is_closed_at_a_shutdown_and_by_the_last_handle() {
    for by_shutdown in [true, false] {
        let mut rows = lonely();
        rows.push(row(3, ([127, 0, 0, 1], 3).into()));
        let mut bench = Bench::with(rows).await;
        let opened = bench.opened();
        assert_eq!((opened.len(), bench.closed().len()), (2, 0));
        if by_shutdown {
            ends("the shutdown", bench.engine.shutdown()).await;
            assert_eq!(bench.closed(), opened);
        }
        let other = Bench::start().await;
        drop(std::mem::replace(&mut bench.engine, other.engine));
        eventually("they are closed", || bench.closed() == opened).await;
    }
}

/// They stayed, and were counted on.
#[tokio::test]
async fn links_are_closed_by_a_transport_that_panics_when_it_is_to_forget() {
    let bench = Bench::start().await;
    let begun = bench.wires.forgotten.load(Ordering::SeqCst);
    bench.wires.forgets_nothing.store(true, Ordering::SeqCst);
    ends("the shutdown", bench.engine.shutdown()).await;
    assert_eq!((bench.opened().len(), bench.closed()), (1, bench.opened()));
    assert_eq!(bench.wires.forgotten.load(Ordering::SeqCst), begun + 1, "it was asked");
}

/// A node that answered pings and judged nothing would be counted on for ever.
#[tokio::test]
async fn a_node_whose_control_thread_panics_leaves_its_clusters() {
    let bench = Bench::start().await;
    let module = Arc::new(Nobody);
    let registration = Registration::new("m", cluster(), Duration::from_secs(60));
    bench.engine.register_module(registration, module.clone()).await.expect("a good name");
    assert!(bench.answers_a_ping());
    let engine = bench.engine.clone();
    let stopped = tokio::spawn(async move { engine.stopped().await });
    bench.settle().await;
    assert!(!stopped.is_finished());
    bench.wires.broken.store(true, Ordering::SeqCst);
    bench.tell(bench.dials()[0], LinkEvent::Failed(LinkFailure::Refused));
    ends("the node", stopped).await.unwrap();
    eventually("it leaves", || bench.engine.get_nodes(cluster(), Protocol::Bin).is_empty()).await;
    eventually("it leaves", || !bench.answers_a_ping()).await;
    let sent = bench.engine.send_to(cluster(), Protocol::Bin, "m", 0, |_| {});
    assert_eq!(sent, Err(SendToError::UnknownCluster(cluster())));
    assert_eq!(bench.engine.reload().await, Err(ReloadError::Stopped));
    eventually("its links are closed", || bench.closed() == bench.opened()).await;
    eventually("its modules are let go", || Arc::strong_count(&module) == 1).await;
    ends("the shutdown", bench.engine.shutdown()).await;
}

struct Nobody;

impl ClusterModule for Nobody {
    fn on_packet(&self, _: &PacketContext, _: &Packet<'_>) -> Result<(), Malformed> {
        Ok(())
    }

    fn on_event(&self, _: ModuleEvent) {}
}

/// Whoever does not get its first ping answered takes this node for one that never answers, and would
/// not notice if it stood still next.
#[tokio::test]
async fn the_first_ping_is_answered_however_early_it_comes() {
    let answered = Arc::new(AtomicBool::new(false));
    let make = {
        let answered = answered.clone();
        Box::new(move |_: clusterer_net::Clock, ingress: Arc<dyn Ingress>| {
            answered.store(answers_a_ping(&ingress), Ordering::Relaxed);
            Ok(Arc::new(Wires::default()) as Arc<dyn Transport>)
        })
    };
    let builder = Cluster::builder(machine(1), TestStore::new(lonely())).transport(make);
    let engine = ends("the start", builder.start()).await.expect("it starts");
    assert!(answered.load(Ordering::Relaxed));
    engine.shutdown().await;
}
