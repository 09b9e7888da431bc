//! Who is admitted, who is shut out, who is told.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use clusterer_bin::{Dialect, Origin, Packet, PacketWriter};
use clusterer_node::{
    Cell, ClusterId, MachineId, Moment, NodeKey, Protocol, RawRow, ResolvedRow, Row, Table,
    UnixTime,
};
use clusterer_registry::{
    ClusterModule, DropReason, Malformed, ModuleEvent, Notice, PacketContext, RegisterError,
    Registration, Registry, Verdict,
};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

struct Nobody;

impl ClusterModule for Nobody {
    fn on_packet(&self, _: &PacketContext, _: &Packet<'_>) -> Result<(), Malformed> {
        Ok(())
    }

    fn on_event(&self, _: ModuleEvent) {}
}

const T: Duration = Duration::from_millis(100);

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn cluster(id: i32) -> ClusterId {
    ClusterId::new(id).unwrap()
}

fn machine(id: i32) -> MachineId {
    MachineId::new(id).unwrap()
}

fn node(cluster_id: i32, machine_id: i32) -> NodeKey {
    NodeKey { cluster: cluster(cluster_id), machine: machine(machine_id) }
}

fn ip(last: i32) -> IpAddr {
    format!("127.0.0.{last}").parse().unwrap()
}

fn member(cluster_id: i32, machine_id: i32) -> ResolvedRow {
    member_of(cluster_id, machine_id, Protocol::Bin)
}

fn member_of(cluster_id: i32, machine_id: i32, protocol: Protocol) -> ResolvedRow {
    let raw = RawRow {
        id: Cell::Int(i128::from(cluster_id) * 1_000 + i128::from(machine_id)),
        cluster_id: Cell::Int(cluster_id.into()),
        machine_id: Cell::Int(machine_id.into()),
        url: Cell::Text(format!("{protocol}:127.0.0.{machine_id}")),
        ..RawRow::default()
    };
    let row = Row::parse(&raw, UnixTime::ZERO).unwrap().row;
    ResolvedRow { row, ip: ip(machine_id) }
}

/// A table with these nodes, and with machine 1 in each of their clusters.
fn table(members: impl IntoIterator<Item = ResolvedRow>) -> Arc<Table> {
    let mut rows: Vec<ResolvedRow> = members.into_iter().collect();
    let clusters: BTreeSet<i32> = rows.iter().map(|member| member.row.cluster.get()).collect();
    rows.extend(clusters.into_iter().map(|id| member(id, 1)));
    Arc::new(Table::build(machine(1), rows).0)
}

/// Machine 1, a module `m` for each of these clusters, and these nodes.
fn registry(clusters: &[(i32, bool)], members: &[(i32, i32)]) -> Registry {
    let mut registry = Registry::new(machine(1));
    registry.load(at(0), table(members.iter().map(|&(c, m)| member(c, m))));
    for &(id, auth) in clusters {
        let registration = Registration::new("m", ClusterId::new(id), T).auth_check(auth);
        registry.register(at(0), registration, Arc::new(Nobody)).unwrap();
    }
    registry
}

fn packet(module: &str, sender: i32, version: i16) -> Vec<u8> {
    let origin = Origin { sender, cluster: 1 };
    let writer = PacketWriter::with_version(Dialect::V22, module.as_bytes(), 0, version, origin);
    writer.finish(1).unwrap().to_vec()
}

/// What becomes of a packet, in short.
fn admit_at(registry: &Registry, from: IpAddr, bytes: &[u8], now: u64) -> String {
    let packet = Packet::parse(Dialect::V22, bytes).unwrap();
    match registry.modules().admit(from, &packet, at(now)) {
        Verdict::Deliver { context, .. } => {
            let cluster = context.cluster.map_or(0, ClusterId::get);
            format!("cluster {cluster} provisioned {}", context.provisioned)
        }
        Verdict::Disabled { node, .. } => format!("disabled {node}"),
        Verdict::Drop(reason) => reason.name().into(),
        other => format!("{other:?}"),
    }
}

fn admit(registry: &Registry, from: i32, sender: i32) -> String {
    admit_at(registry, ip(from), &packet("m", sender, 1), 0)
}

fn events(registry: &mut Registry, now: u64) -> Vec<ModuleEvent> {
    let mut notices: Vec<Notice> = Vec::new();
    registry.tick(at(now), &mut notices);
    notices.iter().map(|notice| notice.event).collect()
}

