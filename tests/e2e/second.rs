//! A second daemon that wants what a running one has ends at once, says what it is, and does not disturb it.

use anyhow::Result;
use clusterer_mi::{Client, MiData, Target};
use clusterer_tests::{Daemon, Lab, PATIENCE, free_address, program, request, wait_for};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

/// A node that runs, with these lines more.
struct Bench {
    lab: Lab,
    first: Daemon,
    /// Where the first one listens.
    address: SocketAddr,
    more: String,
}

impl Bench {
    fn new(more: &str) -> Result<Self> {
        let (lab, at) = Lab::with_nodes(1)?;
        let first = lab.start(1, &lab.config(1, at[0], more))?;
        wait_for("it runs", PATIENCE, || Ok(first.log().contains("running").then_some(())))?;
        Ok(Self { lab, first, address: at[0], more: more.to_owned() })
    }

    /// A second daemon, which has nothing in common with the first but these lines, does not start.
    fn second_refuses(&self, parts: &[&str]) -> Result<()> {
        let config = self.lab.config(2, free_address()?, &self.more);
        self.refuses(&config, parts)?;
        assert!(!self.lab.fifo(2).exists(), "nothing is half started");
        Ok(())
    }

    fn refuses(&self, config: &str, parts: &[&str]) -> Result<()> {
        let fifo = self.lab.fifo(1).metadata()?.ino();
        let before = self.first.log();
        for _ in 0..2 {
            let path = self.lab.write_config(2, config)?;
            let output = Command::new(program("clustererd")?).arg("--config").arg(path).output()?;
            let errors = String::from_utf8(output.stderr)?;
            assert_eq!(output.status.code(), Some(2), "{errors}");
            assert_eq!(errors.lines().count(), 1, "one line, not:\n{errors}");
            for part in parts {
                assert!(errors.contains(part), "{part:?} is not in: {errors}");
            }
        }
        assert_eq!(self.lab.fifo(1).metadata()?.ino(), fifo, "the FIFO is the first daemon's");
        self.first.mi_ok("version", &[])?;
        assert_eq!(self.first.log(), before, "the first has noticed nothing");
        Ok(())
    }
}

/// What the daemon says over one of its carriers.
fn answers(lab: &Lab, target: &str) -> Result<()> {
    let client = Client::new(Target::parse(target)?).reply_dir(lab.reply_dir()).timeout(PATIENCE);
    client.call("version", &MiData::Null)?;
    Ok(())
}

#[test]
fn with_the_same_configuration() -> Result<()> {
    let bench = Bench::new("")?;
    bench.refuses(&bench.lab.config(1, bench.address, ""), &["node-2.toml:9:13: mi.fifo.fifo_name"])
}

#[test]
fn with_the_same_bin_listener() -> Result<()> {
    let bench = Bench::new("")?;
    let address = bench.address.to_string();
    let config = bench.lab.config(2, bench.address, "");
    bench
        .refuses(&config, &["node-2.toml:6:11: bin.listen", &address, "stop what listens there"])?;
    assert!(!bench.lab.fifo(2).exists(), "nothing is half started");
    TcpStream::connect(address)?;
    Ok(())
}

#[test]
fn with_the_same_fifo() -> Result<()> {
    let bench = Bench::new("")?;
    let (own, fifo) = (bench.lab.fifo(2), bench.lab.fifo(1).display().to_string());
    let config = bench.lab.config(2, free_address()?, "");
    let config = config.replace(&own.display().to_string(), &fifo);
    bench.refuses(&config, &["mi.fifo.fifo_name", &fifo, "being read by another process"])
}

#[test]
fn with_the_same_unix_socket() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let socket = directory.path().join("socket").display().to_string();
    let bench = Bench::new(&format!("[mi.datagram]\nsocket_name = \"{socket}\"\n"))?;
    bench.second_refuses(&["mi.datagram.socket_name", &socket, "another process receives"])?;
    answers(&bench.lab, &format!("unix:{socket}"))
}

#[test]
fn with_the_same_udp_address() -> Result<()> {
    let address = free_address()?.to_string();
    let bench = Bench::new(&format!("[mi.datagram]\nsocket_name = \"udp:{address}\"\n"))?;
    let parts = ["mi.datagram.socket_name", &address, "in use", "stop what listens there"];
    bench.second_refuses(&parts)?;
    answers(&bench.lab, &format!("udp:{address}"))
}

#[test]
fn with_the_same_http_address() -> Result<()> {
    let address = free_address()?.to_string();
    let bench = Bench::new(&format!("[mi.http]\nlisten = \"{address}\"\n"))?;
    bench.second_refuses(&["mi.http.listen", &address, "in use", "stop what listens there"])?;
    answers(&bench.lab, &format!("http://{address}"))
}

#[test]
fn with_the_same_metrics_address() -> Result<()> {
    let address = free_address()?;
    let text = address.to_string();
    let bench = Bench::new(&format!("[metrics]\nlisten = \"{text}\"\n"))?;
    bench.second_refuses(&["metrics.listen", &text, "in use", "stop what listens there"])?;
    assert_eq!(request(address, "GET", "/metrics", &[], "")?.status, 200);
    Ok(())
}
