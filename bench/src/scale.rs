//! What each step costs as the table grows: with 10, 1,000 and 100,000 provisioned nodes. No process, no
//! socket: the pure crates alone, one thread.

use crate::bench::Bench;
use crate::stats::{Summary, float};
use crate::table::Section;
use anyhow::{Context as _, Result, ensure};
use clusterer::{
    Cell, ClusterId, ClusterModule, MachineId, Malformed, ModuleEvent, Moment, NodeKey, Packet,
    PacketContext, Protocol, RawRow, Registration, Row, UnixTime, View,
};
use clusterer_bin::{Dialect, Origin, PacketWriter};
use clusterer_core::{Admission, Core, Input, Settings};
use clusterer_node::{Host, Now, ResolvedRow, Table};
use serde_json::{Value, json};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SIZES: [i32; 3] = [10, 1_000, 100_000];
const NOW: Now = Now { mono: Moment::from_millis(1), unix: UnixTime::from_secs(1_000_000_000) };
const MODULE: &str = "bench";
/// Nodes that are asked for in turn: spread over the whole table.
const ASKED: i32 = 4096;

pub(crate) fn run(bench: &Bench) -> Result<Section> {
    let measured: Vec<_> =
        SIZES.into_iter().map(|nodes| measure(bench, nodes)).collect::<Result<_>>()?;
    let steps: Vec<&str> =
        measured.first().context("a size")?.iter().map(|(name, _)| *name).collect();
    let rows = steps.iter().enumerate().map(|(at, name)| {
        let cells = measured.iter().filter_map(|steps| steps.get(at));
        let cells = cells.map(|(_, summary)| format!("{:.1}", summary.least));
        [(*name).to_owned()].into_iter().chain(cells).collect()
    });
    Ok(Section {
        name: "scale",
        title: "Steps as the table grows, ns",
        head: vec!["step", "10 nodes", "1,000 nodes", "100,000 nodes"],
        rows: rows.collect(),
        plot: None,
        notes: vec![
            "Nanoseconds on one core, of the quickest of several rounds: whatever else the machine does only adds to it. Nodes are asked for in \
             an order that no cache foresees, 4,096 different ones at most: what a look-up costs more in a large \
             table is memory that is not in the caches. What a node takes of memory is measured by \
             `cargo bench -p clusterer`."
                .to_owned(),
        ],
        figures: figures(&measured),
    })
}