#[test]
fn the_auth_check_wants_the_sender_at_its_address() {
    let registry = registry(&[(1, true)], &[(1, 2), (1, 3)]);
    assert_eq!(admit(&registry, 2, 2), "cluster 1 provisioned true");
    assert_eq!(admit(&registry, 3, 2), "auth");
    assert_eq!(admit(&registry, 9, 9), "auth");
    assert_eq!(admit(&registry, 1, 1), "own_id");
    let mapped = "::ffff:127.0.0.2".parse().unwrap();
    assert_eq!(
        admit_at(&registry, mapped, &packet("m", 2, 1), 0),
        "cluster 1 provisioned true",
        "an IPv4 address is the same inside IPv6"
    );
}

#[test]
fn without_it_anybody_is_taken_but_oneself() {
    let registry = registry(&[(1, false)], &[(1, 2)]);
    assert_eq!(admit(&registry, 9, 2), "cluster 1 provisioned true");
    assert_eq!(admit(&registry, 9, 9), "cluster 1 provisioned false");
    assert_eq!(admit(&registry, 9, 1), "own_id");
    assert_eq!(admit(&registry, 9, 0), "sender_id");
    assert_eq!(admit(&registry, 9, -5), "sender_id");
}

#[test]
fn a_packet_goes_to_the_registration_in_whose_cluster_the_sender_is() {
    let registry = registry(&[(1, true), (2, true), (3, false)], &[(1, 2), (2, 4)]);
    assert_eq!(admit(&registry, 2, 2), "cluster 1 provisioned true");
    assert_eq!(admit(&registry, 4, 4), "cluster 2 provisioned true");
    assert_eq!(admit(&registry, 9, 9), "cluster 3 provisioned false");
}

#[test]
fn a_name_nobody_registered_and_another_version_are_dropped() {
    let registry = registry(&[(1, false)], &[(1, 2)]);
    assert_eq!(admit_at(&registry, ip(2), &packet("n", 2, 1), 0), "unknown_module");
    assert_eq!(admit_at(&registry, ip(2), &packet("", 2, 1), 0), "unknown_module");
    assert_eq!(admit_at(&registry, ip(2), &packet("m", 2, 2), 0), DropReason::Version.name());
}

#[test]
fn a_later_packet_names_its_cluster() {
    let registry = registry(&[(1, false)], &[(1, 2)]);
    let writer = |cluster| {
        let origin = Origin { sender: 2, cluster };
        PacketWriter::new(Dialect::V24, "m", 0, origin).finish(1).unwrap().to_vec()
    };
    let verdict = |bytes: &[u8]| {
        let packet = Packet::parse(Dialect::V24, bytes).unwrap();
        format!("{:?}", registry.modules().admit(ip(2), &packet, at(0)))
    };
    assert!(verdict(&writer(1)).starts_with("Deliver"));
    assert_eq!(verdict(&writer(7)), "Drop(WrongCluster)");
}

#[test]
fn timeout_comes_once_a_cycle() {
    let mut registry = registry(&[(1, false)], &[(1, 2)]);
    let timeout = [ModuleEvent::Timeout(node(1, 2))];
    assert_eq!(events(&mut registry, 100), []);
    assert_eq!(events(&mut registry, 101), timeout);
    assert_eq!(registry.deadline(), Some(at(301)));
    assert_eq!(admit_at(&registry, ip(2), &packet("m", 2, 1), 300), "disabled cluster 1 machine 2");
    assert_eq!(events(&mut registry, 300), []);
    assert_eq!(events(&mut registry, 301), []);
    assert_eq!(events(&mut registry, 401), []);
    assert_eq!(events(&mut registry, 402), timeout, "silent again");
    assert_eq!(
        admit_at(&registry, ip(2), &packet("m", 2, 1), 602),
        "cluster 1 provisioned true",
        "let in again by its own packet"
    );
}

#[test]
fn a_node_counts_as_heard_when_its_time_was_over_however_late_that_is_looked_at() {
    let mut registry = registry(&[(1, false)], &[(1, 2)]);
    assert_eq!(events(&mut registry, 101).len(), 1);
    assert_eq!(events(&mut registry, 350), []);
    assert_eq!(registry.modules().last_seen("m", node(1, 2)), Some(at(301)));
    assert_eq!(registry.deadline(), Some(at(402)));
}

