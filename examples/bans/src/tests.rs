//! Two nodes on loopback, and packets that make no sense.

use super::{answer, join};
use crate::bans::{Bans, MOST};
use clusterer::{
    Cluster, ClusterId, ClusterModule as _, Dialect, ListenerConfig, MachineId, Malformed,
    MemoryStore, Moment, Packet, PacketContext, PacketWriter, State,
};
use clusterer_bin::Origin;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn cluster() -> ClusterId {
    ClusterId::new(1).unwrap()
}

fn machine(id: i32) -> MachineId {
    MachineId::new(id).unwrap()
}

async fn start(id: i32, store: &Arc<MemoryStore>) -> Cluster {
    let listener = ListenerConfig { address: ([127, 0, 0, 1], 0).into(), dialect: Dialect::V22 };
    Cluster::builder(machine(id), store.clone()).listen(vec![listener]).start().await.unwrap()
}

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < give_up, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn who_is_banned_on_one_node_is_banned_on_all() {
    let store = Arc::new(MemoryStore::default());
    let nodes = [start(1, &store).await, start(2, &store).await];
    let urls = [(1, &nodes[0]), (2, &nodes[1])]
        .map(|(id, node)| (machine(id), format!("bin:{}", node.local_addresses()[0])));
    let rows = MemoryStore::of(cluster(), urls).rows();
    store.edit(|table| *table = rows);
    for node in &nodes {
        node.reload().await.unwrap();
    }
    let one = join(&nodes[0], cluster()).await.unwrap();
    let say = |bans: &Bans, at: usize, line: &str| answer(bans, &nodes[at], cluster(), line);
    // Banned while the other node has not got the module: it learns by the repetition.
    say(&one, 0, "ban 192.0.2.7");
    let two = join(&nodes[1], cluster()).await.unwrap();
    eventually("it is repeated", || {
        one.repeat(&nodes[0], cluster()).unwrap();
        say(&two, 1, "is 192.0.2.7") == "banned"
    })
    .await;
    let up = |at: usize| {
        let view = nodes[at].view();
        view.cluster(cluster()).unwrap().nodes.iter().all(|node| node.state() == State::Up)
    };
    eventually("both are up", || up(0) && up(1)).await;
    assert_eq!(say(&two, 1, "ban 2001:db8::7"), "banned, here and on 1 nodes");
    eventually("it is told", || say(&one, 0, "is 2001:db8::7") == "banned").await;
    assert_eq!(say(&one, 0, "is 192.0.2.8"), "not banned");
    for line in ["", "ban", "ban everybody"] {
        assert_eq!(say(&one, 0, line), "ban ADDRESS, or is ADDRESS");
    }
    for node in nodes {
        node.shutdown().await;
    }
    assert_eq!(Arc::strong_count(&store), 1, "the nodes are gone");
}

fn take(
    bans: &Bans,
    at: u64,
    command: i32,
    write: impl FnOnce(&mut PacketWriter),
) -> Result<(), Malformed> {
    let origin = Origin { sender: 2, cluster: 1 };
    let mut writer = PacketWriter::new(Dialect::V22, "bans", command, origin);
    write(&mut writer);
    let bytes = writer.finish(1).unwrap().to_vec();
    let now = Moment::from_millis(at);
    let context = PacketContext::new(Some(cluster()), machine(2), true, [127, 0, 0, 1].into(), now);
    bans.on_packet(&context, &Packet::parse(Dialect::V22, &bytes).unwrap())
}

#[test]
fn a_ban_ends_to_the_millisecond() {
    let (bans, address) = (Bans::default(), IpAddr::from([192, 0, 2, 7]));
    take(&bans, 0, 1, |packet| _ = packet.str(b"192.0.2.7").int(10)).unwrap();
    assert!(bans.is_banned(address, Moment::from_millis(9_999)));
    assert!(!bans.is_banned(address, Moment::from_millis(10_000)));
    take(&bans, 0, 1, |packet| _ = packet.str(b"192.0.2.7").int(i32::MAX)).unwrap();
    assert!(!bans.is_banned(address, Moment::from_millis(24 * 3600 * 1000)), "for a day at most");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let bans = Bans::default();
    take(&bans, 0, 1, |_| ()).expect("a sign of life");
    let refused =
        |command, write: fn(&mut PacketWriter)| take(&bans, 0, command, write).unwrap_err();
    assert_eq!(refused(2, |_| ()).to_string(), "there is no such command");
    let address = refused(1, |packet| _ = packet.str(b"\xff").int(1));
    assert_eq!(address.to_string(), "this is no IP address");
    let past = refused(1, |packet| _ = packet.str(b"192.0.2.7").int(-1));
    assert_eq!(past.to_string(), "a ban has ended before");
    let cut = refused(1, |packet| _ = packet.str(b"192.0.2.7"));
    assert!(matches!(cut, Malformed::Field(_)), "{cut}");
}

#[test]
fn a_peer_cannot_fill_the_memory() {
    let bans = Bans::default();
    let number = |n: usize| IpAddr::from(u32::try_from(n).unwrap().to_be_bytes());
    for n in 0..=MOST {
        let text = number(n).to_string();
        take(&bans, 0, 1, |packet| _ = packet.str(text.as_bytes()).int(1)).unwrap();
    }
    assert!(bans.is_banned(number(MOST - 1), Moment::ZERO));
    assert!(!bans.is_banned(number(MOST), Moment::ZERO), "there is no room");
    let text = number(MOST).to_string();
    take(&bans, 1000, 1, |packet| _ = packet.str(text.as_bytes()).int(1)).unwrap();
    assert!(bans.is_banned(number(MOST), Moment::from_millis(1000)), "the others have ended");
}
