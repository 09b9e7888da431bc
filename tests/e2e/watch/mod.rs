//! What watches the nodes: the files of `deploy/prometheus` and `deploy/grafana`, in a real Prometheus.

mod alerts;
mod board;
mod rules;
mod runbook;

use anyhow::{Context as _, Result, ensure};
use clusterer_tests::{Completed, Daemon, Lab, free_address};
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Heard of every 100 ms, and silent soon.
const RATELIMIT: &str = "
[ratelimit]
replicate_pipes_to = 1
accept_pipes_from = 1
accept_pipes_timeout = 3
timer_interval = 1
";

/// How often the Prometheus of a test scrapes and judges.
const TICK: &str = "500ms";

/// A file of the repository.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(file(path)).with_context(|| path.to_owned())
}

/// The names of the alerts, in their order in the file.
fn alerts() -> Result<Vec<String>> {
    let rules = read("deploy/prometheus/clusterer.rules.yml")?;
    let names = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    Ok(names.map(str::to_owned).collect())
}

/// A program of Prometheus has nothing to say against what it was given.
fn accepted(completed: &Completed) -> Result<()> {
    let Completed { status, output, errors } = completed;
    ensure!(status.success(), "{output}{errors}");
    Ok(())
}

/// Three nodes with an exporter each.
struct Cluster {
    lab: Lab,
    listen: Vec<SocketAddr>,
    exporters: Vec<SocketAddr>,
    nodes: Vec<Daemon>,
}

impl Cluster {
    fn start() -> Result<Self> {
        let (lab, listen) = Lab::with_nodes(3)?;
        let exporters = (0..3).map(|_| free_address()).collect::<Result<Vec<_>>>()?;
        let mut cluster = Self { lab, listen, exporters, nodes: Vec::new() };
        for machine in 1..=3 {
            let config = cluster.config(machine, RATELIMIT);
            cluster.nodes.push(cluster.lab.start(machine, &config)?);
        }
        for node in &cluster.nodes {
            for other in (1..=3).filter(|other| *other != node.machine()) {
                node.wait_state(other, 1)?;
            }
        }
        Ok(cluster)
    }

    fn config(&self, machine: i32, more: &str) -> String {
        let (listen, exporter) = self.at(machine);
        let more = format!("{more}\n[metrics]\nlisten = \"{exporter}\"\n");
        self.lab.config(machine, listen, &more)
    }

    /// Where a machine listens, and is scraped.
    fn at(&self, machine: i32) -> (SocketAddr, SocketAddr) {
        let index = usize::try_from(machine - 1).expect("machines begin with 1");
        (self.listen[index], self.exporters[index])
    }

    /// The configuration of a Prometheus that scrapes them; that of `deploy/prometheus` but for places and times.
    fn scraped(&self) -> Result<String> {
        let text = read("deploy/prometheus/prometheus.yml")?;
        let mut targets = String::new();
        for exporter in &self.exporters {
            write!(targets, "\"{exporter}\", ")?;
        }
        let ours = text.replace("\"127.0.0.1:9464\"", &targets).replace("15s", TICK);
        ensure!(ours.contains(&targets) && ours.contains(TICK), "it has no target, or no interval");
        Ok(ours)
    }
}
