//! The watcher of dialog profiles, on packets captured from a 2.2 node and on bad ones.

use crate::dialog_profiles::profiles::{Counts, Profiles, read};
use crate::dialog_profiles::{lines, watch};
use crate::support::{builder, cluster, eventually, machine, replace, url};
use clusterer::{
    ClusterModule, Dialect, FieldError, Malformed, MemoryStore, ModuleEvent, Moment, NodeKey,
    Packet, PacketContext, PacketWriter,
};
use clusterer_bin::Origin;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

/// Command 4 of machine 1: one dialog in `all`, one in `caller` with the value `alice`.
const CAPTURED: &[u8] = include_bytes!("packets/dlg_profile_72B.bin");
/// Command 1 of machine 1.
const CREATED: &[u8] = include_bytes!("packets/dlg_created_324B.bin");

const TIMEOUT: Duration = Duration::from_secs(10);

fn from(id: i32, now: u64) -> PacketContext {
    let address = [127, 0, 0, 1].into();
    PacketContext::new(Some(cluster()), machine(id), true, address, Moment::from_millis(now))
}

fn take(profiles: &Profiles, id: i32, now: u64, bytes: &[u8]) -> Result<(), Malformed> {
    profiles.on_packet(&from(id, now), &Packet::parse(Dialect::V22, bytes).unwrap())
}

fn packet(command: i32, write: impl FnOnce(&mut PacketWriter)) -> Vec<u8> {
    let origin = Origin { sender: 1, cluster: 1 };
    let mut writer = PacketWriter::new(Dialect::V22, "dialog", command, origin);
    write(&mut writer);
    writer.finish(2).unwrap().to_vec()
}

/// Profiles without values.
fn plain(profiles: &[(&str, i32)]) -> Vec<u8> {
    packet(4, |writer| {
        for (name, dialogs) in profiles {
            writer.str(name.as_bytes()).int(0).int(*dialogs);
        }
    })
}

fn shown(profiles: &Profiles, now: u64) -> Vec<String> {
    lines(&profiles.counts(Moment::from_millis(now))).collect()
}

#[test]
fn each_node_reports_its_own_counts() {
    let profiles = Profiles::new(TIMEOUT);
    take(&profiles, 1, 0, CAPTURED).unwrap();
    take(&profiles, 2, 0, CAPTURED).unwrap();
    take(&profiles, 2, 0, &plain(&[("all", 5), ("others", 0)])).unwrap();
    assert_eq!(
        shown(&profiles, 0),
        [
            "all: 6 (machine 1: 1, machine 2: 5)",
            "caller=alice: 2 (machine 1: 1, machine 2: 1)",
            "others: 0 (machine 2: 0)",
        ]
    );
}

#[test]
fn what_is_not_repeated_within_the_timeout_is_over() {
    let profiles = Profiles::new(TIMEOUT);
    take(&profiles, 1, 0, CAPTURED).unwrap();
    take(&profiles, 1, 4_000, &plain(&[("all", 2)])).unwrap();
    assert_eq!(shown(&profiles, 10_000).len(), 2);
    assert_eq!(shown(&profiles, 10_001), ["all: 2 (machine 1: 2)"]);
    assert_eq!(shown(&profiles, 14_001), Vec::<String>::new());
}

#[test]
fn the_counts_of_a_silent_node_are_invalid() {
    let profiles = Profiles::new(TIMEOUT);
    take(&profiles, 1, 0, CAPTURED).unwrap();
    take(&profiles, 2, 0, &plain(&[("all", 2)])).unwrap();
    let silent = NodeKey { cluster: cluster(), machine: machine(1) };
    profiles.on_event(ModuleEvent::TemporarilyDisabled(silent));
    assert_eq!(shown(&profiles, 0).len(), 2);
    profiles.on_event(ModuleEvent::Timeout(silent));
    assert_eq!(shown(&profiles, 0), ["all: 2 (machine 2: 2)"]);
}

#[test]
fn packets_about_dialogs_say_nothing_of_profiles() {
    let packet = Packet::parse(Dialect::V22, CREATED).unwrap();
    assert_eq!(read(&packet), Ok(None));
    let profiles = Profiles::new(TIMEOUT);
    take(&profiles, 1, 0, CREATED).unwrap();
    take(&profiles, 1, 0, &plain(&[])).unwrap();
    assert_eq!(profiles.counts(Moment::ZERO), Counts::new());
}

