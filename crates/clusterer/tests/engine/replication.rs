//! Two engines on loopback: packets, callbacks, reloads under way.

use crate::figures;
use crate::support::{TestStore, cluster, ends, eventually, machine, node, row, state};
use clusterer::{
    Cluster, ClusterModule, Dialect, ListenerConfig, Malformed, ModuleEvent, Moment, Packet,
    PacketContext, Protocol, Registration, State, Traffic,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const COUNT: i32 = 0;
const PANIC: i32 = 1;
const ECHO: i32 = 2;

/// Keeps the numbers it is sent; panics or sends one back if told to.
#[derive(Default)]
struct Numbers {
    seen: Mutex<Vec<i32>>,
    silent: AtomicUsize,
    engine: Mutex<Option<Cluster>>,
}

impl ClusterModule for Numbers {
    fn on_packet(&self, _: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
        let number = packet.body().int()?;
        assert_ne!(packet.command, PANIC, "told to");
        self.seen.lock().unwrap().push(number);
        let engine = self.engine.lock().unwrap().clone();
        if let Some(engine) = engine.filter(|_| packet.command == ECHO) {
            send(&engine, COUNT, number);
        }
        Ok(())
    }

    fn on_event(&self, _: ModuleEvent) {
        self.silent.fetch_add(1, Ordering::Relaxed);
        panic!("events may panic, too");
    }
}

fn send(engine: &Cluster, command: i32, number: i32) {
    let report = engine.send_to(cluster(), Protocol::Bin, "numbers", command, |packet| {
        packet.int(number);
    });
    assert_eq!(report.unwrap().queued, 1);
}

/// Two nodes that know each other, each with the module.
struct Pair {
    nodes: [Cluster; 2],
    modules: [Arc<Numbers>; 2],
}

impl Pair {
    async fn start(timeout: Duration) -> Self {
        let store = TestStore::new(Vec::new());
        let listen =
            || ListenerConfig { address: ([127, 0, 0, 1], 0).into(), dialect: Dialect::V22 };
        let mut nodes = Vec::new();
        for id in [1, 2] {
            let engine =
                Cluster::builder(machine(id), store.clone()).listen(vec![listen()]).start();
            nodes.push(ends("a start", engine).await.expect("it starts"));
        }
        let address = |engine: &Cluster| engine.local_addresses()[0];
        *store.rows.lock().unwrap() = vec![row(1, address(&nodes[0])), row(2, address(&nodes[1]))];
        let modules = [Arc::new(Numbers::default()), Arc::new(Numbers::default())];
        for (engine, module) in nodes.iter().zip(&modules) {
            ends("a reload", engine.reload()).await.expect("the store is well");
            let registration = Registration::new("numbers", cluster(), timeout).auth_check(true);
            engine.register_module(registration, module.clone()).await.expect("a good name");
        }
        let nodes: [Cluster; 2] = nodes.try_into().unwrap();
        for (engine, other) in nodes.iter().zip([2, 1]) {
            eventually("they are up", || state(engine, other) == State::Up).await;
        }
        Self { nodes, modules }
    }

    fn seen(&self, which: usize) -> Vec<i32> {
        self.modules[which].seen.lock().unwrap().clone()
    }

    async fn end(self) {
        for engine in &self.nodes {
            ends("a shutdown", engine.shutdown()).await;
        }
    }
}

#[tokio::test]
async fn packets_arrive_in_order_while_both_ends_reload() {
    let pair = Pair::start(Duration::from_secs(60)).await;
    for number in 0..200 {
        send(&pair.nodes[0], COUNT, number);
        if number % 20 == 0 {
            for engine in &pair.nodes {
                ends("a reload", engine.reload()).await.expect("the store is well");
            }
        }
    }
    eventually("all arrive", || pair.seen(1).len() == 200).await;
    assert_eq!(pair.seen(1), (0..200).collect::<Vec<_>>());
    pair.end().await;
}

#[tokio::test]
async fn traffic_and_round_trips_are_known_by_node_and_survive_reloads() {
    const BURST: i32 = 50;
    let pair = Pair::start(Duration::from_secs(60)).await;
    let [from, to] = &pair.nodes;
    for number in 0..BURST {
        send(from, COUNT, number);
        if number % 20 == 0 {
            for engine in &pair.nodes {
                ends("a reload", engine.reload()).await.expect("the store is well");
            }
        }
    }
    let count = BURST.unsigned_abs().into();
    eventually("all arrive", || pair.seen(1).len() as u64 == count).await;
    let traffic = |engine: &Cluster, peer| engine.view().traffic(node(peer)).unwrap();
    let (sent, received) = (traffic(from, 2).sent, traffic(to, 1).received);
    assert_eq!((sent.packets, sent), (count, received), "pings are not among them");
    assert_eq!(sent.bytes % count, 0, "all are as long");
    assert_eq!(traffic(from, 2).received, Traffic::default().received, "nothing came back");

    let view = from.view();
    let peer = view.node(node(2)).unwrap();
    eventually("a ping is answered", || peer.round_trip().is_some()).await;
    assert!(peer.round_trip().unwrap().last < Duration::from_secs(20));
    let seen = |at: &Moment| *at <= from.now().after(Duration::from_secs(1));
    assert!(peer.next_attempt().as_ref().is_some_and(seen), "it is pinged every second");
    let module = view.modules().registrations().next().unwrap();
    let mut watched = view.modules().watched(module, from.now());
    assert_eq!(watched.next().map(|watched| watched.node), Some(node(2)));
    pair.end().await;
}

#[tokio::test]
async fn a_callback_may_send() {
    let pair = Pair::start(Duration::from_secs(60)).await;
    *pair.modules[1].engine.lock().unwrap() = Some(pair.nodes[1].clone());
    send(&pair.nodes[0], ECHO, 7);
    eventually("the echo arrives", || pair.seen(0) == [7]).await;
    *pair.modules[1].engine.lock().unwrap() = None;
    pair.end().await;
}

#[tokio::test]
async fn callbacks_that_panic_are_counted_and_the_node_goes_on() {
    figures::install();
    let pair = Pair::start(Duration::from_millis(50)).await;
    eventually("a node is silent", || pair.modules[1].silent.load(Ordering::Relaxed) > 0).await;
    // While a node is shut out, packets are events, which panic as well.
    eventually("a packet passes", || {
        send(&pair.nodes[0], PANIC, 1);
        send(&pair.nodes[0], COUNT, 2);
        !pair.seen(1).is_empty()
    })
    .await;
    ends("the view", pair.nodes[1].set_state(node(1), State::Down, Protocol::Bin)).await.unwrap();
    assert_eq!(state(&pair.nodes[1], 1), State::Down);
    eventually("an event and a packet are counted", || {
        figures::counter("clusterer_module_panics_total", "numbers") >= 2
    })
    .await;
    pair.end().await;
}
