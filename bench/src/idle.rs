//! What a node does when nobody sends anything: a thousand peers that answer their pings, and what the
//! daemon needs for that.

use crate::bench::Bench;
use crate::node::{Node, peers};
use crate::peers::Peers;
use crate::process::{CpuTime, wakes};
use crate::stats::float;
use crate::table::Section;
use anyhow::{Context as _, Result};
use clusterer_tests::wait_for;
use serde_json::json;
use std::process::Command;
use std::time::{Duration, Instant};

const PEERS: i32 = 1000;
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn run(bench: &Bench) -> Result<Section> {
    let mut rows = Vec::new();
    let mut figures = Vec::new();
    for count in [0, bench.either(100, PEERS)] {
        let all = peers(count)?;
        let mut answering = Peers::start(bench, &all, None)?;
        let node = Node::start(bench, all, 1)?;
        let up = "clusterer_bin_connections{direction=\"outbound\"}";
        wait_for("every peer is connected", PATIENCE, || {
            bench.go_on()?;
            Ok((node.figures()?.series(up)? == u64::try_from(count)?).then_some(()))
        })?;
        // The first pings are spread over an interval.
        bench.pause(Duration::from_secs(3))?;
        answering.report()?;
        let how_long = bench.either(Duration::from_secs(3), Duration::from_secs(20));
        bench.say(&format!("{count} peers: looking on for {how_long:?}"));
        let (before, woken, begun) = (CpuTime::of(node.pid())?, wakes(node.pid())?, Instant::now());
        bench.pause(how_long)?;
        let seconds = begun.elapsed().as_secs_f64();
        let cpu = CpuTime::of(node.pid())?.since(&before)?;
        let woken = float(wakes(node.pid())?.saturating_sub(woken)) / seconds;
        let pings = answering.report()?.get("pings").and_then(serde_json::Value::as_u64);
        let pings = float(pings.context("pings")?) / seconds;
        let calls = system_calls(bench, node.pid(), how_long)?;
        let told = calls.map_or("perf is not there".to_owned(), |calls| format!("{calls:.0}"));
        rows.push(vec![
            count.to_string(),
            format!("{pings:.0}"),
            format!("{woken:.0}"),
            told,
            format!("{:.2} %", cpu.as_secs_f64() / seconds * 100.0),
        ]);
        figures.push(json!({
            "peers": count, "pings_per_second": pings, "wakes_per_second": woken,
            "system_calls_per_second": calls, "cpu": cpu.as_secs_f64() / seconds,
        }));
    }
    Ok(Section {
        name: "idle",
        title: "Nothing to do",
        head: vec!["peers", "pings/s", "wake-ups/s", "system calls/s", "of one CPU"],
        rows,
        plot: None,
        notes: vec![
            "Each peer is due one ping a second, whose answer comes on its own. Wake-ups are voluntary \
             context switches of all threads. What is left with no peers is the exporter's upkeep, once a second, \
             and the rate limiter's timer."
                .to_owned(),
        ],
        figures: figures.into(),
    })
}

/// System calls a second, as `perf` counts them without slowing the process down.
fn system_calls(bench: &Bench, pid: u32, how_long: Duration) -> Result<Option<f64>> {
    bench.go_on()?;
    let mut command = Command::new("perf");
    command.args(["stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-p", &pid.to_string()]);
    let seconds = how_long.as_secs_f64();
    let Ok(output) = command.args(["--", "sleep", &seconds.to_string()]).output() else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&output.stderr);
    Ok(counted(&text).map(|calls| calls / seconds))
}

/// The first field of the line that names the event.
fn counted(text: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.contains("raw_syscalls:sys_enter"))?;
    line.split(',').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_the_first_field() {
        let text = "warning\n1234,,raw_syscalls:sys_enter,1000,100.00,,\n";
        assert_eq!(counted(text), Some(1234.0));
        assert_eq!(counted("<not supported>,,raw_syscalls:sys_enter,0,100.00,,\n"), None);
        assert_eq!(counted(""), None);
    }
}
