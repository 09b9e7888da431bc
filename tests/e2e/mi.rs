//! The management interface of a daemon: the transcripts of 2.2's FIFO, where the case applies.

use crate::manual::RATELIMIT;
use anyhow::Result;
use clusterer_tests::{Daemon, Lab, NodeRow, free_address};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// A row as it is in the transcript `list_many`: another URL than where anybody listens.
fn row(cluster: i32, machine: i32, url: &str, description: &str) -> NodeRow {
    let address = "127.0.0.1:1".parse().unwrap();
    NodeRow {
        url: url.into(),
        description: description.into(),
        duration: 30,
        ..NodeRow::new(cluster, machine, address)
    }
}

#[test]
fn set_status_answers_as_2_2_does() -> Result<()> {
    let (lab, at) = Lab::with_nodes(2)?;
    let _peer = TcpListener::bind(at[1])?;
    let node = lab.start(1, &lab.config(1, at[0], ""))?;
    let set = |params: &[&str]| node.mi_text("clusterer_set_status", params);
    assert_eq!(set(&["1", "2", "0", "bin"])?, "200 OK\n\n");
    assert_eq!(node.state_of(2)?, 0);
    assert_eq!(set(&["1", "2", "1", "BIN"])?, "200 OK\n\n");
    assert_eq!(node.state_of(2)?, 1);
    assert_eq!(set(&["1", "2", "2", "bin"])?, "400 Bad parameter\n\n");
    assert_eq!(set(&["1", "2", "0"])?, "400 Bad parameter\n\n");
    assert_eq!(set(&[])?, "400 Too few or too many arguments\n\n");
    assert_eq!(set(&["1", "99", "0", "bin"])?, "200 OK\n\n");
    assert_eq!(set(&["4294967297", "2", "0", "bin"])?, "400 Bad parameter\n\n");
    assert_eq!(node.state_of(2)?, 1, "a cluster id past 32 bits changes nobody");
    Ok(())
}

#[test]
fn clusters_protocols_and_nodes_are_listed_in_reverse_order_of_the_database() -> Result<()> {
    let lab = Lab::new()?;
    let own = free_address()?;
    lab.add(&NodeRow::new(1, 1, own))?;
    for row in [
        row(1, 2, "bin:127.0.0.2:5566", "node B"),
        row(1, 3, "bin:127.0.0.3:5566", "three"),
        row(1, 4, "127.0.0.4:5599", "no proto"),
        row(1, 5, "bin:127.0.0.5", "no port"),
        row(2, 1, &format!("bin:{own}"), "own"),
        row(2, 6, "BIN:localhost:5566", "host name"),
        row(1, 8, "udp:127.0.0.8:5060", "udp"),
    ] {
        lab.add(&row)?;
    }
    let node = lab.start(1, &lab.config(1, own, ""))?;
    let lines = node.mi_ok("clusterer_list", &["an argument is ignored"])?;
    let order: Vec<&str> =
        lines.iter().map(|line| line.split(" DB_ID").next().unwrap_or_default().trim()).collect();
    assert_eq!(
        order,
        [
            "Cluster:: 2",
            "Server:: 6",
            "Cluster:: 1",
            "Server:: 8",
            "Server:: 4",
            "Server:: 5",
            "Server:: 3",
            "Server:: 2"
        ]
    );
    assert_eq!(
        lines[4],
        "\tServer:: 4 DB_ID=4 URL=127.0.0.4:5599 State=1 Last_failed_attempt=0 \
         Max_failed_attempts=3 no_tries=0 Seconds_until_enabling=30 Description=no proto"
    );
    Ok(())
}

#[test]
fn pipes_are_checked_listed_and_reset() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let node = lab.start(1, &lab.config(1, at[0], RATELIMIT))?;
    assert_eq!(node.mi_text("rl_list", &[])?, "200 OK\nPIPE::  drop_rate=0\n\n");
    node.mi_ok("rl_check", &["p1", "100"])?;
    node.mi_ok("rl_check", &["p2", "10", "sbt"])?;
    let listed = node.mi_text("rl_list", &["p1"])?;
    assert!(
        listed.starts_with("200 OK\nPIPE::  id=p1 algorithm=TAILDROP limit=100 counter="),
        "{listed}"
    );
    assert_eq!(node.mi_text("rl_list", &["none"])?, "500 command 'rl_list' failed\n");
    assert_eq!(node.mi_text("rl_reset_pipe", &["p1"])?, "200 OK\n\n");
    assert_eq!(node.mi_text("rl_reset_pipe", &["none"])?, "400 Bad parameter\n\n");
    assert_eq!(node.mi_text("rl_reset_pipe", &[])?, "400 Too few or too many arguments\n\n");
    assert_eq!(node.mi("rl_check", &["p3", "100", "feedback"])?.code, 400);
    assert_eq!(node.mi("rl_check", &["p1", "-1"])?.code, 400);
    Ok(())
}

