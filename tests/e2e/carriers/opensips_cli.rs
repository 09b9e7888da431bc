//! `opensips-cli`, as people install it, manages a node over everything it speaks.

use super::bench::Bench;
use crate::databases::stored_state;
use anyhow::{Context as _, Result, ensure};
use clusterer_tests::{OpensipsCli, PATIENCE, wait_for};
use serde_json::Value;

/// What a session tells about, of the node it talks to.
struct Session<'a> {
    cli: &'a OpensipsCli,
    options: Vec<String>,
}

impl Session<'_> {
    /// The result of a command that is done: the client prints it as JSON and ends with 0.
    fn done(&self, command: &[&str]) -> Result<Value> {
        let ended = self.cli.run(&self.options, command)?;
        ensure!(ended.status.code() == Some(0), "{command:?}: {ended:?}");
        ensure!(ended.errors.is_empty(), "{command:?}: {ended:?}");
        serde_json::from_str(&ended.output).with_context(|| format!("{command:?}: {ended:?}"))
    }

    /// What is said of a command that is not: the client prints it as an error and ends with 255.
    fn refused(&self, command: &[&str]) -> Result<String> {
        let ended = self.cli.run(&self.options, command)?;
        ensure!(ended.status.code() == Some(255), "{command:?}: {ended:?}");
        ensure!(ended.output.is_empty(), "{command:?}: {ended:?}");
        // `ERROR: TEXT` in colours.
        let (_, text) = ended.errors.split_once(": ").context("an error")?;
        Ok(text.trim_end().to_owned())
    }
}

/// Everything that the client is used for, with the other node as what is managed.
fn session(bench: &Bench, session: &Session<'_>, other: i32) -> Result<()> {
    let node = if other == 2 { &bench.one } else { &bench.two };
    let machine = format!("machine_id={other}");

    let listed = |name: &str| -> Result<Value> {
        let list = session.done(&[name])?;
        let nodes = list["Clusters"][0]["Nodes"].as_array().context("nodes")?;
        ensure!(nodes.len() == 1 && nodes[0]["node_id"] == other, "{list}");
        Ok(nodes[0].clone())
    };
    let up = listed("clusterer_list")?;
    assert_eq!((&up["link_state"], &up["state"]), (&"Up".into(), &"enabled".into()));

    let down = ["clusterer:set_status", "cluster_id=1", &machine, "status=0"];
    assert_eq!(session.done(&down)?, "OK");
    assert_eq!(node.state_of(other)?, 0);
    let disabled = listed("clusterer:list")?;
    assert_eq!((&disabled["link_state"], &disabled["state"]), (&"Down".into(), &"disabled".into()));
    wait_for("it is in the database", PATIENCE, || {
        Ok((stored_state(&bench.lab, other)? == "0").then_some(()))
    })?;

    assert_eq!(session.done(&["clusterer_reload"])?, "OK");
    assert_eq!(node.state_of(other)?, 0, "as it is in the database");

    // In order, and with the protocol, as scripts for 2.2 have it.
    let number = other.to_string();
    assert_eq!(session.done(&["clusterer_set_status", "1", &number, "1", "bin"])?, "OK");
    node.wait_state(other, 1)?;

    node.mi_ok("rl_check", &["counted", "100"])?;
    let pipes = session.done(&["rl_list"])?;
    let pipe = &pipes["Pipes"][0];
    assert_eq!((&pipe["id"], &pipe["limit"]), (&"counted".into(), &100.into()), "{pipes}");

    // The client asks `which`, and sends nothing that is not there.
    let unknown = session.refused(&["no_such_command"])?;
    assert_eq!(unknown, "no command 'no_such_command' in module 'mi'");
    for (command, why) in [
        (
            &["clusterer:set_status", "cluster_id=1", &machine, "status=7"][..],
            "400: Bad value for 'status'",
        ),
        (
            &["clusterer:set_status", "cluster_id=x", &machine, "status=1"],
            "-32602: Invalid params (Bad type for parameter 'cluster_id')",
        ),
        (
            &["clusterer_set_status", "cluster_id=1", "machine_id=99", "status=1"],
            "404: Node id not found",
        ),
    ] {
        let said = session.refused(command)?;
        let expected = format!("command '{}' returned: Error executing command: {why}", command[0]);
        assert_eq!(said, expected);
    }
    assert_eq!(node.state_of(other)?, 1, "what was refused has changed nothing");
    Ok(())
}

const PERSISTENT: &str = "persistent_mode = true\n";

#[test]
fn opensips_cli_over_the_fifo() -> Result<()> {
    let Some(cli) = OpensipsCli::for_test()? else {
        return Ok(());
    };
    let bench = Bench::new(PERSISTENT)?;
    let options = vec![
        "communication_type=fifo".to_owned(),
        format!("fifo_file={}", bench.one.fifo().display()),
        format!("fifo_reply_dir={}", bench.lab.reply_dir().display()),
    ];
    session(&bench, &Session { cli: &cli, options }, 2)
}

#[test]
fn opensips_cli_over_udp() -> Result<()> {
    let Some(cli) = OpensipsCli::for_test()? else {
        return Ok(());
    };
    let bench = Bench::new(PERSISTENT)?;
    let mut options = vec![
        "communication_type=datagram".to_owned(),
        format!("datagram_ip={}", bench.udp().ip()),
        format!("datagram_port={}", bench.udp().port()),
    ];
    patient(&mut options);
    session(&bench, &Session { cli: &cli, options }, 2)
}

#[test]
fn opensips_cli_over_a_unix_socket() -> Result<()> {
    let Some(cli) = OpensipsCli::for_test()? else {
        return Ok(());
    };
    let bench = Bench::new(PERSISTENT)?;
    let mut options = vec![
        "communication_type=datagram".to_owned(),
        format!("datagram_unix_socket={}", bench.unix().display()),
    ];
    patient(&mut options);
    session(&bench, &Session { cli: &cli, options }, 1)
}

#[test]
fn opensips_cli_over_http() -> Result<()> {
    let Some(cli) = OpensipsCli::for_test()? else {
        return Ok(());
    };
    let bench = Bench::new(PERSISTENT)?;
    let options =
        vec!["communication_type=http".to_owned(), format!("url=http://{}/mi", bench.http())];
    session(&bench, &Session { cli: &cli, options }, 2)
}

/// It waits a second for a datagram, which a busy machine may need for itself.
fn patient(options: &mut Vec<String>) {
    options.push(format!("datagram_timeout={}", PATIENCE.as_secs()));
}
