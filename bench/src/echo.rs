//! How long an answer takes on one connection when nothing else is on: a ping through the daemon, and the
//! same bytes through a loop that only writes them back.

use crate::bench::Bench;
use crate::child::Role;
use crate::node::{Node, peers};
use crate::pinger::{HEAD, Latencies, Pinger};
use crate::table::Section;
use anyhow::{Context as _, Result};
use serde_json::json;

/// Round trips before the other has its turn.
const TURN: usize = 500;

pub(crate) fn run(bench: &Bench) -> Result<Section> {
    let node = Node::start(bench, peers(1)?, 0)?;
    let peer = node.peers.first().context("one peer")?;
    let mut bare = Role::start(&["bare-echo"])?;
    let bare_address = bare.address()?;
    let mut pingers = [Pinger::connect(peer, node.address)?, Pinger::connect(peer, bare_address)?];
    let mut latencies = [Latencies::default(), Latencies::default()];
    let turns = bench.either(4, 40);
    bench.say(&format!("{} round trips each, {TURN} in turn", turns * TURN));
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
    let [daemon, echo] = &latencies;
    let ratio = {
        let ([of_daemon, ..], [of_echo, ..]) = (daemon.percentiles()?, echo.percentiles()?);
        of_daemon / of_echo
    };
    let (daemon_row, daemon) = daemon.told("a ping through the daemon")?;
    let (echo_row, echo) = echo.told("the same bytes through a bare echo")?;
    Ok(Section {
        name: "echo",
        title: "A round trip",
        head: HEAD.to_vec(),
        rows: vec![daemon_row, echo_row],
        plot: None,
        notes: vec![format!("The daemon's median is {ratio:.2} times the bare echo's.")],
        figures: json!({ "daemon": daemon, "bare": echo, "ratio_p50": ratio }),
    })
}
