//! What is remembered of a connection says the same as what is found anew for every packet.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use clusterer_bin::{Dialect, Origin, Packet, PacketWriter};
use clusterer_node::{
    Cell, ClusterId, MachineId, Moment, NodeKey, RawRow, ResolvedRow, Row, Table, UnixTime,
};
use clusterer_registry::{
    ClusterModule, Delivery, Malformed, ModuleEvent, Modules, Notice, PacketContext, Registration,
    Registry, Routes, Verdict,
};
use proptest::prelude::*;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

struct Nobody;

impl ClusterModule for Nobody {
    fn on_packet(&self, _: &PacketContext, _: &Packet<'_>) -> Result<(), Malformed> {
        Ok(())
    }

    fn on_event(&self, _: ModuleEvent) {}

    fn delivery(&self) -> Delivery {
        Delivery::Inline
    }
}

const CLUSTERS: i32 = 3;
const MACHINES: i32 = 5;
const NAMES: [&str; 3] = ["a", "b", "bb"];
const T: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
enum Step {
    /// Clusters and machines of the new table, and at whose address they are.
    Load(Vec<(i32, i32, u8)>),
    /// Packets that come together over one connection.
    Packets {
        from: u8,
        count: usize,
        head: Head,
    },
    Register {
        name: usize,
        cluster: i32,
        auth: bool,
    },
    Wait(u64),
}

#[derive(Clone, Debug)]
struct Head {
    dialect: Dialect,
    name: usize,
    version: i16,
    sender: i32,
    cluster: i32,
}

