//! An engine whose transport has several threads.

use crate::support::{TestStore, cluster, ends, eventually, machine, row, state};
use clusterer::{
    Cluster, ClusterModule, Delivery, Dialect, ListenerConfig, Malformed, ModuleEvent, Packet,
    PacketContext, Protocol, Registration, State,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

const NODES: i32 = 5;
const THREADS: usize = 3;
const PACKETS: i32 = 2_000;

/// Notes what each sender has sent, and on which threads that was told.
struct Noting {
    delivery: Delivery,
    seen: Mutex<BTreeMap<i32, Vec<i32>>>,
    threads: Mutex<Vec<ThreadId>>,
}

impl Noting {
    fn new(delivery: Delivery) -> Arc<Self> {
        Arc::new(Self { delivery, seen: Mutex::default(), threads: Mutex::default() })
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().values().map(Vec::len).sum()
    }
}

impl ClusterModule for Noting {
    fn on_packet(&self, context: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
        let number = packet.body().int()?;
        let (here, mut threads) = (thread::current().id(), self.threads.lock().unwrap());
        if !threads.contains(&here) {
            threads.push(here);
        }
        drop(threads);
        self.seen.lock().unwrap().entry(context.sender.get()).or_default().push(number);
        Ok(())
    }

    fn on_event(&self, _: ModuleEvent) {}

    fn delivery(&self) -> Delivery {
        self.delivery
    }
}

async fn start(id: i32, store: &Arc<TestStore>) -> Cluster {
    let listener = ListenerConfig { address: ([127, 0, 0, 1], 0).into(), dialect: Dialect::V22 };
    let engine = Cluster::builder(machine(id), store.clone());
    let engine = engine.listen(vec![listener]).threads(THREADS).start();
    ends("a start", engine).await.expect("it starts")
}

#[tokio::test]
async fn packets_of_a_sender_stay_in_order_for_queued_and_for_inline_modules() {
    let store = TestStore::new(Vec::new());
    let mut engines = Vec::new();
    for id in 1..=NODES {
        engines.push(start(id, &store).await);
    }
    let addresses = engines.iter().map(|engine| engine.local_addresses()[0]);
    *store.rows.lock().unwrap() = (1..).zip(addresses).map(|(id, at)| row(id, at)).collect();
    for engine in &engines {
        ends("a reload", engine.reload()).await.expect("the store is well");
    }
    let (receiver, senders) = engines.split_first().unwrap();
    let modules = [("queued", Delivery::Queued), ("inline", Delivery::Inline)];
    let modules = modules.map(|(name, delivery)| (name, Noting::new(delivery)));
    for (name, module) in &modules {
        let registration = Registration::new(name, cluster(), Duration::from_secs(60));
        receiver.register_module(registration, module.clone()).await.expect("a good name");
    }
    for sender in senders {
        eventually("the receiver is up", || state(sender, 1) == State::Up).await;
    }
    // Up before it is connected: what is sent waits for that.
    thread::scope(|scope| {
        for sender in senders {
            scope.spawn(|| {
                for number in 0..PACKETS {
                    for (name, _) in &modules {
                        let report = sender.send_to(cluster(), Protocol::Bin, name, 0, |packet| {
                            packet.int(number);
                        });
                        assert!(report.unwrap().queued >= 1);
                    }
                }
            });
        }
    });
    let all = senders.len() * usize::try_from(PACKETS).unwrap();
    for (name, module) in &modules {
        eventually("all have come", || module.count() == all).await;
        for (sender, numbers) in &*module.seen.lock().unwrap() {
            assert!(numbers.iter().copied().eq(0..PACKETS), "of {sender} to {name}");
        }
    }
    let [queued, inline] = modules.map(|(_, module)| module.threads.lock().unwrap().clone());
    assert_eq!(queued.len(), 1, "one call at a time: {queued:?}");
    assert_eq!(inline.len(), THREADS, "{inline:?}");
    for engine in &engines {
        engine.shutdown().await;
    }
}
