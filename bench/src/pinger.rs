//! A connection that asks and waits for the answer, over and over.

use crate::bench::Bench;
use crate::node::Peer;
use crate::sender::dial;
use crate::stats::{float, percentile};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// No answer takes as long.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Pinger {
    socket: TcpStream,
    machine: i32,
    nonce: i32,
}

impl Pinger {
    pub(crate) fn connect(from: &Peer, to: SocketAddr) -> Result<Self> {
        let socket = dial(from, to)?;
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { socket, machine: from.machine, nonce: 0 })
    }

    /// One round trip. A bare echo answers with the same bytes, a node with a pong of the same length.
    pub(crate) fn ping(&mut self) -> Result<Duration> {
        self.nonce += 1;
        let ping = ping(self.machine, self.nonce)?;
        let mut answer = vec![0; ping.len()];
        let begun = Instant::now();
        self.socket.write_all(&ping)?;
        self.socket.read_exact(&mut answer).context("a ping was not answered")?;
        let took = begun.elapsed();
        ensure!(answer.ends_with(&self.nonce.to_le_bytes()), "another ping was answered");
        Ok(took)
    }

    /// One ping in each `interval`, for so long.
    pub(crate) fn pings(
        &mut self,
        bench: &Bench,
        how_long: Duration,
        interval: Duration,
    ) -> Result<Latencies> {
        let end = Instant::now() + how_long;
        let mut latencies = Latencies::default();
        while Instant::now() < end {
            latencies.add(self.ping()?);
            bench.pause(interval)?;
        }
        Ok(latencies)
    }
}

/// A ping as a peer of this machine id sends it.
pub(crate) fn ping(machine: i32, nonce: i32) -> Result<Vec<u8>> {
    let machine = machine_id(machine)?;
    Ok(clusterer_core::ping(machine, nonce)?.to(1).to_vec())
}

fn machine_id(machine: i32) -> Result<clusterer_node::MachineId> {
    clusterer_node::MachineId::new(machine).context("a machine id is positive")
}

/// How long each of many things took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies {
    nanos: Vec<u64>,
}

impl Latencies {
    pub(crate) fn add(&mut self, took: Duration) {
        self.nanos.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// 50 %, 99 %, 99.9 % and all took no longer than this, microseconds.
    pub(crate) fn percentiles(&self) -> Result<[f64; 4]> {
        let mut sorted = self.nanos.clone();
        sorted.sort_unstable();
        let at = |permille| percentile(&sorted, permille).map(|nanos| float(nanos) / 1e3);
        let found = [500, 990, 999, 1000].map(at);
        let [Some(a), Some(b), Some(c), Some(d)] = found else {
            anyhow::bail!("nothing was measured")
        };
        Ok([a, b, c, d])
    }

    /// The cells of [`HEAD`], and the figures.
    pub(crate) fn told(&self, name: &str) -> Result<(Vec<String>, Value)> {
        let percentiles = self.percentiles()?;
        let count = self.nanos.len().to_string();
        let cells = percentiles.iter().map(|micros| format!("{micros:.0}"));
        let row = [name.to_owned(), count].into_iter().chain(cells).collect();
        let [p50, p99, p999, most] = percentiles;
        Ok((
            row,
            json!({ "of": name, "us": { "p50": p50, "p99": p99, "p99.9": p999, "max": most } }),
        ))
    }
}

/// The columns of [`Latencies::told`].
pub(crate) const HEAD: [&str; 6] = ["", "times", "p50, µs", "p99, µs", "p99.9, µs", "longest, µs"];
