//! Three nodes are restarted one after the other while calls go on.

use crate::manual::RATELIMIT;
use anyhow::{Context as _, Result, ensure};
use clusterer_mi::call;
use clusterer_tests::{Daemon, Lab, PATIENCE, wait_for};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const NODES: i32 = 3;

/// Those that are used at one node only, in its name.
fn pipes_of(machine: i32) -> Vec<String> {
    (0..5).map(|number| format!("of-{machine}-{number}")).collect()
}

/// Those that a node counts in while calls go on: its own, and some that all of them use.
fn pipes_at(machine: i32) -> Vec<String> {
    [pipes_of(machine), pipes_of(0)].concat()
}

fn all_pipes() -> Vec<String> {
    (0..=NODES).flat_map(pipes_of).collect()
}

/// Calls, until there are to be no more. While a node is away its calls are lost, as they are in life.
fn load(machine: i32, fifo: &Path, replies: &Path, end: &AtomicBool) {
    while !end.load(Ordering::SeqCst) {
        for pipe in pipes_at(machine) {
            let answer = call(fifo, replies, "rl_check", &[&pipe, "100000"], PATIENCE);
            if answer.is_err() {
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Fails if the node has not each of the pipes.
fn has_all_pipes(node: &Daemon) -> Result<()> {
    let lines = node.mi_ok("rl_list", &[])?;
    for pipe in all_pipes() {
        let start = format!(" id={pipe} ");
        let found = lines.iter().any(|line| line.contains(&start));
        ensure!(found, "node {} has no pipe {pipe}: {lines:?}", node.machine());
    }
    Ok(())
}

/// Waits until every node has every pipe, and counts in it what the others count.
fn wait_replicated(nodes: &[Daemon]) -> Result<()> {
    for node in nodes {
        wait_for("every pipe is there and counted in", PATIENCE, || {
            has_all_pipes(node)?;
            for pipe in all_pipes() {
                ensure!(node.pipe_counter(&pipe)? > Some(0), "{pipe} on node {}", node.machine());
            }
            Ok(Some(()))
        })?;
    }
    Ok(())
}

fn restart_each(nodes: &mut [Daemon]) -> Result<()> {
    wait_replicated(nodes)?;
    for index in 0..nodes.len() {
        let others_have_all = |nodes: &[Daemon]| {
            let others = nodes.iter().enumerate().filter(|(other, _)| *other != index);
            others.map(|(_, node)| node).try_for_each(has_all_pipes)
        };
        let node = nodes.get_mut(index).context("a node")?;
        ensure!(node.terminate()?.success(), "{}", node.log());
        others_have_all(nodes).context("while it is away")?;
        nodes.get_mut(index).context("a node")?.restart()?;
        others_have_all(nodes).context("when it is back")?;
        wait_replicated(nodes)?;
    }
    Ok(())
}

#[test]
fn a_rolling_restart_loses_no_replicated_pipe() -> Result<()> {
    let (lab, at) = Lab::with_nodes(NODES)?;
    // Calls of the last minute are counted, so that what each node counts can be compared at leisure.
    let ratelimit = format!("{RATELIMIT}window_size = 60\n");
    let start = |(machine, address)| lab.start(machine, &lab.config(machine, address, &ratelimit));
    let mut nodes = (1..).zip(at).map(start).collect::<Result<Vec<_>>>()?;
    let end = AtomicBool::new(false);
    let (fifo, replies) = (|machine| lab.fifo(machine), lab.reply_dir());
    let restarted = thread::scope(|scope| {
        for machine in 1..=NODES {
            let (fifo, replies, end) = (fifo(machine), &replies, &end);
            scope.spawn(move || load(machine, &fifo, replies, end));
        }
        let restarted = restart_each(&mut nodes);
        end.store(true, Ordering::SeqCst);
        restarted
    });
    restarted?;
    for (node, calls) in nodes.iter().zip([7, 8, 9]) {
        for _ in 0..calls {
            node.mi_ok("rl_check", &["settled", "100000", "SBT"])?;
        }
    }
    for node in &nodes {
        wait_for("each node shows the calls of all", PATIENCE, || {
            Ok(node.pipe_counter("settled")?.filter(|&counter| counter == 7 + 8 + 9))
        })?;
        for peer in (1..=NODES).filter(|&machine| machine != node.machine()) {
            node.wait_state(peer, 1)?;
        }
    }
    Ok(())
}