type Steps = Vec<(&'static str, Summary)>;

fn measure(bench: &Bench, nodes: i32) -> Result<Steps> {
    bench.say(&format!("{nodes} nodes"));
    let cluster = ClusterId::new(1).context("a cluster id")?;
    let mut core = Core::new(machine(1)?, Settings::default(), 0);
    core.handle(NOW, Input::Loaded(table(nodes)?), &mut Vec::new());
    let registration = Registration::new(MODULE, cluster, Duration::from_secs(60)).auth_check(true);
    core.register(NOW, registration, Arc::new(Deaf)).context("a module")?;
    let view = core.take_view().context("a view")?;
    let asked: Vec<Asked> = (0..ASKED.min(nodes))
        // A prime, so that neighbours are far apart.
        .map(|at| 2 + i32::try_from(i64::from(at) * 7919 % i64::from(nodes)).unwrap_or(0))
        .map(Asked::of)
        .collect::<Result<_>>()?;
    for one in &asked {
        ensure!(one.is_checked(&view, cluster) && one.is_admitted(&view)?, "{}", one.machine);
    }
    let rounds = bench.either(3, 15);
    let each = |work: &dyn Fn(&Asked) -> Result<()>| -> Result<Summary> {
        let mut times = Vec::new();
        for _ in 0..rounds {
            bench.go_on()?;
            let repeats = 40_000 / asked.len();
            let begun = Instant::now();
            for _ in 0..repeats {
                asked.iter().try_for_each(work)?;
            }
            let count = float((repeats * asked.len()) as u64);
            times.push(begun.elapsed().as_secs_f64() * 1e9 / count);
        }
        Summary::of(&times).context("a round")
    };
    let check = each(&|asked| {
        black_box(asked.is_checked(&view, cluster));
        Ok(())
    })?;
    let admit = each(&|asked| {
        black_box(asked.is_admitted(&view)?);
        Ok(())
    })?;
    let find = each(&|asked| {
        let node = view.node(NodeKey { cluster, machine: asked.machine });
        black_box(node.context("a node")?.link);
        Ok(())
    })?;
    let mut actions = Vec::new();
    let mut ticks = Vec::new();
    for _ in 0..rounds {
        let begun = Instant::now();
        for _ in 0..1_000 {
            core.handle(NOW, Input::Tick, &mut actions);
        }
        ticks.push(begun.elapsed().as_secs_f64() * 1e9 / 1e3);
        actions.clear();
    }
    let tick = Summary::of(&ticks).context("a round")?;
    Ok(vec![
        ("check(cluster, address, machine)", check),
        ("admit a packet, parsed in it", admit),
        ("find the link to send to", find),
        ("a tick with nothing due", tick),
    ])
}

struct Asked {
    machine: MachineId,
    address: IpAddr,
    packet: Vec<u8>,
}

impl Asked {
    fn of(id: i32) -> Result<Self> {
        let mut writer =
            PacketWriter::new(Dialect::V22, MODULE, 0, Origin { sender: id, cluster: 1 });
        writer.int(1);
        let packet = writer.finish(1)?.to_vec();
        Ok(Self { machine: machine(id)?, address: address(id).into(), packet })
    }

    fn is_checked(&self, view: &View, cluster: ClusterId) -> bool {
        view.check(cluster, self.address, self.machine, Protocol::Bin)
    }

    fn is_admitted(&self, view: &View) -> Result<bool> {
        let packet = Packet::parse(Dialect::V22, &self.packet)?;
        Ok(!matches!(view.admit(self.address, &packet, NOW.mono), Admission::Drop(_)))
    }
}

/// A module that does nothing.
struct Deaf;

impl ClusterModule for Deaf {
    fn on_packet(&self, _: &PacketContext, _: &Packet<'_>) -> Result<(), Malformed> {
        Ok(())
    }

    fn on_event(&self, _: ModuleEvent) {}
}

/// This machine, and so many peers that are up.
fn table(peers: i32) -> Result<Table> {
    let rows = (1..=peers + 1).map(|id| {
        let raw = RawRow {
            id: Cell::Int(id.into()),
            cluster_id: Cell::Int(1),
            machine_id: Cell::Int(id.into()),
            url: Cell::Text(format!("bin:{}:5566", address(id))),
            state: Cell::Int(1),
            ..RawRow::default()
        };
        let row = Row::parse(&raw, NOW.unix).ok().context("a row")?.row;
        let Host::Address(ip) = row.url.host() else { anyhow::bail!("an address") };
        Ok(ResolvedRow { ip, row })
    });
    Ok(Table::build(machine(1)?, rows.collect::<Result<_>>()?).0)
}

fn machine(id: i32) -> Result<MachineId> {
    MachineId::new(id).context("a machine id")
}

fn address(id: i32) -> Ipv4Addr {
    let [_, b, c, d] = id.to_be_bytes();
    Ipv4Addr::new(10, b, c, d)
}

fn figures(measured: &[Steps]) -> Value {
    let sizes = SIZES.iter().zip(measured).map(|(nodes, steps)| {
        let steps = steps.iter().map(|(name, summary)| (*name, summary.least));
        let steps: serde_json::Map<_, _> =
            steps.map(|(name, least)| (name.to_owned(), least.into())).collect();
        json!({ "nodes": nodes, "ns": steps })
    });
    sizes.collect()
}
