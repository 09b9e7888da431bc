//! `cargo xtask sim`: clusters on a virtual clock, many at once or one with its trace.

use crate::shell::stopwatch;
use anyhow::{Result, bail};
use clusterer_sim::{Coverage, Run, Scenario, World, report};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How often progress is shown.
const PROGRESS: Duration = Duration::from_secs(5);
/// A batch of fewer runs is not expected to have been through everything.
const WHOLE_BATCH: u64 = 1_000;
/// Most broken runs that are named.
const MOST_NAMED: usize = 20;

/// Which runs.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    pub(crate) seeds: u64,
    pub(crate) first: u64,
    pub(crate) nodes: Option<usize>,
}

/// One run, told line by line.
pub(crate) fn trace(seed: u64, nodes: Option<usize>) -> Result<()> {
    let run = World::new(Scenario::new(seed, nodes).traced()).run();
    for line in &run.trace {
        println!("{line}");
    }
    println!("seed {seed}: trace {:016x}", run.hash);
    match run.broken {
        None => Ok(()),
        Some(broken) => bail!("seed {seed}, {broken}"),
    }
}

/// Many runs, on every processor.
pub(crate) fn batch(options: &Options) -> Result<()> {
    let started = Instant::now();
    let next = AtomicU64::new(options.first);
    let end = options.first.saturating_add(options.seeds);
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (done, runs) = mpsc::channel();
    let (coverage, broken) = thread::scope(|scope| {
        for _ in 0..threads {
            let (next, done) = (&next, done.clone());
            scope.spawn(move || work(next, end, options.nodes, &done));
        }
        drop(done);
        gather(&runs, options.seeds, started)
    });
    for (what, count) in coverage.counts() {
        println!("{count:>10} {what}");
    }
    let elapsed = stopwatch(started.elapsed());
    if !broken.is_empty() {
        let named: String = broken.iter().take(MOST_NAMED).map(|it| format!("\n  {it}")).collect();
        bail!("{} of {} runs broke an invariant in {elapsed}:{named}", broken.len(), options.seeds);
    }
    let missing = coverage.missing();
    if options.seeds >= WHOLE_BATCH && options.nodes.is_none() && !missing.is_empty() {
        bail!("never taken: {}", missing.join(", "));
    }
    println!("sim: {} seeds from {}: nothing found in {elapsed}", options.seeds, options.first);
    Ok(())
}

/// A part of the report.
#[derive(Clone, Copy)]
struct Size {
    nodes: usize,
    /// Runs for the times.
    runs: u64,
    /// Simulated seconds of idling.
    idle: u64,
    /// Simulated seconds of loss and stalls.
    loss: u64,
}

/// Links grow with the square of the nodes, so that the larger is watched for a shorter time.
const REPORT: &[Size] = &[
    Size { nodes: 3, runs: 200, idle: 10, loss: 3_600 },
    Size { nodes: 50, runs: 4, idle: 10, loss: 120 },
    Size { nodes: 500, runs: 1, idle: 2, loss: 5 },
];

/// Figures for clusters of several sizes, or of one.
pub(crate) fn figures(nodes: Option<usize>) {
    if cfg!(debug_assertions) {
        println!("slow: `cargo run --release -p xtask -- sim --report` takes a tenth of the time");
    }
    let one = nodes.map(|nodes| [Size { nodes, runs: 1, idle: 2, loss: 10 }]);
    for &Size { nodes, runs, idle, loss } in one.as_ref().map_or(REPORT, |one| one) {
        let started = Instant::now();
        println!("{nodes} nodes, ping_interval 1 s, ping_timeout 500 ms, 0 to 1 ms one way");
        println!("  a killed process is known after  {}", report::crash(nodes, runs));
        println!("  a silent cut is known after      {}", report::cut(nodes, runs));
        let report::Idle { packets, bytes } = report::idle(nodes, idle * 1_000);
        println!(
            "  idle for {idle} s: {packets:.1} packets and {bytes:.0} bytes a node and second"
        );
        let found = report::accusations(nodes, loss * 1_000);
        let report::Accusations { no_pong, timed_out, after_stall, disabled, links, .. } = found;
        println!(
            "  5 % loss, 2 s stalls, {loss} s, {links} links, accused for nothing: \
             {no_pong} no pong, {timed_out} timed out, {after_stall} of them by who had stood \
             still; {disabled} disabled"
        );
        println!("  ({} of real time)", stopwatch(started.elapsed()));
    }
}

fn work(next: &AtomicU64, end: u64, nodes: Option<usize>, done: &mpsc::Sender<Run>) {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end || done.send(World::new(Scenario::new(seed, nodes)).run()).is_err() {
            return;
        }
    }
}

fn gather(runs: &mpsc::Receiver<Run>, all: u64, started: Instant) -> (Coverage, Vec<String>) {
    let (mut coverage, mut broken, mut count) = (Coverage::default(), Vec::new(), 0);
    let mut shown = Instant::now();
    for run in runs {
        count += 1;
        coverage.add(&run.coverage);
        broken.extend(run.broken.map(|what| format!("seed {}, {what}", run.seed)));
        if shown.elapsed() >= PROGRESS {
            shown = Instant::now();
            let elapsed = stopwatch(started.elapsed());
            println!("sim: [{elapsed}] {count} of {all} runs, {} broken", broken.len());
        }
    }
    broken.sort();
    (coverage, broken)
}