fn head() -> impl Strategy<Value = Head> {
    let dialect = prop_oneof![3 => Just(Dialect::V22), 1 => Just(Dialect::V24)];
    let version = prop_oneof![9 => Just(1_i16), 1 => Just(2)];
    (dialect, 0..NAMES.len() + 1, version, 0..=MACHINES + 1, 1..=CLUSTERS).prop_map(
        |(dialect, name, version, sender, cluster)| Head {
            dialect,
            name,
            version,
            sender,
            cluster,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let member = (1..=CLUSTERS, 2..=MACHINES, 2..5_u8);
    prop_oneof![
        1 => prop::collection::vec(member, 0..8).prop_map(Step::Load),
        20 => (2..5_u8, 1..4_usize, head())
            .prop_map(|(from, count, head)| Step::Packets { from, count, head }),
        1 => (0..NAMES.len(), 0..=CLUSTERS, any::<bool>())
            .prop_map(|(name, cluster, auth)| Step::Register { name, cluster, auth }),
        4 => (0..150_u64).prop_map(Step::Wait),
    ]
}

fn table(members: &[(i32, i32, u8)]) -> Arc<Table> {
    let own = (1..=CLUSTERS).map(|cluster| (cluster, 1, 1));
    let row = |(position, (cluster, machine, host)): (i128, (i32, i32, u8))| {
        let raw = RawRow {
            id: Cell::Int(position),
            cluster_id: Cell::Int(cluster.into()),
            machine_id: Cell::Int(machine.into()),
            url: Cell::Text(format!("bin:127.0.0.{host}")),
            ..RawRow::default()
        };
        let row = Row::parse(&raw, UnixTime::ZERO).unwrap().row;
        ResolvedRow { row, ip: ip(host) }
    };
    let rows = (1..).zip(own.chain(members.iter().copied())).map(row);
    Arc::new(Table::build(MachineId::new(1).unwrap(), rows.collect()).0)
}

fn ip(host: u8) -> IpAddr {
    [127, 0, 0, host].into()
}

fn bytes(head: &Head) -> Vec<u8> {
    let name = NAMES.get(head.name).copied().unwrap_or("nobody");
    let origin = Origin { sender: head.sender, cluster: head.cluster };
    let writer = PacketWriter::with_version(head.dialect, name.as_bytes(), 7, head.version, origin);
    writer.finish(1).unwrap().to_vec()
}

fn plainly(modules: &Modules, from: IpAddr, packet: &Packet<'_>, now: Moment) -> String {
    match modules.admit(from, packet, now) {
        Verdict::Deliver { context, .. } => format!("{context:?}"),
        Verdict::Disabled { node, .. } => format!("disabled {node}"),
        Verdict::Drop(reason) => reason.name().into(),
        other => format!("{other:?}"),
    }
}

fn by_route(
    routes: &mut Routes,
    modules: &Modules,
    from: IpAddr,
    packet: &Packet<'_>,
    now: Moment,
) -> String {
    let route = match routes.find(modules, from, packet) {
        Ok(route) => route,
        Err(reason) => return reason.name().into(),
    };
    assert!(route.takes(packet));
    assert_eq!(route.delivery(), Delivery::Inline);
    match route.arrive(now) {
        Ok(pass) => {
            route.count(1, packet.bytes().len() as u64);
            assert_eq!(route.timed_out_since(pass), None);
            format!("{:?}", route.context(now))
        }
        Err(node) => format!("disabled {node}"),
    }
}

/// What there is to see of a registry.
fn shown(modules: &Modules, now: Moment) -> String {
    let watched = |it| format!("{:?}", modules.watched(it, now).collect::<Vec<_>>());
    modules.registrations().map(watched).collect()
}

proptest! {
    #[test]
    fn routes_decide_as_admit_does(steps in prop::collection::vec(step(), 0..200)) {
        let own = MachineId::new(1).unwrap();
        let (mut plain, mut quick) = (Registry::new(own), Registry::new(own));
        let mut connections: [Routes; 5] = Default::default();
        let mut millis = 0;
        for step in steps {
            let now = Moment::from_millis(millis);
            match step {
                Step::Load(members) => {
                    plain.load(now, table(&members));
                    quick.load(now, table(&members));
                }
                Step::Packets { from, count, head } => {
                    let bytes = bytes(&head);
                    let packet = Packet::parse(head.dialect, &bytes).unwrap();
                    let routes = &mut connections[usize::from(from)];
                    let (plain, quick) = (plain.modules(), quick.modules());
                    for _ in 0..count {
                        prop_assert_eq!(
                            plainly(&plain, ip(from), &packet, now),
                            by_route(routes, &quick, ip(from), &packet, now)
                        );
                    }
                }
                Step::Register { name, cluster, auth } => {
                    let registration = Registration::new(NAMES[name], ClusterId::new(cluster), T);
                    let registration = registration.auth_check(auth);
                    let done = [&mut plain, &mut quick]
                        .map(|it| it.register(now, registration.clone(), Arc::new(Nobody)));
                    prop_assert_eq!(&done[0], &done[1]);
                }
                Step::Wait(wait) => {
                    millis += wait;
                    let now = Moment::from_millis(millis);
                    let told = [&mut plain, &mut quick].map(|it| {
                        let mut notices: Vec<Notice> = Vec::new();
                        it.tick(now, &mut notices);
                        format!("{notices:?}")
                    });
                    prop_assert_eq!(&told[0], &told[1]);
                }
            }
            let now = Moment::from_millis(millis);
            prop_assert_eq!(shown(&plain.modules(), now), shown(&quick.modules(), now));
        }
    }
}

fn node_2() -> (Registry, Vec<u8>) {
    let mut registry = Registry::new(MachineId::new(1).unwrap());
    registry.load(Moment::ZERO, table(&[(1, 2, 2)]));
    let registration = Registration::new("a", ClusterId::new(1), T);
    registry.register(Moment::ZERO, registration, Arc::new(Nobody)).unwrap();
    let head = Head { dialect: Dialect::V22, name: 0, version: 1, sender: 2, cluster: 1 };
    (registry, bytes(&head))
}

#[test]
fn a_node_that_times_out_during_a_call_is_found_after_it() {
    let (mut registry, bytes) = node_2();
    let packet = Packet::parse(Dialect::V22, &bytes).unwrap();
    let mut routes = Routes::new();
    let route = routes.find(&registry.modules(), ip(2), &packet).unwrap().clone();
    let pass = route.arrive(Moment::from_millis(50)).unwrap();
    let mut notices = Vec::new();
    registry.tick(Moment::from_millis(151), &mut notices);
    assert_eq!(notices.len(), 1);
    let node = NodeKey { cluster: ClusterId::new(1).unwrap(), machine: MachineId::new(2).unwrap() };
    assert_eq!(route.timed_out_since(pass), Some(node));
    assert_eq!(route.arrive(Moment::from_millis(152)).unwrap_err(), node);
    let later = route.arrive(Moment::from_millis(351)).unwrap();
    assert_eq!(route.timed_out_since(later), None);
    assert_eq!(route.timed_out_since(pass), Some(node), "let in again meanwhile");
}

#[test]
fn what_is_remembered_is_bounded_and_keeps_no_table_in_memory() {
    let mut registry = Registry::new(MachineId::new(1).unwrap());
    let table = table(&[(1, 2, 2)]);
    registry.load(Moment::ZERO, table.clone());
    let registration = Registration::new("a", None, T);
    registry.register(Moment::ZERO, registration, Arc::new(Nobody)).unwrap();
    let mut routes = Routes::new();
    for sender in 2..100 {
        let head = Head { dialect: Dialect::V22, name: 0, version: 1, sender, cluster: 1 };
        let bytes = bytes(&head);
        let packet = Packet::parse(Dialect::V22, &bytes).unwrap();
        assert!(routes.find(&registry.modules(), ip(2), &packet).unwrap().takes(&packet));
    }
    assert_eq!(format!("{routes:?}").matches("Route(").count(), 8);
    drop(registry);
    assert_eq!(Arc::strong_count(&table), 1);
}