#[test]
fn malformed_packets_are_refused_whole() {
    let refused = |bytes: &[u8]| {
        let profiles = Profiles::new(TIMEOUT);
        let refused = take(&profiles, 1, 0, bytes).unwrap_err();
        assert_eq!(profiles.counts(Moment::ZERO), Counts::new(), "{refused}");
        refused
    };
    let value = |bytes: &[u8]| refused(bytes).to_string();
    let bad = |name: &'static [u8], has_value: i32, dialogs: i32| {
        packet(4, |writer| {
            writer.str(b"good").int(0).int(1).str(name).int(has_value).int(dialogs);
        })
    };
    assert_eq!(value(&bad(b"", 0, 1)), "a profile's name is empty");
    assert_eq!(value(&bad(b"x", 2, 1)), "whether a profile has a value is neither 0 nor 1");
    assert_eq!(value(&bad(b"x", 0, -1)), "a profile has fewer than no dialogs");
    for command in [0, 5, -1] {
        assert_eq!(value(&packet(command, |_| {})), "the dialog module has no such command");
    }
    // The captured packet, cut: within every field but between two profiles, where it is whole again.
    let header =
        CAPTURED.len() - Packet::parse(Dialect::V22, CAPTURED).unwrap().body().rest().len();
    let first = header + 4 + "all".len() + 4 + 4;
    for end in header + 1..CAPTURED.len() {
        if end != first {
            let refused = refused(&CAPTURED[..end]);
            assert!(
                matches!(refused, Malformed::Field(FieldError::PastEnd { .. })),
                "{end}: {refused}"
            );
        }
    }
    let mut negative = CAPTURED.to_vec();
    negative[header..header + 4].copy_from_slice(&(-1_i32).to_le_bytes());
    assert!(matches!(refused(&negative), Malformed::Field(FieldError::NegativeLength { .. })));
}

#[test]
fn a_node_has_10000_profiles_and_no_more() {
    let profiles = Profiles::new(TIMEOUT);
    for hundred in 0..100 {
        let names: Vec<String> = (0..100).map(|n| format!("p{hundred}-{n}")).collect();
        let some: Vec<(&str, i32)> = names.iter().map(|name| (name.as_str(), 1)).collect();
        take(&profiles, 1, 0, &plain(&some)).unwrap();
    }
    let error = take(&profiles, 1, 0, &plain(&[("one more", 1)])).unwrap_err();
    assert_eq!(error.to_string(), "the node has more than 10000 profiles and values");
    take(&profiles, 1, 0, &plain(&[("p0-0", 7)])).expect("it is there already");
    take(&profiles, 2, 0, &plain(&[("one more", 1)])).expect("another node has room");
    take(&profiles, 1, 10_001, &plain(&[("one more", 1)])).expect("the others are over");
    assert_eq!(profiles.counts(Moment::from_millis(10_001)).len(), 1);
}

/// The captured bytes, from where a 2.2 node would send them, through a whole node.
#[tokio::test]
async fn a_22_nodes_bytes_become_counts() {
    let store = Arc::new(MemoryStore::default());
    let node = builder(9, &store).start().await.unwrap();
    // Nobody listens at the other node's address; it is known, and that is enough.
    replace(&store, vec![(machine(9), url(&node)), (machine(1), "bin:127.0.0.1:1".to_owned())]);
    node.reload().await.unwrap();
    let profiles = watch(&node, cluster(), TIMEOUT).await.unwrap();
    let mut peer = TcpStream::connect(node.local_addresses()[0]).unwrap();
    for bytes in [CREATED, CAPTURED] {
        peer.write_all(bytes).unwrap();
    }
    eventually("it is counted", || !profiles.counts(node.now()).is_empty()).await;
    let counts = profiles.counts(node.now());
    assert_eq!(
        lines(&counts).collect::<Vec<_>>(),
        ["all: 1 (machine 1: 1)", "caller=alice: 1 (machine 1: 1)"]
    );
    node.shutdown().await;
}