#[test]
fn who_was_found_silent_waits_to_be_judged_and_may_yet_be_heard() {
    let mut registry = registry(&[(1, false)], &[(1, 2), (1, 3)]);
    registry.advance(at(100));
    assert_eq!((registry.judge_at(), registry.deadline()), (None, Some(at(101))));
    registry.advance(at(101));
    assert_eq!((registry.judge_at(), registry.deadline()), (Some(at(101)), Some(at(101))));
    admit_at(&registry, ip(3), &packet("m", 3, 1), 90);
    let mut notices = Vec::new();
    registry.judge(at(105), at(100), &mut notices);
    assert!(notices.is_empty(), "nobody was found by then");
    registry.judge(at(105), at(101), &mut notices);
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!(notices[0].event, ModuleEvent::Timeout(node(1, 2)));
    assert_eq!((registry.judge_at(), registry.deadline()), (None, Some(at(191))));
}

#[test]
fn packets_put_the_timeout_off() {
    let mut registry = registry(&[(1, false)], &[(1, 2)]);
    for now in (0..2_000).step_by(100) {
        admit_at(&registry, ip(2), &packet("m", 2, 1), now);
        assert_eq!(events(&mut registry, now + 99), []);
    }
}

#[test]
fn a_reload_keeps_what_is_known_of_nodes_that_stay() {
    let mut registry = registry(&[(1, false)], &[(1, 2), (1, 3)]);
    events(&mut registry, 101);
    registry.load(at(150), table([member(1, 2), member(1, 4)]));
    let shut = admit_at(&registry, ip(2), &packet("m", 2, 1), 200);
    assert_eq!(shut, "disabled cluster 1 machine 2");
    assert_eq!(registry.modules().last_seen("m", node(1, 4)), Some(at(150)));
    assert_eq!(registry.modules().last_seen("m", node(1, 3)), None);
    assert_eq!(events(&mut registry, 251), [ModuleEvent::Timeout(node(1, 4))]);
}

#[test]
fn a_node_that_a_reload_moves_within_the_table_keeps_its_own_time() {
    let mut registry = registry(&[(1, false)], &[(1, 2), (1, 3), (1, 4)]);
    for (machine, heard) in [(2, 50), (3, 20), (4, 80)] {
        admit_at(&registry, ip(machine), &packet("m", machine, 1), heard);
    }
    registry.load(at(90), table([member(1, 4), member(1, 5), member(1, 3), member(1, 2)]));
    let due: Vec<_> = (0..=200).flat_map(|now| events(&mut registry, now)).collect();
    assert_eq!(due, [3, 2, 4, 5].map(|machine| ModuleEvent::Timeout(node(1, machine))));
}

#[test]
fn who_was_found_silent_before_a_reload_is_judged_after_it_if_he_is_still_there() {
    let mut registry = registry(&[(1, false)], &[(1, 2), (1, 3)]);
    registry.advance(at(101));
    registry.load(at(102), table([member(1, 4), member(1, 3)]));
    let mut notices = Vec::new();
    registry.judge(at(103), at(101), &mut notices);
    let told: Vec<_> = notices.iter().map(|notice| notice.event).collect();
    assert_eq!(told, [ModuleEvent::Timeout(node(1, 3))]);
    assert_eq!((registry.judge_at(), registry.deadline()), (None, Some(at(203))));
}

#[test]
fn nodes_of_another_protocol_or_cluster_are_not_watched() {
    let mut registry = registry(&[(1, false)], &[(2, 2)]);
    let udp = member_of(1, 3, Protocol::Udp);
    registry.load(at(0), table([member(2, 2), udp, member(1, 1)]));
    assert_eq!(registry.deadline(), None);

    let registration = Registration::new("n", ClusterId::new(1), T).protocol(Protocol::Udp);
    registry.register(at(0), registration, Arc::new(Nobody)).unwrap();
    assert_eq!(events(&mut registry, 101), [ModuleEvent::Timeout(node(1, 3))]);
    registry.load(at(102), table([]));
    assert_eq!(registry.deadline(), None, "nobody is left to watch");
}

#[test]
fn what_a_node_sent_is_counted_where_it_is_admitted_and_nowhere_else() {
    let mut registry = registry(&[(1, true), (2, true)], &[(1, 2), (1, 3), (2, 4)]);
    let other = Registration::new("n", ClusterId::new(1), T).auth_check(true);
    registry.register(at(0), other, Arc::new(Nobody)).unwrap();
    let [m, n] = ["m", "n"].map(|module| packet(module, 2, 1));
    for bytes in [&m, &m, &n] {
        admit_at(&registry, ip(2), bytes, 0);
    }
    admit_at(&registry, ip(9), &m, 0);
    admit_at(&registry, ip(2), &packet("nobody", 2, 1), 0);
    let modules = registry.modules();
    let volume = |node| (modules.received(node).packets, modules.received(node).bytes);
    assert_eq!(volume(node(1, 2)), (3, (2 * m.len() + n.len()) as u64));
    assert_eq!(volume(node(1, 3)), (0, 0), "it sent nothing");
    assert_eq!(volume(node(2, 2)), (0, 0), "that is another node");

    events(&mut registry, 101);
    assert_eq!(admit_at(&registry, ip(2), &m, 300), "disabled cluster 1 machine 2");
    registry.load(at(300), table([member(1, 2), member(1, 5)]));
    assert_eq!(registry.modules().received(node(1, 2)).packets, 3, "a reload keeps it");
    assert_eq!(registry.modules().received(node(1, 5)).packets, 0);
}

