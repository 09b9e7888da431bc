//! `clustererctl import`: what it prints is a configuration that the daemon takes.

#![allow(clippy::print_stderr, reason = "skips are to be read")]

use crate::start::Starting;
use anyhow::{Context as _, Result};
use clusterer_tests::{Lab, NodeRow, PATIENCE, Wire, program, skip, wait_for};
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

/// Example 1.16 of the manual, as it stands there.
const NODE_A: &str = r#"...
listen = bin:192.168.0.5:5566 # bin listener for Node A

loadmodule "proto_bin.so"

loadmodule "clusterer.so"
modparam("clusterer", "db_url", "mysql://opensips@192.168.0.7/opensips")
modparam("clusterer", "server_id", 1) # machine_id for Node A

loadmodule "ratelimit.so"
# replicate pipes to cluster id 1
modparam("ratelimit", "replicate_pipes_to", 1)
# accept replicated data from nodes within cluster 1
modparam("ratelimit", "accept_pipes_from", 1)
# if a node does not reply in a 5 seconds interval,
#the information from that node is invalidated
modparam("ratelimit", "accept_pipes_timeout", 5)
...
"#;

const URL_OF_NODE_A: &str = "mysql://opensips@192.168.0.7/opensips";

/// A node of which nothing else is said.
const NODE: &str =
    "modparam('clusterer', 'db_url', 'sqlite:/x.db') modparam('clusterer', 'server_id', 1)";

/// Imports a file into a file, and has the daemon look at it.
fn imported(config: &Path) -> Result<String> {
    let toml = config.with_extension("toml");
    let _ = fs::remove_file(&toml);
    let output = Command::new(program("clustererctl")?)
        .arg("import")
        .args([config, Path::new("--output"), &toml])
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = fs::read_to_string(&toml).with_context(|| format!("import failed: {errors}"))?;
    let check = Command::new(program("clustererd")?)
        .args(["check-config", "--config"])
        .arg(&toml)
        .output()?;
    let errors = String::from_utf8_lossy(&check.stderr);
    assert!(check.status.success(), "{}\nbecame\n{text}\n{errors}", fs::read_to_string(config)?);
    Ok(text)
}

fn imported_text(text: &str) -> Result<String> {
    let directory = tempfile::tempdir()?;
    let config = directory.path().join("opensips.cfg");
    fs::write(&config, text)?;
    imported(&config)
}

