//! What is wrong is said in one line, with exit code 2, and nothing is left half started.

use crate::manual::RATELIMIT;
use anyhow::Result;
use clusterer_tests::{Lab, free_address, program};
use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output};

struct Bench {
    lab: Lab,
    config: String,
}

impl Bench {
    /// A configuration that would start.
    fn new() -> Result<Self> {
        let (lab, at) = Lab::with_nodes(1)?;
        let config = lab.config(1, at[0], RATELIMIT);
        Ok(Self { lab, config })
    }

    fn replace(mut self, from: &str, to: &str) -> Self {
        assert!(self.config.contains(from), "{from:?} is in the configuration");
        self.config = self.config.replace(from, to);
        self
    }

    fn run(&self) -> Result<Output> {
        let path = self.lab.write_config(1, &self.config)?;
        Ok(Command::new(program("clustererd")?).arg("--config").arg(path).output()?)
    }

    /// Ends with exit code 2 and one line, which has these parts; no FIFO is left.
    fn refuses(self, parts: &[&str]) -> Result<()> {
        let output = self.run()?;
        let errors = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert_eq!(String::from_utf8(output.stdout)?, "");
        let lines: Vec<&str> = errors.lines().collect();
        assert_eq!(lines.len(), 1, "one line, not:\n{errors}");
        for part in parts {
            assert!(errors.contains(part), "{part:?} is not in: {errors}");
        }
        assert!(!self.lab.fifo(1).exists(), "nothing is half started");
        Ok(())
    }
}

#[test]
fn an_unknown_key() -> Result<()> {
    Bench::new()?
        .replace("server_id = 1", "server_idd = 1")
        .refuses(&["node-1.toml:3:1", "server_idd"])
}

#[test]
fn a_wrong_type() -> Result<()> {
    Bench::new()?.replace("server_id = 1", "server_id = \"one\"").refuses(&["node-1.toml:3:13"])
}

#[test]
fn server_id_0() -> Result<()> {
    Bench::new()?
        .replace("server_id = 1", "server_id = 0")
        .refuses(&["node-1.toml:3:13", "server_id"])
}

#[test]
fn a_listener_that_cannot_be_read() -> Result<()> {
    Bench::new()?.replace("\"bin:127", "\"udp:127").refuses(&["node-1.toml:6:11", "listen"])
}

#[test]
fn an_unknown_scheme() -> Result<()> {
    Bench::new()?.replace("sqlite:", "oracle:").refuses(&["node-1.toml:2:10", "db_url"])
}

#[test]
fn a_database_that_is_not_there() -> Result<()> {
    let bench = Bench::new()?;
    fs::remove_file(bench.lab.db_path())?;
    bench.refuses(&["clusterer.db", "clustererctl db init"])
}

#[test]
fn a_missing_table() -> Result<()> {
    let bench = Bench::new()?;
    rusqlite::Connection::open(bench.lab.db_path())?.execute("DROP TABLE clusterer", [])?;
    bench.refuses(&["clusterer", "clustererctl db"])
}

#[test]
fn a_wrong_table_version() -> Result<()> {
    let bench = Bench::new()?;
    rusqlite::Connection::open(bench.lab.db_path())?
        .execute("UPDATE version SET table_version = 4", [])?;
    bench.refuses(&["version 4", "version 1"])
}

#[test]
fn a_port_in_use() -> Result<()> {
    let bench = Bench::new()?;
    let address = free_address()?;
    let _listener = TcpListener::bind(address)?;
    let listen = bench.config.lines().find(|line| line.starts_with("listen")).unwrap().to_owned();
    bench.replace(&listen, &format!("listen = [\"bin:{address}\"]")).refuses(&[
        "node-1.toml:6:11",
        &address.to_string(),
        "in use",
    ])
}

#[test]
fn a_metrics_port_in_use() -> Result<()> {
    let mut bench = Bench::new()?;
    let address = free_address()?;
    let _listener = TcpListener::bind(address)?;
    bench.config += &format!("[metrics]\nlisten = \"{address}\"\n");
    bench.refuses(&["metrics", &address.to_string(), "in use"])
}

#[test]
fn an_http_port_in_use() -> Result<()> {
    let mut bench = Bench::new()?;
    let address = free_address()?;
    let _listener = TcpListener::bind(address)?;
    bench.config += &format!("[mi.http]\nlisten = \"{address}\"\n");
    bench.refuses(&["mi.http.listen", &address.to_string(), "in use"])
}

#[test]
fn a_token_that_is_none() -> Result<()> {
    for (text, why) in [(None, "cannot read"), (Some("hunter2"), "16 to 1024 characters")] {
        let mut bench = Bench::new()?;
        let file = bench.lab.path().join("token");
        if let Some(text) = text {
            fs::write(&file, text)?;
        }
        bench.config += &format!("[mi.http]\ntoken_file = \"{}\"\n", file.display());
        bench.refuses(&["mi.http.token_file", why])?;
    }
    Ok(())
}

#[test]
fn a_fifo_path_that_is_a_regular_file() -> Result<()> {
    let bench = Bench::new()?;
    let fifo = bench.lab.path().join("regular");
    fs::write(&fifo, "kept")?;
    let path = bench.lab.fifo(1).display().to_string();
    let bench = bench.replace(&path, &fifo.display().to_string());
    bench.refuses(&["node-1.toml:9:13", "regular"])?;
    Ok(())
}

#[test]
fn what_is_wrong_with_a_fifo_is_said_at_the_key_to_mend() -> Result<()> {
    let bench = Bench::new()?;
    let replies = bench.lab.reply_dir().display().to_string();
    bench.replace(&replies, "/nonexistent").refuses(&["node-1.toml:10:13", "mi.fifo.reply_dir"])?;
    for (key, value) in [("fifo_user", "no such user"), ("fifo_group", "no such group")] {
        let name = value.replace(' ', "-");
        let more = format!("[mi.fifo]\n{key} = \"{name}\"");
        let place = format!("node-1.toml:9:{}", key.len() + 4);
        let bench = Bench::new()?.replace("[mi.fifo]", &more);
        bench.refuses(&[&place, &format!("mi.fifo.{key}"), &name])?;
    }
    Ok(())
}

#[test]
fn a_configuration_that_is_not_there() -> Result<()> {
    let output =
        Command::new(program("clustererd")?).args(["--config", "/nonexistent"]).output()?;
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr)?.contains("/nonexistent"));
    Ok(())
}