#[test]
fn each_module_shows_its_nodes_and_until_when_they_are_shut_out() {
    let mut registry = registry(&[(1, true), (2, true)], &[(1, 2), (1, 3), (2, 4)]);
    admit_at(&registry, ip(3), &packet("m", 3, 1), 50);
    events(&mut registry, 101);
    let modules = registry.modules();
    let show = |id, now| {
        let mut all = modules.registrations();
        let registration = all.find(|module| module.cluster == ClusterId::new(id)).unwrap();
        let watched = modules.watched(registration, at(now)).map(|seen| {
            let until = seen.shut_until.map(Moment::as_millis);
            (seen.node, seen.last_seen.as_millis(), until, seen.received.packets)
        });
        watched.collect::<Vec<_>>()
    };
    let third = (node(1, 3), 50, None, 1);
    assert_eq!(show(1, 300), [(node(1, 2), 0, Some(301), 0), third]);
    assert_eq!(show(1, 301), [(node(1, 2), 0, None, 0), third], "its time is over");
    assert_eq!(show(2, 300), [(node(2, 4), 0, Some(301), 0)]);
    let stranger = Registration::new("m", ClusterId::new(3), T);
    assert_eq!(modules.watched(&stranger, at(0)).count(), 0);
    assert_eq!(modules.last_heard(node(1, 3)), Some(at(50)));
    assert_eq!(modules.last_heard(node(1, 4)), None);
}

#[test]
fn a_module_is_found_by_its_name_in_whatever_order_they_registered() {
    let mut registry = registry(&[(1, false)], &[(1, 2)]);
    for name in ["z", "a", "n"] {
        let registration = Registration::new(name, ClusterId::new(1), T);
        registry.register(at(0), registration, Arc::new(Nobody)).unwrap();
    }
    for name in ["a", "m", "n", "z"] {
        let verdict = admit_at(&registry, ip(2), &packet(name, 2, 1), 0);
        assert_eq!(verdict, "cluster 1 provisioned true", "{name}");
    }
}

#[test]
fn a_registration_that_makes_no_sense_is_refused() {
    let mut registry = registry(&[(1, false)], &[]);
    let mut register = |registration| {
        registry.register(at(0), registration, Arc::new(Nobody)).unwrap_err().to_string()
    };
    assert_eq!(
        register(Registration::new("m", cluster(1), T)),
        "module \"m\" is registered for cluster 1 already"
    );
    assert_eq!(
        register(Registration::new("n", None, T).auth_check(true)),
        "an auth check needs a cluster: give a cluster id other than 0"
    );
    assert_eq!(
        register(Registration::new("n", cluster(1), Duration::from_micros(999))),
        "the timeout must be at least a millisecond"
    );
    for name in ["", "clusterer"] {
        let error = registry
            .register(at(0), Registration::new(name, cluster(1), T), Arc::new(Nobody))
            .unwrap_err();
        assert_eq!(error, RegisterError::BadName(name.into()));
    }
}

#[test]
fn whoever_debugs_sees_the_registrations_and_what_is_told() {
    let mut registry = registry(&[(1, true)], &[(1, 2)]);
    for text in [format!("{registry:?}"), format!("{:?}", registry.modules())] {
        assert!(text.contains("name: \"m\"") && text.contains("auth_check: true"), "{text}");
    }
    let mut notices = Vec::new();
    registry.tick(at(101), &mut notices);
    let told = format!("{notices:?}");
    assert!(told.starts_with("[Notice(m Timeout("), "{told}");
}

#[test]
fn a_malformed_packet_is_described_by_its_field_or_its_value() {
    let origin = Origin { sender: 2, cluster: 1 };
    let bytes = PacketWriter::new(Dialect::V22, "m", 0, origin).finish(1).unwrap().to_vec();
    let error = Packet::parse(Dialect::V22, &bytes).unwrap().body().int().unwrap_err();
    assert_eq!(Malformed::from(error).to_string(), error.to_string());
    assert_eq!(Malformed::Value("no such command").to_string(), "no such command");
}