#[test]
fn whatever_is_imported_passes_check_config() -> Result<()> {
    let modparams = |module: &str, settings: &[(&str, &str)]| {
        let line =
            |(name, value): &(&str, &str)| format!(" modparam('{module}', '{name}', {value})");
        NODE.to_owned() + &settings.iter().map(line).collect::<String>()
    };
    let mut table = vec![
        NODE.to_owned(),
        NODE_A
            .replace("192.168.0.5:5566", "[::1]")
            .replace("server_id\", 1", "server_id\", 2147483647"),
        format!(
            "{NODE} listen=bin:1.2.3.4 listen=bin:1.2.3.4:5555 listen=bin:*:5556 loadmodule 'ratelimit.so'"
        ),
        modparams(
            "clusterer",
            &[("db_url", r#""mysql://a:\"%@\\/:?#{x}\x07ü@db.example:3306/b c""#)],
        ),
        modparams("clusterer", &[("db_url", "'postgres://a@h/b'"), ("persistent_state", "on")]),
        modparams("clusterer", &[("db_url", r"'sqlite:///a b/\x%41.db'")]),
        modparams(
            "mi_fifo",
            &[("fifo_name", r#""/tmp/a\"\t\\b""#), ("fifo_mode", "0"), ("fifo_user", "0")],
        ),
        modparams(
            "mi_fifo",
            &[("fifo_name", "'/f'"), ("fifo_mode", "511"), ("fifo_group", "'a-b'")],
        ),
        modparams("mi_datagram", &[("socket_name", "'/s'"), ("unix_socket_mode", "0777")]),
        modparams(
            "mi_datagram",
            &[("socket_name", "'udp:0.0.0.0:8080'"), ("unix_socket_user", "'x'")],
        ),
        modparams("mi_datagram", &[("socket_name", "'UDP:[::1]:8080'")]),
        modparams("mi_datagram", &[("socket_name", "'udp:[::ffff:127.0.0.1]:8080'")]),
        modparams("ratelimit", &[("window_size", "3600"), ("slot_period", "3600000")]),
        modparams(
            "ratelimit",
            &[("window_size", "1"), ("slot_period", "1"), ("default_algorithm", "'Sbt'")],
        ),
    ];
    // The ends of all ranges.
    for (name, least, most) in [
        ("timer_interval", 1, 31_536_000),
        ("expire_time", 1, 31_536_000),
        ("repl_buffer_threshold", 1, 58_981),
        ("repl_timer_interval", 1, 3_600_000),
        ("repl_timer_expire", 1, 31_536_000),
        ("replicate_pipes_to", 0, 2_147_483_647),
        ("accept_pipes_from", 0, 2_147_483_647),
        ("accept_pipes_timeout", 1, 31_536_000),
    ] {
        table.push(modparams("ratelimit", &[(name, &least.to_string())]));
        table.push(modparams("ratelimit", &[(name, &most.to_string())]));
    }
    let names: Vec<_> = [
        "db_table",
        "cluster_id_col",
        "machine_id_col",
        "clusterer_id_col",
        "state_col",
        "url_col",
        "description_col",
        "failed_attempts_col",
        "last_attempt_col",
        "duration_col",
        "no_tries_col",
    ]
    .map(|name| (name, format!("'_{name}'")))
    .into();
    let names: Vec<_> = names.iter().map(|(name, value)| (*name, value.as_str())).collect();
    table.push(modparams("clusterer", &names));
    for text in table {
        imported_text(&text)?;
    }
    Ok(())
}

#[test]
fn our_configuration_for_opensips_can_be_imported() -> Result<()> {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/opensips/opensips.cfg");
    let text = imported_text(&fs::read_to_string(deploy)?)?;
    for line in [
        "server_id = 2",
        "persistent_mode = false",
        "listen = [\"bin:192.168.0.6:5566\"]",
        "fifo_name = \"/tmp/opensips_fifo\"",
        "accept_pipes_timeout = 5",
        "repl_pipes_auth_check = true",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
    Ok(())
}

#[test]
fn node_a_of_the_manual_is_imported() -> Result<()> {
    let text = imported_text(NODE_A)?;
    let keys: Vec<_> =
        text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert_eq!(
        keys,
        [
            "[clusterer]",
            "db_url = \"mysql://opensips@192.168.0.7/opensips\"",
            "server_id = 1",
            "[bin]",
            "listen = [\"bin:192.168.0.5:5566\"]",
            "[ratelimit]",
            "replicate_pipes_to = 1",
            "accept_pipes_from = 1",
            "accept_pipes_timeout = 5",
            "repl_pipes_auth_check = false",
        ]
    );
    Ok(())
}

/// On a host that has the address of the manual. All that is changed is where the database is.
#[test]
fn node_a_of_the_manual_starts() -> Result<()> {
    if let Some(obstacle) = Wire::obstacle() {
        eprintln!("{}", obstacle.detail);
        return skip("hosts", obstacle.reason);
    }
    let (lab, wire) = (Lab::new()?, Wire::new(1)?);
    for (machine, address) in [(1, "192.168.0.5:5566"), (2, "192.168.0.6:5566")] {
        lab.add(&NodeRow::new(1, machine, address.parse()?))?;
    }
    wire.host(1)?.run(|| {
        let address = ["addr", "add", "192.168.0.5/24", "dev", "eth0"];
        assert!(Command::new("ip").args(address).status()?.success());
        starts(&lab, NODE_A, "192.168.0.5:5566".parse()?)
    })
}

/// The same on any machine: the address is changed, too.
#[test]
fn node_a_of_the_manual_starts_on_loopback() -> Result<()> {
    let (lab, at) = Lab::with_nodes(2)?;
    let at: SocketAddr = *at.first().context("an address")?;
    starts(&lab, &NODE_A.replace("192.168.0.5:5566", &at.to_string()), at)
}

/// Imports node A, whose database is the lab's, and starts it.
fn starts(lab: &Lab, node_a: &str, at: SocketAddr) -> Result<()> {
    let text = imported_text(node_a)?;
    assert!(text.contains(URL_OF_NODE_A));
    let config = text.replace(URL_OF_NODE_A, &lab.db_url());
    let mut daemon = Starting::spawn(lab, &config, "-n 1024")?;
    wait_for("it runs", PATIENCE, || Ok(daemon.log().contains("running").then_some(())))
        .with_context(|| daemon.log())?;
    TcpStream::connect(at)?;
    daemon.end()
}