#[test]
fn what_every_opensips_has() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let node = lab.start(1, &lab.config(1, at[0], RATELIMIT))?;
    let names = node.mi_ok("which", &[])?;
    for name in [
        "clusterer_list",
        "clusterer_reload",
        "clusterer_set_status",
        "rl_list",
        "rl_reset_pipe",
        "rl_bin_status",
        "rl_check",
        "which",
        "uptime",
        "version",
    ] {
        assert!(names.iter().any(|known| known == name), "{name} is in {names:?}");
    }
    let uptime = node.mi_ok("uptime", &[])?;
    assert!(uptime[0].starts_with("Now:: "), "{uptime:?}");
    assert!(uptime[2].starts_with("Up time:: ") && uptime[2].ends_with(" [sec]"), "{uptime:?}");
    let version = node.mi_ok("version", &[])?;
    assert!(version[0].starts_with("Server:: clustererd ("), "{version:?}");
    assert_eq!(node.mi_text("no_such_cmd", &[])?, "500 command 'no_such_cmd' not available\n");
    Ok(())
}

#[test]
fn the_level_of_the_log_is_set_while_it_runs() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let node = lab.start(1, &lab.config(1, at[0], ""))?;
    assert_eq!(node.mi_ok("log_level", &[])?, ["Level:: info"]);
    let loaded = |node: &Daemon| node.log().matches("table loaded").count();
    let before = loaded(&node);
    assert_eq!(node.mi_ok("log_level", &["warn"])?, ["Level:: warn"]);
    node.mi_ok("clusterer_reload", &[])?;
    assert_eq!(node.mi_ok("log_level", &["debug"])?, ["Level:: debug"]);
    assert_eq!(loaded(&node), before, "{}", node.log());
    node.mi_ok("clusterer_reload", &[])?;
    assert_eq!(loaded(&node), before + 1, "{}", node.log());
    assert!(node.mi_text("log_level", &["loud"])?.starts_with("400 "));
    assert_eq!(node.log().matches("another level of the log").count(), 2, "{}", node.log());
    Ok(())
}

#[test]
fn datagrams_and_json_do_what_the_text_fifo_does() -> Result<()> {
    let (lab, at) = Lab::with_nodes(2)?;
    let _peer = TcpListener::bind(at[1])?;
    let socket = lab.path().join("mi.sock");
    let section = format!("[mi.datagram]\nsocket_name = \"{}\"\n", socket.display());
    let mut node = lab.start(1, &lab.config(1, at[0], &section))?;
    let client = UnixDatagram::bind(lab.path().join("client.sock"))?;
    client.set_read_timeout(Some(Duration::from_secs(20)))?;
    let ask = |request: &str| -> Result<String> {
        client.send_to(request.as_bytes(), &socket)?;
        let mut buffer = [0; 4096];
        let length = client.recv(&mut buffer)?;
        Ok(String::from_utf8(buffer[..length].to_vec())?)
    };
    let ok = r#"{"jsonrpc":"2.0","result":"OK","id":7}"#;
    let set = |status| {
        let params = format!(r#"{{"cluster_id":1,"node_id":2,"status":{status}}}"#);
        format!(r#"{{"jsonrpc":"2.0","method":"clusterer:set_status","params":{params},"id":7}}"#)
    };

    assert_eq!(ask(&set(0))?, ok);
    assert_eq!(node.state_of(2)?, 0);
    assert_eq!(ask(":clusterer_set_status:\n1\n2\n1\nbin\n")?, "200 OK\n\n");
    assert_eq!(node.state_of(2)?, 1);

    let reply = lab.reply_dir().join("json");
    rustix::fs::mkfifoat(rustix::fs::CWD, &reply, rustix::fs::Mode::from_raw_mode(0o666))?;
    let reader = std::thread::spawn(move || std::fs::read_to_string(reply));
    std::fs::write(lab.fifo(1), format!(":json:{}", set(0)))?;
    assert_eq!(reader.join().unwrap()?, ok);
    assert_eq!(node.state_of(2)?, 0);

    node.terminate()?;
    assert!(!socket.exists(), "the socket goes with the daemon");
    Ok(())
}

#[test]
fn without_a_section_the_module_and_its_commands_are_off() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let node = lab.start(1, &lab.config(1, at[0], ""))?;
    assert_eq!(node.mi_text("rl_list", &[])?, "500 command 'rl_list' not available\n");
    Ok(())
}
