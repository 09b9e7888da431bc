//! One packet to 64 peers, again and again, by the engine as a library in this process: how often it is
//! encoded, what is allocated, how many packets a write takes along, how long they are under way; and what
//! one peer that stops reading costs the others.

use crate::allocations;
use crate::bench::Bench;
use crate::node::{Peer, peers};
use crate::peers::{Peers, TIMED, micros};
use crate::process::{CpuTime, writes};
use crate::stats::float;
use crate::table::Section;
use anyhow::{Context as _, Result, ensure};
use clusterer::{Cluster, ClusterId, MachineId, MemoryStore, Protocol, SkipReason};
use clusterer_tests::wait_for;
use serde_json::{Value, json};
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const PEERS: i32 = 64;
const OWN: i32 = 1;
const PATIENCE: Duration = Duration::from_secs(30);
/// A link's queue, as the engine bounds it.
const QUEUE: usize = 4 << 20;
/// Sent as fast as they are taken, packets wait while a queue holds more.
const HELD_BACK: usize = 256 * 1024;

/// Behind the time in each packet.
const BODY: [u8; 12] = [0; 12];
/// The same, where a queue is to be filled.
static FILLING: [u8; 32 * 1024] = [0; 32 * 1024];

/// A row of the table.
struct Work {
    name: &'static str,
    /// Packets a second; as many as are taken if none is said.
    pace: Option<f64>,
    /// A peer stops reading.
    stalls: bool,
}

const WORK: [Work; 4] = [
    Work { name: "1,000 packets/s", pace: Some(1_000.0), stalls: false },
    Work { name: "10,000 packets/s", pace: Some(10_000.0), stalls: false },
    Work { name: "as many as are taken", pace: None, stalls: false },
    Work { name: "1,000 packets/s, one stops reading", pace: Some(1_000.0), stalls: true },
];

pub(crate) fn run(bench: &Bench) -> Result<Section> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (mut rows, mut figures) = (Vec::new(), Vec::new());
    for work in &WORK {
        let (row, figure) = measure(bench, &runtime, work).context(work.name)?;
        bench.say(&row.join("  "));
        rows.push(row);
        figures.push(figure);
    }
    Ok(Section {
        name: "fanout",
        title: "One packet to 64 peers",
        head: vec![
            "load",
            "packets/s",
            "encoded a packet",
            "allocations a packet and peer",
            "writes a packet and peer",
            "ns CPU a packet and peer",
            "p50, µs",
            "p99, µs",
            "largest queue, bytes",
            "refused, queue full",
        ],
        rows,
        plot: None,
        notes: vec![
            "The engine and the program that calls `send_to` are one process; the peers are another, which \
             answers pings. Writes are the process's calls that write (`syscw` of `/proc/PID/io`). The times are from the call of \
             `send_to` to the peer's read, of those peers that read; where one stops reading, nobody is judged by \
             pings, and its queue is the largest."
                .to_owned(),
        ],
        figures: figures.into(),
    })
}

fn measure(bench: &Bench, runtime: &Runtime, work: &Work) -> Result<(Vec<String>, Value)> {
    let all = peers(PEERS)?;
    let stalled = all.last().filter(|_| work.stalls).map(|peer| peer.machine);
    let mut reading = Peers::start(bench, &all, stalled)?;
    let cluster = ClusterId::new(1).context("a cluster id")?;
    let engine = runtime.block_on(start(cluster, &all, work.stalls))?;
    let outcome = load(bench, &engine, cluster, work, &mut reading);
    runtime.block_on(engine.shutdown());
    outcome
}

async fn start(cluster: ClusterId, all: &[Peer], stalls: bool) -> Result<Cluster> {
    let id = |machine| MachineId::new(machine).context("a machine id");
    let own = id(OWN)?;
    let mut urls = vec![(own, "bin:127.0.0.1:5566".to_owned())];
    for peer in all {
        urls.push((id(peer.machine)?, format!("bin:{}", peer.address)));
    }
    let builder = Cluster::builder(own, Arc::new(MemoryStore::of(cluster, urls)));
    let minute = Duration::from_secs(60);
    let builder = if stalls { builder.pings(minute, minute) } else { builder };
    Ok(builder.start().await?)
}

