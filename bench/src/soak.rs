//! Minutes of everything at once: connections come and go, some within a packet; pipes are new; the table
//! is read again every second; peers are killed and come back. The memory of the daemon must stay flat.

use crate::bench::Bench;
use crate::node::{Node, Peer, peers};
use crate::packets::{Shape, of_new_pipe, ring};
use crate::peers::Peers;
use crate::process::resident;
use crate::sender::dial;
use crate::stats::{Summary, float};
use crate::table::{Plot, Section};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Peers that send, and peers that are pinged.
const SENDING: i32 = 16;
const PINGED: i32 = 8;
/// Names of pipes, each of which is new once.
const PIPES: u64 = 2_000;
/// Between two connections.
const BREATH: Duration = Duration::from_millis(5);
const RELOAD: Duration = Duration::from_secs(1);
const KILL: Duration = Duration::from_secs(7);
/// How much the median of the last half may lie above that of the half before it, in which the pipes and
/// the allocator's own reserves have come to rest: this share, and so many KiB.
const GROWTH: f64 = 0.05;
const GROWTH_KIB: f64 = 1024.0;

pub(crate) fn run(bench: &Bench, minutes: u32) -> Result<Section> {
    let how_long = bench.either(Duration::from_secs(20), Duration::from_secs(60) * minutes);
    let shown = bench.either(Duration::from_secs(2), Duration::from_secs(30));
    let all = peers(SENDING + PINGED)?;
    let (sending, pinged) = all.split_at(usize::try_from(SENDING)?);
    let (sending, pinged) = (sending.to_vec(), pinged.to_vec());
    let mut answering = Peers::start(bench, &pinged, None)?;
    let node = Node::start(bench, all, 1)?;
    let (ended, connections) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut samples = Vec::new();
    let begun = Instant::now();
    thread::scope(|scope| {
        let churn = scope.spawn(|| {
            let outcome = churn(bench, &node, &sending, &ended, &connections);
            ended.store(true, Ordering::Relaxed);
            outcome
        });
        let outcome = (|| -> Result<()> {
            let (mut reloaded, mut killed, mut sampled) = (begun, begun, begun);
            while begun.elapsed() < how_long && !ended.load(Ordering::Relaxed) {
                bench.pause(Duration::from_millis(50))?;
                if reloaded.elapsed() >= RELOAD {
                    reloaded = Instant::now();
                    node.daemon().mi_ok("clusterer_reload", &[])?;
                    node.daemon().mi_ok("clusterer_list", &[])?;
                    node.daemon().mi_ok("rl_list", &[])?;
                }
                if killed.elapsed() >= KILL {
                    killed = Instant::now();
                    drop(answering);
                    answering = Peers::start(bench, &pinged, None)?;
                }
                if sampled.elapsed() >= shown {
                    sampled = Instant::now();
                    let kib = resident(node.pid())?;
                    let made = connections.load(Ordering::Relaxed);
                    bench.say(&format!("{kib} KiB resident, {made} connections so far"));
                    samples.push((begun.elapsed(), kib));
                }
            }
            Ok(())
        })();
        ended.store(true, Ordering::Relaxed);
        let churned = churn.join().ok().context("the load has panicked")?;
        outcome.and(churned)
    })?;
    let figures = node.figures()?;
    let packets = figures.sum("clusterer_bin_received_packets_total")?;
    let reloads = figures.sum("clusterer_reloads_total")?;
    let (before, after) = halves(&samples).context("too few samples")?;
    let allowed = before * (1.0 + GROWTH) + GROWTH_KIB;
    ensure!(
        after <= allowed,
        "grown from {before:.0} to {after:.0} KiB, {allowed:.0} were allowed"
    );
    let moments = |at: Option<&(Duration, u64)>| at.map_or(0, |(at, _)| at.as_secs());
    let seconds = [moments(samples.first()), moments(samples.last())];
    let plot = Plot {
        of: "resident, KiB",
        seconds,
        values: samples.iter().map(|&(_, kib)| kib).collect(),
    };
    Ok(Section {
        name: "soak",
        title: "Minutes of churn",
        head: vec!["resident, KiB", "least", "median", "most"],
        rows: quarters(&samples),
        plot: Some(plot),
        notes: vec![format!(
            "{} connections, {packets} packets, {PIPES} names of pipes, {reloads} reloads, peers killed every {} s. \
             The median of the third quarter and later is {after:.0} KiB, that of the second {before:.0}; it fails above \
             {allowed:.0}.",
            connections.into_inner(),
            KILL.as_secs()
        )],
        figures: json!({ "kib": samples.iter().map(|(_, kib)| kib).collect::<Vec<_>>() }),
    })
}

/// What was resident in each quarter of the time.
fn quarters(samples: &[(Duration, u64)]) -> Vec<Vec<String>> {
    let quarters = samples.chunks(samples.len().div_ceil(4).max(1));
    let row = |quarter: &[(Duration, u64)]| {
        let kib: Vec<f64> = quarter.iter().map(|&(_, kib)| float(kib)).collect();
        let Summary { least, median, most } = Summary::of(&kib)?;
        let (from, to) = (quarter.first()?.0.as_secs(), quarter.last()?.0.as_secs());
        let figures = [least, median, most].map(|kib| format!("{kib:.0}"));
        Some([format!("{from} to {to} s")].into_iter().chain(figures).collect())
    };
    quarters.filter_map(row).collect()
}

/// The medians of the second quarter and of the second half. The first quarter warms up.
fn halves(samples: &[(Duration, u64)]) -> Option<(f64, f64)> {
    let kib: Vec<f64> = samples.iter().map(|&(_, kib)| float(kib)).collect();
    let (first, second) = kib.split_at(kib.len() / 2);
    let (_, first) = first.split_at(first.len() / 2);
    Some((Summary::of(first)?.median, Summary::of(second)?.median))
}

/// Connections, one after the other, until all is over.
fn churn(
    bench: &Bench,
    node: &Node,
    sending: &[Peer],
    ended: &AtomicBool,
    connections: &AtomicU64,
) -> Result<()> {
    let rings = sending.iter().map(|peer| ring(Shape::Twenty, peer.machine, 256 * 1024));
    let rings = rings.collect::<Result<Vec<_>>>()?;
    for (peer, ring) in sending.iter().zip(&rings).cycle() {
        if ended.load(Ordering::Relaxed) {
            break;
        }
        bench.pause(BREATH)?;
        let made = connections.fetch_add(1, Ordering::Relaxed);
        let mut socket = dial(peer, node.address)?;
        socket.set_nonblocking(false)?;
        socket.set_write_timeout(Some(Duration::from_secs(20)))?;
        // Every third ends within a packet.
        let bytes = ring.len() / (1 + usize::try_from(made % 7)?);
        let bytes =
            if made.is_multiple_of(3) { bytes } else { bytes - bytes % Shape::Twenty.bytes() };
        if !made.is_multiple_of(3) {
            socket.write_all(&of_new_pipe(peer.machine, made % PIPES)?)?;
        }
        socket.write_all(ring.get(..bytes).context("a ring")?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_quarter_is_compared_with_the_second_half() {
        let samples =
            |kib: &[u64]| kib.iter().map(|&kib| (Duration::ZERO, kib)).collect::<Vec<_>>();
        assert_eq!(halves(&samples(&[1, 1, 5, 7, 9, 9, 9, 11])), Some((6.0, 9.0)));
        assert_eq!(halves(&samples(&[4, 8])), Some((4.0, 8.0)));
        assert_eq!(halves(&samples(&[4])), None);
    }
}
