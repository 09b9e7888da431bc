//! Chapter 1.6 of the manual: nodes A and B replicate rate-limit pipes.

use anyhow::Result;
use clusterer_tests::{Daemon, Lab, PATIENCE, wait_for};

/// The manual's `[ratelimit]`, with ticks of a second so that a test need not wait for ten.
pub(crate) const RATELIMIT: &str = "
[ratelimit]
replicate_pipes_to = 1
accept_pipes_from = 1
accept_pipes_timeout = 5
timer_interval = 1
";

/// Two nodes as the manual configures them.
pub(crate) fn nodes_a_and_b() -> Result<(Lab, Daemon, Daemon)> {
    let (lab, at) = Lab::with_nodes(2)?;
    let a = lab.start(1, &lab.config(1, at[0], RATELIMIT))?;
    let b = lab.start(2, &lab.config(2, at[1], RATELIMIT))?;
    Ok((lab, a, b))
}

/// Counts `calls` into a pipe, again in each tick, until the other node shows them.
fn replicates(from: &Daemon, to: &Daemon, pipe: &str, calls: u64) -> Result<()> {
    let what = format!("node {} shows pipe {pipe} with {calls} calls or more", to.machine());
    wait_for(&what, PATIENCE, || {
        for _ in 0..calls {
            from.mi_ok("rl_check", &[pipe, "1000"])?;
        }
        Ok(to.pipe_counter(pipe)?.filter(|&counter| counter >= calls))
    })?;
    Ok(())
}

#[test]
fn nodes_a_and_b_replicate_a_pipe_both_ways() -> Result<()> {
    let (_lab, a, b) = nodes_a_and_b()?;
    replicates(&a, &b, "from_a", 5)?;
    replicates(&b, &a, "from_b", 5)?;
    Ok(())
}

#[test]
fn a_limit_is_shared() -> Result<()> {
    let (_lab, a, b) = nodes_a_and_b()?;
    // Far above the limit on A, so that B has nothing left to give.
    wait_for("B refuses what A has used up", PATIENCE, || {
        for _ in 0..20 {
            a.mi_ok("rl_check", &["shared", "5"])?;
        }
        let lines = b.mi_ok("rl_check", &["shared", "5"])?;
        Ok(lines.iter().any(|line| line.contains("limited")).then_some(()))
    })
}

#[test]
fn the_replicating_nodes_are_listed() -> Result<()> {
    let (_lab, a, _b) = nodes_a_and_b()?;
    a.wait_state(2, 1)?;
    assert_eq!(
        a.mi_text("rl_bin_status", &[])?,
        "200 OK\n\
         Cluster ID:: 1 Machine ID=2 STATE=1 DESCRIPTION=node 2 TYPE=server\n\
         Cluster ID:: 1 Machine ID=2 STATE=1 DESCRIPTION=node 2 TYPE=client\n\n"
    );
    a.mi_ok("clusterer_set_status", &["1", "2", "0", "bin"])?;
    assert_eq!(
        a.mi_text("rl_bin_status", &[])?,
        "500 command 'rl_bin_status' failed\n",
        "none is up"
    );
    Ok(())
}

#[test]
fn a_silent_nodes_counters_are_gone_after_its_timeout() -> Result<()> {
    let (lab, at) = Lab::with_nodes(2)?;
    let config = RATELIMIT.replace("accept_pipes_timeout = 5", "accept_pipes_timeout = 1");
    let a = lab.start(1, &lab.config(1, at[0], &config))?;
    let mut b = lab.start(2, &lab.config(2, at[1], &config))?;
    replicates(&b, &a, "from_b", 5)?;
    b.kill()?;
    wait_for("the counter of B's pipe is 0 on A", PATIENCE, || {
        Ok(a.pipe_counter("from_b")?.filter(|&counter| counter == 0))
    })?;
    wait_for("A says why", PATIENCE, || {
        Ok(a.log().contains("silent for longer than its timeout").then_some(()))
    })
}
