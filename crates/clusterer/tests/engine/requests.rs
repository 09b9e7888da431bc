//! Requests that make no sense: typed errors, and nothing happens.

use crate::support::{TestStore, cluster, ends, lonely, machine, node, row};
use crate::wires::Bench;
use clusterer::{
    ClusterId, ClusterModule, Dialect, Malformed, ModuleEvent, NodeKey, Packet, PacketContext,
    Protocol, RegisterError, RegisterModuleError, Registration, SendToError, SetStateError,
    SkipReason, State, StatusError,
};
use clusterer_bin::WriteError;
use std::sync::Arc;
use std::time::Duration;

struct Deaf;

impl ClusterModule for Deaf {
    fn on_packet(&self, _: &PacketContext, _: &Packet<'_>) -> Result<(), Malformed> {
        Ok(())
    }

    fn on_event(&self, _: ModuleEvent) {}
}

async fn bench() -> Bench {
    let mut rows = lonely();
    let mut udp = row(3, ([127, 0, 0, 1], 3).into());
    udp.url = clusterer::Cell::Text("udp:127.0.0.1:3".into());
    rows.push(udp);
    Bench::start_with(TestStore::new(rows), |builder| builder).await
}

fn elsewhere() -> ClusterId {
    ClusterId::new(2).unwrap()
}

#[tokio::test]
async fn send_to_a_cluster_that_this_machine_is_not_in() {
    let bench = bench().await;
    let sent = bench
        .engine
        .send_to(elsewhere(), Protocol::Bin, "m", 0, |_| panic!("nothing is written for nobody"));
    assert_eq!(sent, Err(SendToError::UnknownCluster(elsewhere())));
    assert_eq!(sent.unwrap_err().to_string(), "this machine does not belong to cluster 2");
    bench.engine.shutdown().await;
}

#[tokio::test]
async fn a_packet_may_be_as_long_as_its_dialect_allows_and_no_longer() {
    let bench = bench().await;
    let limit = Dialect::V22.max_packet();
    let send = |beyond: usize| {
        bench.engine.send_to(cluster(), Protocol::Bin, "m", 0, |packet| {
            let filler = packet.room() + beyond;
            packet.raw(&vec![0; filler]);
        })
    };
    assert_eq!(send(0).map(|report| report.queued), Ok(1));
    assert_eq!(send(1), Err(SendToError::TooLong(WriteError::TooLong { limit })));
    bench.engine.shutdown().await;
}

#[tokio::test]
async fn the_report_names_everybody_who_was_skipped() {
    let bench = bench().await;
    let send = |protocol| bench.engine.send_to(cluster(), protocol, "m", 0, |_| {}).unwrap();
    let udp = send(Protocol::Udp);
    assert_eq!((udp.queued, udp.skipped), (0, vec![(machine(3), SkipReason::NoLink)]));
    bench.engine.set_state(node(2), State::Down, Protocol::Bin).await.unwrap();
    let bin = send(Protocol::Bin);
    assert_eq!(bin.skipped, [(machine(2), SkipReason::State(State::Down))]);
    assert_eq!(send(Protocol::Tcp), clusterer::SendReport::default(), "nobody is of it");
    bench.engine.shutdown().await;
}

#[tokio::test]
async fn set_state_of_a_machine_that_is_not_there() {
    let bench = bench().await;
    let unknown = [node(9), node(1), NodeKey { cluster: elsewhere(), machine: machine(2) }];
    for key in unknown {
        let set = bench.engine.set_state(key, State::Down, Protocol::Bin).await;
        assert_eq!(set, Err(SetStateError::Status(StatusError::UnknownNode(key))));
    }
    let set = bench.engine.set_state(node(2), State::Down, Protocol::Udp).await;
    let error = StatusError::Protocol { node: node(2), has: Protocol::Bin };
    assert_eq!(set, Err(SetStateError::Status(error)));
    assert_eq!(bench.engine.get_nodes(cluster(), Protocol::Bin).len(), 1, "nothing happened");
    ends("a shutdown", bench.engine.shutdown()).await;
    let set = bench.engine.set_state(node(2), State::Down, Protocol::Bin).await;
    assert_eq!(set, Err(SetStateError::Stopped));
}

#[tokio::test]
async fn registrations_that_make_no_sense() {
    let bench = bench().await;
    let second = Duration::from_secs(1);
    let register = |registration| bench.engine.register_module(registration, Arc::new(Deaf));
    let refused = |error| Err(RegisterModuleError::Register(error));

    let anybody = Registration::new("m", None, second);
    let outcome = register(anybody.clone().auth_check(true)).await;
    assert_eq!(outcome, refused(RegisterError::AuthWithoutCluster));
    for name in ["", "clusterer"] {
        let outcome = register(Registration::new(name, cluster(), second)).await;
        assert_eq!(outcome, refused(RegisterError::BadName(name.into())));
    }
    let outcome = register(Registration::new("m", cluster(), Duration::from_micros(999))).await;
    assert_eq!(outcome, refused(RegisterError::ZeroTimeout));
    assert!(bench.engine.subscribe().0.node(node(2)).is_some(), "the node goes on");

    // One name may be there once for each cluster, and once for none.
    for registration in [anybody.clone(), Registration::new("m", cluster(), second)] {
        assert_eq!(register(registration.clone()).await, Ok(()));
        let cluster = registration.cluster;
        let duplicate = RegisterError::Duplicate { name: "m".into(), cluster };
        assert_eq!(register(registration).await, refused(duplicate));
    }
    assert_eq!(register(Registration::new("m", elsewhere(), second)).await, Ok(()));
    ends("a shutdown", bench.engine.shutdown()).await;
    assert_eq!(register(anybody).await, Err(RegisterModuleError::Stopped));
}