fn load(
    bench: &Bench,
    engine: &Cluster,
    cluster: ClusterId,
    work: &Work,
    reading: &mut Peers,
) -> Result<(Vec<String>, Value)> {
    let own = std::process::id();
    let links: Vec<_> = engine.view().nodes().filter_map(|node| node.link).collect();
    let encoded = Cell::new(0_u64);
    let send = |body: &[u8]| {
        engine.send_to(cluster, Protocol::Bin, TIMED, 0, |packet| {
            encoded.set(encoded.get() + 1);
            packet.int(micros()).raw(body);
        })
    };
    let most = || links.iter().map(|&link| engine.queued_bytes(link)).max().unwrap_or(0);
    wait_for("every peer has got a packet", PATIENCE, || {
        bench.go_on()?;
        send(&BODY)?;
        std::thread::sleep(Duration::from_millis(20));
        let report = reading.report()?;
        Ok((count(&report, "packets")? >= PEERS as u64 - u64::from(work.stalls)).then_some(()))
    })?;
    if work.stalls {
        bench.say("filling the queue of the one that does not read");
        wait_for("a packet for it is refused", PATIENCE, || {
            bench.go_on()?;
            let skipped = send(&FILLING)?.skipped;
            Ok(skipped.iter().any(|(machine, _)| machine.get() == OWN + PEERS).then_some(()))
        })?;
    }
    std::thread::sleep(Duration::from_millis(500));
    reading.report()?;
    encoded.set(0);
    let (allocated, written, cpu) = (allocations::count(), writes(own)?, CpuTime::of(own)?);
    let how_long = bench.either(Duration::from_secs(1), Duration::from_secs(8));
    let (begun, mut looked) = (Instant::now(), Instant::now());
    let (mut packets, mut queued, mut refused, mut largest) = (0_u64, 0_u64, 0_u64, 0);
    while begun.elapsed() < how_long {
        if work.pace.is_some_and(|pace| float(packets) >= pace * begun.elapsed().as_secs_f64()) {
            std::thread::sleep(Duration::from_micros(200));
            continue;
        }
        let report = send(&BODY)?;
        packets += 1;
        queued += report.queued as u64;
        for (machine, reason) in &report.skipped {
            ensure!(matches!(reason, SkipReason::Link(_)), "{machine} was skipped: {reason:?}");
            refused += 1;
        }
        if looked.elapsed() > Duration::from_millis(1)
            || work.pace.is_none() && packets.is_multiple_of(64)
        {
            looked = Instant::now();
            bench.go_on()?;
            largest = largest.max(most());
            while work.pace.is_none() && most() > HELD_BACK {
                std::thread::sleep(Duration::from_micros(50));
            }
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let (allocated, written) = (allocations::count() - allocated, writes(own)? - written);
    let cpu = CpuTime::of(own)?.busy_since(&cpu);
    ensure!(largest <= QUEUE, "a queue held {largest} bytes");
    ensure!(refused == 0 || work.stalls, "{refused} packets were refused");
    let came = wait_for("what was queued has come", PATIENCE, || {
        let all = links.iter().map(|&link| engine.queued_bytes(link)).filter(|&bytes| bytes > 0);
        Ok((all.count() <= usize::from(work.stalls)).then_some(()))
    })
    .and_then(|()| reading.report())?;
    let each = |what: u64| float(what) / float(queued.max(1));
    let time =
        |name: &str| came.pointer(&format!("/us/{name}")).and_then(Value::as_f64).unwrap_or(0.0);
    let figures = json!({
        "load": work.name, "packets_per_second": float(packets) / seconds, "encoded": encoded.get(),
        "packets": packets, "allocations_each": each(allocated), "writes_each": each(written),
        "ns_each": crate::process::per(cpu, queued), "came": came, "largest_queue": largest,
        "refused": refused,
    });
    let row = vec![
        work.name.to_owned(),
        format!("{:.0}", float(packets) / seconds),
        format!("{:.2}", float(encoded.get()) / float(packets)),
        format!("{:.3}", each(allocated)),
        format!("{:.3}", each(written)),
        format!("{:.0}", crate::process::per(cpu, queued)),
        format!("{:.0}", time("p50")),
        format!("{:.0}", time("p99")),
        largest.to_string(),
        refused.to_string(),
    ];
    Ok((row, figures))
}

fn count(report: &Value, name: &str) -> Result<u64> {
    report.get(name).and_then(Value::as_u64).with_context(|| format!("no {name}"))
}
