//! Signals.

use crate::manual::RATELIMIT;
use anyhow::Result;
use clusterer_tests::{Lab, NodeRow, PATIENCE, free_address, wait_for};
use rustix::process::Signal;
use std::net::{SocketAddr, TcpListener, TcpStream};

#[test]
fn sigterm_and_sigint_end_it_with_exit_code_0_and_its_fifo_is_gone() -> Result<()> {
    for signal in [Signal::TERM, Signal::INT] {
        let (lab, at) = Lab::with_nodes(1)?;
        let mut daemon = lab.start(1, &lab.config(1, at[0], RATELIMIT))?;
        daemon.signal(signal)?;
        let status = daemon.wait_end()?;
        assert_eq!(status.code(), Some(0), "{signal:?}: {}", daemon.log());
        assert!(!lab.fifo(1).exists());
    }
    Ok(())
}

#[test]
fn sighup_reloads() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let daemon = lab.start(1, &lab.config(1, at[0], ""))?;
    lab.add(&NodeRow::new(1, 2, free_address()?))?;
    daemon.signal(Signal::HUP)?;
    wait_for("the new node is listed", PATIENCE, || Ok(daemon.node_line(2).ok().map(|_| ())))
}

#[test]
fn a_left_over_fifo_of_a_killed_daemon_is_replaced() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let mut daemon = lab.start(1, &lab.config(1, at[0], ""))?;
    daemon.kill()?;
    assert!(lab.fifo(1).exists());
    daemon.restart()
}

#[test]
fn a_node_may_listen_on_several_addresses_of_both_families() -> Result<()> {
    let (lab, at) = Lab::with_nodes(2)?;
    let second = free_address()?;
    // Free a moment ago; nobody else takes a port of ::1 unless it is told this number.
    let port = TcpListener::bind("[::1]:0")?.local_addr()?.port();
    let listen = format!("\"bin:{}\", \"bin:{second}\", \"bin:[::1]:{port}\"", at[0]);
    let config = lab.config(1, at[0], RATELIMIT).replace(&format!("\"bin:{}\"", at[0]), &listen);
    let a = lab.start(1, &config)?;
    let b = lab.start(2, &lab.config(2, at[1], RATELIMIT))?;
    for address in [second, SocketAddr::new("::1".parse()?, port)] {
        TcpStream::connect(address)?;
    }
    a.wait_state(2, 1)?;
    b.wait_state(1, 1)
}

#[test]
fn a_second_signal_ends_it_without_the_last_write() -> Result<()> {
    let (lab, at) = Lab::with_nodes(2)?;
    let config = lab.config(1, at[0], "").replace("\n[bin]", "persistent_mode = 1\n\n[bin]");
    let mut daemon = lab.start(1, &config)?;
    let database = rusqlite::Connection::open(lab.db_path())?;
    database.execute_batch("BEGIN EXCLUSIVE")?;
    daemon.mi_ok("clusterer_set_status", &["1", "2", "0", "bin"])?;
    daemon.signal(Signal::TERM)?;
    wait_for("it begins to end", PATIENCE, || Ok(daemon.log().contains("ending").then_some(())))?;
    daemon.signal(Signal::TERM)?;
    assert_eq!(daemon.wait_end()?.code(), Some(1));
    assert!(daemon.log().contains("second signal"), "{}", daemon.log());
    Ok(())
}

#[test]
fn an_own_row_with_a_url_that_is_not_listened_on_is_warned_of() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let warning = "it does not listen there";
    let right = lab.start(1, &lab.config(1, at[0], ""))?;
    assert!(!right.log().contains(warning), "{}", right.log());
    drop(right);
    let wrong = lab.start(1, &lab.config(1, free_address()?, ""))?;
    assert!(wrong.log().contains(warning), "{}", wrong.log());
    Ok(())
}
