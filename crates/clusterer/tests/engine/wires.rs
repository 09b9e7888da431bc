//! An engine on a transport and a clock of the test's own: exactly this happens, exactly then.

use crate::support::{TestStore, cluster, ends, eventually, lonely, machine, node, state};
use clusterer::{
    BoxFuture, Clock, Cluster, Ingress, Moment, Protocol, SendError, State, Transport, UnixTime,
};
use clusterer_bin::Outgoing;
use clusterer_net::Command;
use clusterer_node::{Attempt, LinkEvent, LinkFailure, LinkId};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// A clock wound by hand.
struct Wound(watch::Sender<u64>);

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
struct Wires {
    commands: Mutex<Vec<Command>>,
    pings: Mutex<usize>,
}

impl Transport for Wires {
    fn command(&self, command: Command) {
        self.commands.lock().unwrap().push(command);
    }

    fn send(&self, _: LinkId, _: Outgoing) -> Result<(), SendError> {
        Ok(())
    }

    fn send_control(&self, _: LinkId, _: Outgoing) -> Result<(), SendError> {
        *self.pings.lock().unwrap() += 1;
        Ok(())
    }

    fn local_addresses(&self) -> Vec<SocketAddr> {
        Vec::new()
    }

    fn queued_bytes(&self, _: LinkId) -> usize {
        0
    }
}

struct Bench {
    engine: Cluster,
    wires: Arc<Wires>,
    clock: Arc<Wound>,
    ingress: Arc<dyn Ingress>,
}

impl Bench {
    async fn start() -> Self {
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
        let engine = Cluster::builder(machine(1), TestStore::new(lonely()))
            .pings(Duration::from_millis(1_000), Duration::from_millis(50))
            .clock(clock.clone())
            .transport(make)
            .start();
        let engine = ends("the start", engine).await.expect("it starts");
        let ingress = ingress.lock().unwrap().take().expect("the transport was made");
        Self { engine, wires, clock, ingress }
    }

    fn wind(&self, to: u64) {
        self.clock.0.send_replace(to);
    }

    fn dials(&self) -> Vec<Attempt> {
        let commands = self.wires.commands.lock().unwrap();
        let dial = |command: &Command| match command {
            Command::Dial(attempt) => Some(*attempt),
            _ => None,
        };
        commands.iter().filter_map(dial).collect()
    }

    fn tell(&self, attempt: Attempt, event: LinkEvent) {
        self.ingress.link(attempt, event, Moment::ZERO);
    }

    fn tries(&self) -> u32 {
        self.engine.view().node(node(2)).unwrap().availability.no_tries
    }

    /// Whatever was told before this has been taken in when it returns.
    async fn settle(&self) {
        let unknown = self.engine.set_state(node(9), State::Up, Protocol::Bin);
        ends("an answer", unknown).await.expect_err("there is no such node");
    }
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
