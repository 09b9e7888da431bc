//! SIGHUP: the configuration is read again, and what cannot change is named.

use anyhow::Result;
use clusterer_tests::{Daemon, Lab, NodeRow, PATIENCE, free_address, request, wait_for};
use rustix::process::Signal;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};

const FIRST: &str = "the-first-secret-of-all";
const SECOND: &str = "another-secret-for-it";

/// A node that is given configurations.
struct Bench {
    lab: Lab,
    daemon: Daemon,
    config: String,
    http: SocketAddr,
}

impl Bench {
    fn new() -> Result<Self> {
        let (lab, at) = Lab::with_nodes(1)?;
        let (http, token) = (free_address()?, lab.path().join("token"));
        fs::write(&token, FIRST)?;
        let token = token.display();
        let more = format!("[mi.http]\nlisten = \"{http}\"\ntoken_file = \"{token}\"\n");
        let config = lab.config(1, at[0], &more);
        let daemon = lab.start(1, &config)?;
        Ok(Self { lab, daemon, config, http })
    }

    /// Where it listens for BIN.
    fn listen(&self) -> String {
        let listens = self.config.lines().filter_map(|line| line.strip_prefix("listen = [\"bin:"));
        listens.map(|rest| rest.trim_end_matches("\"]").to_owned()).collect()
    }

    fn with(&self, from: &str, to: &str) -> String {
        assert!(self.config.contains(from), "{from:?} is in the configuration");
        self.config.replace(from, to)
    }

    /// Gives it this file, and waits until it has logged `end`. Returns what it said since.
    fn hangup(&self, config: &str, end: &str) -> Result<String> {
        let before = self.daemon.log().len();
        self.lab.write_config(1, config)?;
        self.daemon.signal(Signal::HUP)?;
        wait_for(end, PATIENCE, || {
            let said = self.daemon.log().split_off(before);
            Ok(said.contains(end).then_some(said))
        })
    }

    fn reload(&self, config: &str) -> Result<String> {
        self.hangup(config, "table loaded")
    }

    /// The status of a command that is sent with this token.
    fn runs(&self, token: &str) -> Result<u16> {
        let token = format!("Authorization: Bearer {token}");
        let body = r#"{"jsonrpc":"2.0","method":"version","id":1}"#;
        Ok(request(self.http, "POST", "/mi", &[&token], body)?.status)
    }

    /// What the server answers if it is called by a name.
    fn called(&self, name: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.http)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n")?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(line)
    }
}

#[test]
fn the_level_of_the_log_can_change() -> Result<()> {
    let bench = Bench::new()?;
    let quiet = format!("{}[log]\nlevel = \"warn\"\n", bench.config);
    bench.hangup(&quiet, "[log] level has changed")?;
    let loads = |bench: &Bench| bench.daemon.log().matches("table loaded").count();
    wait_for("nothing is said any more", PATIENCE, || {
        let before = loads(&bench);
        bench.daemon.mi_ok("clusterer_reload", &[])?;
        Ok((loads(&bench) == before).then_some(()))
    })?;
    let said = bench.reload(&bench.config)?;
    assert!(!said.contains("takes a restart"), "{said}");
    Ok(())
}

#[test]
fn the_table_is_loaded_and_looking_for_changes_begins() -> Result<()> {
    let bench = Bench::new()?;
    bench.lab.add(&NodeRow::new(1, 2, free_address()?))?;
    let said = bench.reload(&bench.with("[bin]", "auto_reload = \"100ms\"\n[bin]"))?;
    assert!(said.contains("[clusterer] auto_reload has changed"), "{said}");
    wait_for("the second node is listed", PATIENCE, || Ok(bench.daemon.node_line(2).ok()))?;
    bench.lab.add(&NodeRow::new(1, 3, free_address()?))?;
    wait_for("the third node is found", PATIENCE, || Ok(bench.daemon.node_line(3).ok()))?;
    Ok(())
}

#[test]
fn who_may_ask_over_http_can_change() -> Result<()> {
    let bench = Bench::new()?;
    assert_eq!((bench.runs(FIRST)?, bench.runs(SECOND)?), (200, 401));
    assert!(bench.called("proxy")?.contains("421"));
    fs::write(bench.lab.path().join("token"), SECOND)?;
    let said = bench.reload(&bench.with("[mi.http]", "[mi.http]\nhosts = [\"proxy\"]"))?;
    assert!(said.contains("[mi.http] hosts has changed"), "{said}");
    assert_eq!((bench.runs(FIRST)?, bench.runs(SECOND)?), (401, 200));
    assert!(bench.called("proxy")?.contains("200"));
    assert!(!bench.daemon.log().contains(SECOND));
    Ok(())
}

#[test]
fn what_takes_a_restart_is_named_each_time_and_stays_as_it_was() -> Result<()> {
    let bench = Bench::new()?;
    let other = free_address()?;
    let (listen, fifo) = (bench.listen(), bench.lab.fifo(1).display().to_string());
    let changed = bench
        .with(&listen, &other.to_string())
        .replace(&fifo, &format!("{fifo}-2"))
        .replace("token_file", "# token_file")
        + "[metrics]\n";
    for _ in 0..2 {
        let said = bench.reload(&changed)?;
        for key in ["[bin] listen has changed", "[mi.fifo] fifo_name has changed"] {
            assert!(said.contains(&format!("{key}: takes a restart")), "{said}");
        }
        // Anybody could run commands now.
        assert!(said.contains("[mi.http] token_file has changed: takes a restart"), "{said}");
        assert!(said.contains("[metrics] was added: takes a restart"), "{said}");
    }
    TcpStream::connect(listen)?;
    assert!(TcpStream::connect(other).is_err());
    assert_eq!(bench.runs(SECOND)?, 401);
    bench.daemon.mi_ok("version", &[])?;
    let said = bench.reload(&bench.config)?;
    assert!(!said.contains("restart"), "{said}");
    Ok(())
}

#[test]
fn a_file_that_is_wrong_changes_nothing_and_the_table_is_loaded() -> Result<()> {
    let bench = Bench::new()?;
    let hosts = bench.with("[mi.http]", "[mi.http]\nhosts = [\"proxy\"]");
    let wrong = hosts.replace("server_id = 1", "server_id = 0");
    let said = bench.reload(&wrong)?;
    assert!(said.contains("node-1.toml:3:13: clusterer.server_id: 0, expected"), "{said}");
    assert!(said.contains("the configuration stays as it was"), "{said}");
    // A file that it refers to is a part of it.
    fs::write(bench.lab.path().join("token"), "short")?;
    let said = bench.reload(&hosts)?;
    assert!(said.contains("mi.http.token_file") && !said.contains("has changed"), "{said}");
    assert_eq!(bench.runs(FIRST)?, 200);
    assert!(bench.called("proxy")?.contains("421"));
    Ok(())
}
