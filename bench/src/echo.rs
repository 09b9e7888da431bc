//! How long an answer takes on one connection when nothing else is on: a ping through the daemon, and the
//! same bytes through a loop that only writes them back.

use crate::bench::Bench;
use crate::child::Role;
use crate::cpus::{Cpus, Placing};
use crate::node::{Node, peers};
use crate::pinger::{HEAD, Latencies, Pinger};
use crate::table::Section;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// Round trips before the other has its turn.
const TURN: usize = 500;

/// Where the pinger is, and what the rows say of it.
const PLACINGS: [(Placing, &str); 2] =
    [(Placing::Together, "on one processor"), (Placing::Apart, "on two")];

pub(crate) fn run(bench: &Bench) -> Result<Section> {
    let cpus = Cpus::of_process()?;
    cpus.confine_servers()?;
    let node = Node::start(bench, peers(1)?, 0)?;
    let peer = node.peers.first().context("one peer")?;
    let mut bare = Role::start(&["bare-echo"])?;
    let bare_address = bare.address()?;
    let (mut rows, mut figures, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for (placing, place) in PLACINGS {
        cpus.confine_client(placing)?;
        let mut pingers =
            [Pinger::connect(peer, node.address)?, Pinger::connect(peer, bare_address)?];
        let latencies = in_turns(bench, &mut pingers, place)?;
        let ([of_daemon, ..], [of_echo, ..]) = {
            let [daemon, echo] = &latencies;
            (daemon.percentiles()?, echo.percentiles()?)
        };
        let ratio = of_daemon / of_echo;
        ratios.push(format!("{ratio:.2} times the bare echo's {place}"));
        let names = ["a ping through the daemon", "the same bytes through a bare echo"];
        for (latencies, name) in latencies.iter().zip(names) {
            let (row, told) = latencies.told(&format!("{name}, {place}"))?;
            rows.push(row);
            figures.push(told);
        }
        figures.push(json!({ "of": place, "ratio_p50": ratio }));
    }
    Ok(Section {
        name: "echo",
        title: "A round trip",
        head: HEAD.to_vec(),
        rows,
        plot: None,
        notes: vec![format!(
            "The daemon's median is {}. Both ends are kept where they are: on two processors, what takes most of the \
             time is to wake the other one, which slept.",
            ratios.join(", ")
        )],
        figures: Value::Array(figures),
    })
}

/// The daemon and the bare echo are asked in turns, so that both find the same machine.
fn in_turns(bench: &Bench, pingers: &mut [Pinger; 2], place: &str) -> Result<[Latencies; 2]> {
    let mut latencies = [Latencies::default(), Latencies::default()];
    let turns = bench.either(4, 40);
    bench.say(&format!("{place}: {} round trips each, {TURN} in turn", turns * TURN));
    for turn in 0..=turns {
        for (pinger, latencies) in pingers.iter_mut().zip(&mut latencies) {
            for _ in 0..TURN {
                bench.go_on()?;
                let took = pinger.ping()?;
                // The first turn warms up.
                if turn > 0 {
                    latencies.add(took);
                }
            }
        }
    }
    Ok(latencies)
}
