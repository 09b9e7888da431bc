//! Who is reachable: killed, stopped, back, taken down, reloaded.

use crate::manual::{RATELIMIT, nodes_a_and_b};
use anyhow::{Result, ensure};
use clusterer_tests::{Lab, NodeRow, PATIENCE, free_address, wait_for};
use rustix::process::Signal;
use std::time::Duration;

/// Pings so rare that within a test only the end of a connection can tell of a peer.
const RARE_PINGS: &str = r#"
ping_interval = "1h"
ping_timeout = "1h"

[bin]"#;

#[test]
fn a_killed_peer_is_known_by_its_connection_not_by_a_missed_ping() -> Result<()> {
    let (lab, at) = Lab::with_nodes(2)?;
    let config = |machine, listen| lab.config(machine, listen, "").replace("\n[bin]", RARE_PINGS);
    let a = lab.start(1, &config(1, at[0]))?;
    let mut b = lab.start(2, &config(2, at[1]))?;
    // A dialled before B listened: it has to be told that B is well now.
    a.mi_ok("clusterer_set_status", &["1", "2", "1", "bin"])?;
    wait_connected(&b)?;
    a.wait_state(2, 1)?;
    b.kill()?;
    a.wait_state(2, 2)
}

/// Waits until a node has an established inbound connection.
fn wait_connected(daemon: &clusterer_tests::Daemon) -> Result<()> {
    let fds = format!("/proc/{}/fd", daemon.pid());
    wait_for("the peer has connected", PATIENCE, || {
        let sockets = std::fs::read_dir(&fds)?
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .filter(|target| target.to_string_lossy().starts_with("socket:"))
            .count();
        // One is the listener's, one leads to the other node, one comes from there.
        Ok((sockets >= 3).then_some(()))
    })
}

#[test]
fn a_killed_peer_is_probed_disabled_and_up_again_after_its_restart() -> Result<()> {
    let lab = Lab::new()?;
    let at = [free_address()?, free_address()?];
    for (machine, address) in [(1, at[0]), (2, at[1])] {
        lab.add(&NodeRow { duration: 1, ..NodeRow::new(1, machine, address) })?;
    }
    let a = lab.start(1, &lab.config(1, at[0], ""))?;
    let mut b = lab.start(2, &lab.config(2, at[1], ""))?;
    a.wait_state(2, 1)?;
    b.kill()?;
    a.wait_state(2, 2)?;
    wait_for("three failures are counted", PATIENCE, || {
        Ok(a.node_line(2)?.contains("no_tries=3").then_some(()))
    })?;
    // From here on it is disabled for a second, then up until the next refused dial, and so on.
    b.restart()?;
    wait_for("it is up", PATIENCE, || {
        let line = a.node_line(2)?;
        Ok((line.contains("State=1") && line.contains("no_tries=0")).then_some(()))
    })?;
    ensure!(!a.node_line(2)?.contains("Last_failed_attempt=0"), "the last failure is remembered");
    Ok(())
}

#[test]
fn a_stopped_peer_is_probed_and_up_again_when_it_goes_on() -> Result<()> {
    let (_lab, a, b) = nodes_a_and_b()?;
    // Silence says something only of a peer that has answered a ping: it may take a second stop.
    wait_for("a stopped peer is noticed", PATIENCE, || {
        b.signal(Signal::STOP)?;
        let noticed =
            wait_for("state 2", Duration::from_secs(4), || Ok((a.state_of(2)? == 2).then_some(())));
        b.signal(Signal::CONT)?;
        Ok(noticed.ok())
    })?;
    a.wait_state(2, 1)
}

#[test]
fn a_peer_that_is_down_is_left_alone_and_still_heard() -> Result<()> {
    let (_lab, a, b) = nodes_a_and_b()?;
    a.mi_ok("clusterer_set_status", &["1", "2", "0", "bin"])?;
    assert_eq!(a.state_of(2)?, 0);
    wait_for("A still takes B's pipes", PATIENCE, || {
        b.mi_ok("rl_check", &["heard", "100"])?;
        Ok(a.pipe_counter("heard")?.filter(|&counter| counter > 0))
    })?;
    a.mi_ok("clusterer_set_status", &["1", "2", "1", "bin"])?;
    assert_eq!(a.state_of(2)?, 1);
    Ok(())
}

#[test]
fn a_reload_brings_new_nodes_and_forgets_removed_ones() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let a = lab.start(1, &lab.config(1, at[0], RATELIMIT))?;
    assert_eq!(a.mi_text("clusterer_list", &[])?, "200 OK\nCluster:: 1\n\n");
    let address = free_address()?;
    lab.add(&NodeRow::new(1, 2, address))?;
    assert_eq!(a.mi_text("clusterer_reload", &[])?, "200 OK\n\n");
    assert!(a.node_line(2)?.contains(&format!("URL=bin:{address}")));
    lab.ctl_ok(&[
        "db",
        "remove",
        "--db-url",
        &lab.db_url(),
        "--cluster-id",
        "1",
        "--machine-id",
        "2",
    ])?;
    a.mi_ok("clusterer_reload", &[])?;
    assert!(a.node_line(2).is_err());
    Ok(())
}

#[test]
fn a_failed_reload_keeps_what_is_in_memory() -> Result<()> {
    let (lab, at) = Lab::with_nodes(2)?;
    let a = lab.start(1, &lab.config(1, at[0], ""))?;
    let database = rusqlite::Connection::open(lab.db_path())?;
    database.execute("UPDATE version SET table_version = 2 WHERE table_name = 'clusterer'", [])?;
    assert_eq!(a.mi_text("clusterer_reload", &[])?, "500 Failed to reload\n\n");
    assert!(a.node_line(2).is_ok());
    assert!(a.log().contains("reload failed"), "the log says why");
    Ok(())
}

#[test]
fn a_bad_row_is_named_and_the_others_are_used() -> Result<()> {
    let (lab, at) = Lab::with_nodes(2)?;
    let database = rusqlite::Connection::open(lab.db_path())?;
    database.execute(
        "INSERT INTO clusterer (id, cluster_id, machine_id, url, state) VALUES
         (77, 1, 3, 'bin:127.0.0.3:5566', 7), (78, 1, 4, 'bin:a:b:c', 1), (79, 1, 'x', 'bin:a', 1)",
        [],
    )?;
    let a = lab.start(1, &lab.config(1, at[0], ""))?;
    assert!(a.node_line(2).is_ok());
    assert!(a.node_line(3).is_err());
    for row in ["row 77", "row 78", "row 79"] {
        assert!(a.log().contains(row), "{row} is named in:\n{}", a.log());
    }
    Ok(())
}

#[test]
fn persistent_mode_writes_states_back() -> Result<()> {
    let (lab, at) = Lab::with_nodes(2)?;
    let config = lab.config(1, at[0], "").replace("\n[bin]", "persistent_mode = 1\n\n[bin]");
    let mut a = lab.start(1, &config)?;
    a.wait_state(2, 2)?;
    let database = rusqlite::Connection::open(lab.db_path())?;
    let stored = || -> Result<(i64, i64)> {
        Ok(database.query_row(
            "SELECT state, no_tries FROM clusterer WHERE machine_id = 2",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?)
    };
    wait_for("the state is in the database", PATIENCE, || Ok((stored()? == (2, 3)).then_some(())))?;
    a.mi_ok("clusterer_set_status", &["1", "2", "0", "bin"])?;
    assert!(a.terminate()?.success());
    assert_eq!(stored()?.0, 0, "the last flush is done before the end");
    Ok(())
}
