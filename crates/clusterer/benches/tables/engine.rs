//! What a running node keeps of each of its peers, nothing left out: the engine with its real transport, one
//! module, and the mark by which it notices what somebody else changes.

use crate::memory::{Weight, settle, weigh};
use crate::{Deaf, parse};
use clusterer::{
    Cell, Cluster, ClusterId, MachineId, MemoryStore, NodeView, RawRow, Registration, State,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// What a node may take beside its strings and over IPv4, where there are so many that the rest does not count.
const MOST: f64 = 400.0;
const MANY: i64 = 100_000;

/// Nothing that is due by itself comes while it is weighed.
const LATER: Duration = Duration::from_secs(24 * 60 * 60);

/// Tells of peers that cannot be connected to, and of those that an administrator has down.
pub(crate) fn tell(rows: i64, runtime: &Runtime) {
    println!("  a node in memory                       bytes pieces");
    for (what, host, state) in [
        ("dialled in vain", ipv4 as fn(i64) -> String, State::Up),
        ("the same over IPv6", ipv6, State::Up),
        ("down by an administrator", ipv4, State::Down),
    ] {
        let raw: Vec<RawRow> = (1..=rows).map(|id| row(id, &host(id), state)).collect();
        let (weight, strings) = measure(raw, state, runtime);
        let each = |whole: usize| whole as f64 / rows as f64;
        let weight = weight - strings;
        println!("  {what:<34}{:>9.1} {:>6.2}", each(weight.bytes), each(weight.pieces));
        let is_many = rows >= MANY && host(1) == ipv4(1);
        assert!(!is_many || each(weight.bytes) < MOST, "more than {MOST} bytes a node");
    }
}

/// What the engine has allocated, and what of that is strings.
fn measure(raw: Vec<RawRow>, state: State, runtime: &Runtime) -> (Weight, Weight) {
    let text = |row: &clusterer::Row| row.url.as_str().len() + row.description.len();
    let strings = Weight { bytes: parse(&raw).iter().map(text).sum(), pieces: 0 };
    let (own, cluster) = (MachineId::new(1).unwrap(), ClusterId::new(1).unwrap());
    let store = Arc::new(MemoryStore::new(raw));
    let (weight, engine) = weigh(|| {
        let builder = Cluster::builder(own, store).pings(LATER, LATER).auto_reload(LATER);
        let engine = runtime.block_on(builder.start()).unwrap();
        let module = Registration::new("bench", cluster, LATER);
        runtime.block_on(engine.register_module(module, Arc::new(Deaf))).unwrap();
        settle();
        engine
    });
    // Else something else was weighed.
    let in_vain =
        |node: NodeView<'_>| node.last_failure().is_some() && node.next_attempt().is_some();
    let is_as_meant = |node: NodeView<'_>| match state {
        State::Up => node.state() == State::Probing && in_vain(node),
        _ => node.state() == state,
    };
    assert!(engine.view().nodes().all(is_as_meant));
    runtime.block_on(engine.shutdown());
    (weight, strings)
}

/// An address of many: no connection to it is tried over the network, the system refuses it at once.
fn ipv4(id: i64) -> String {
    let (a, b, c) = (id >> 16, (id >> 8) & 255, id & 255);
    format!("239.{a}.{b}.{c}")
}

/// The same.
fn ipv6(id: i64) -> String {
    format!("[ff0e::{:x}:{:x}]", id >> 16, id & 0xffff)
}

fn row(id: i64, host: &str, state: State) -> RawRow {
    RawRow {
        id: Cell::Int(id.into()),
        cluster_id: Cell::Int(1),
        machine_id: Cell::Int(id.into()),
        url: Cell::Text(format!("bin:{host}:5566")),
        state: Cell::Int(state.number().into()),
        ..RawRow::default()
    }
}
