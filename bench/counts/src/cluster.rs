//! What a node does with packets and with time, among few and among many.

use crate::codec;
use crate::meter::counted;
use crate::same::Same;
use crate::words::number;
use clusterer_bin::{Dialect, Packet};
use clusterer_core::{Action, Admission, Core, Input, Settings, View};
use clusterer_node::{
    Cell, ClusterId, LinkEvent, MachineId, Moment, Now, Protocol, RawRow, ResolvedRow, Row, Table,
    UnixTime,
};
use clusterer_registry::{
    ClusterModule, Malformed, ModuleEvent, PacketContext, Registration, Routes,
};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

/// When the others have been disabled last, and for how many seconds at least.
const FAILED: u64 = 1_000_000;
const PAUSE: usize = 100_000;
/// The first peer, which is up. The machine itself is number 1.
const PEER: i32 = 2;

/// All that depends, or must not depend, on the number of nodes.
pub(crate) fn all(nodes: usize) {
    let mut cluster = Cluster::new(nodes);
    let nodes = number(nodes, "node");
    cluster.connect();
    cluster.packets(&nodes);
    cluster.ticks(&nodes);
}

struct Cluster {
    core: Core,
    view: View,
    actions: Vec<Action>,
}

impl Cluster {
    /// One peer is up. The others wait, each for another time to come.
    fn new(nodes: usize) -> Self {
        let own = MachineId::new(1).expect("not zero");
        let rows = (1..=nodes + 1).map(row).collect();
        let (table, skipped) = Table::build(own, rows);
        assert!(skipped.is_empty(), "all rows are good");
        let mut core = Core::new(own, Settings::default(), 0);
        let mut actions = Vec::new();
        core.handle(at(0), Input::Loaded(table), &mut actions);
        let long = Duration::from_secs(1_000_000);
        let registration = Registration::new("ratelimit", ClusterId::new(1), long).auth_check(true);
        core.register(at(0), registration, Arc::new(Reads)).expect("the first of its name");
        let view = core.take_view().expect("a table was loaded");
        Self { core, view, actions }
    }

    /// The peer that is up is connected and answers its first ping.
    fn connect(&mut self) {
        let dialled = self.actions.iter().find_map(|action| match action {
            Action::Dial(attempt) => Some(*attempt),
            _ => None,
        });
        let attempt = dialled.expect("one peer is up");
        self.hand(at(1), Input::Link { attempt, event: LinkEvent::Connected });
        self.answer(at(2));
    }

    /// What the thread that receives does.
    fn packets(&mut self, nodes: &str) {
        let bytes = codec::packet(1);
        let packet = Packet::parse(Dialect::V22, &bytes).expect("its header can be read");
        let from = address(2);
        let now = Moment::from_millis(10);
        let view = &self.view;

        let admit = || {
            black_box(view.admit(black_box(from), &packet, now));
        };
        admit();
        counted(&format!("admit, {nodes}"), admit);

        // Where the packets of the connection go is remembered from the first on.
        let mut routes = Routes::new();
        let mut dispatch = || {
            let Admission::Module(route) = view.route(&mut routes, black_box(from), &packet) else {
                panic!("it is a module's")
            };
            let pass = route.arrive(now).expect("the peer is not shut out");
            route.module().on_packets(&route.context(now), &mut Same::new(packet, 1));
            route.count(1, 51);
            assert_eq!(route.timed_out_since(pass), None, "it was just heard");
        };
        dispatch();
        counted(&format!("dispatch, {nodes}"), dispatch);

        let (cluster, machine) = (ClusterId::new(1), MachineId::new(PEER).expect("not zero"));
        let check = || {
            let known = cluster.is_some_and(|cluster| {
                view.check(cluster, black_box(from), machine, Protocol::Bin)
            });
            assert!(known, "the peer is provisioned at this address");
        };
        check();
        counted(&format!("check, {nodes}"), check);
    }

    /// What the control thread does when it wakes up.
    fn ticks(&mut self, nodes: &str) {
        self.tick(at(500));
        assert!(self.actions.is_empty(), "nothing is due");
        counted(&format!("tick, nothing due, {nodes}"), || self.tick(at(500)));

        self.tick(at(1001));
        self.answer(at(1002));
        counted(&format!("tick, one ping due, {nodes}"), || self.tick(at(2001)));
        assert!(matches!(self.actions[..], [Action::Ping { .. }]), "{:?}", self.actions);
    }

    fn tick(&mut self, now: Now) {
        self.hand(now, Input::Tick);
        black_box(self.core.deadline());
    }

    /// The ping that was just sent is answered.
    fn answer(&mut self, now: Now) {
        let [Action::Ping { link, nonce }] = self.actions[..] else {
            panic!("a ping was due: {:?}", self.actions)
        };
        let sender = MachineId::new(PEER).expect("not zero");
        self.hand(now, Input::Pong { link, sender, nonce });
    }

    fn hand(&mut self, now: Now, input: Input) {
        self.actions.clear();
        self.core.handle(now, input, &mut self.actions);
    }
}

/// A module that reads what it is given.
#[derive(Debug)]
struct Reads;

impl ClusterModule for Reads {
    fn on_packet(&self, _: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
        Ok(codec::read_pipes(packet.body())?)
    }

    fn on_event(&self, _: ModuleEvent) {}
}

fn row(number: usize) -> ResolvedRow {
    let waits = number > 2;
    let id = Cell::Int(number.try_into().expect("small"));
    let raw = RawRow {
        id: id.clone(),
        cluster_id: Cell::Int(1),
        machine_id: id,
        url: Cell::Text(format!("bin:{}:5555", address(number))),
        state: Cell::Int(if waits { 2 } else { 1 }),
        last_attempt: Cell::Int(if waits { FAILED.into() } else { 0 }),
        no_tries: Cell::Int(if waits { 3 } else { 0 }),
        duration: Cell::Int((PAUSE + number).try_into().expect("small")),
        ..RawRow::default()
    };
    let row = Row::parse(&raw, at(0).unix).expect("all columns are good").row;
    ResolvedRow { row, ip: address(number) }
}

fn address(number: usize) -> IpAddr {
    let bits = u32::try_from(number).expect("small");
    Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() | bits).into()
}

fn at(millis: u64) -> Now {
    Now { mono: Moment::from_millis(millis), unix: UnixTime::from_secs(FAILED) }
}
