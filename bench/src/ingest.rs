//! Packets of ratelimit from 1, 4 and 64 senders: what a packet costs a daemon that takes it, and what it
//! costs a loop that only walks lengths. The two take turns, so that whatever else the machine does falls
//! on both.

use crate::bench::Bench;
use crate::child::Role;
use crate::node::{Node, Peer, peers};
use crate::packets::{Shape, ring};
use crate::process::{CpuTime, is_waiting, per};
use crate::sender::Sender;
use crate::stats::{Summary, float};
use crate::table::Section;
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const CONNECTIONS: [usize; 3] = [1, 4, 64];
/// Bytes of packets made beforehand, over all connections: more than a core's caches hold.
const RING: usize = 8 << 20;
/// How often a receiver is looked at until it rests.
const LOOK: Duration = Duration::from_millis(20);
/// In so many looks on end.
const LOOKS: u32 = 3;
/// A receiver that uses less than this between two looks has nothing left to do.
const REST: Duration = Duration::from_micros(500);
const PATIENCE: Duration = Duration::from_secs(20);
/// A daemon that drops packets is given fewer, so often at most.
const PACES: usize = 8;

pub(crate) fn run(bench: &Bench) -> Result<Section> {
    let most = CONNECTIONS.into_iter().max().unwrap_or(1);
    let node = Node::start(bench, peers(i32::try_from(most)?)?, 0)?;
    let mut bare = Bare::start()?;
    let mut work = Vec::new();
    for shape in Shape::ALL {
        for connections in CONNECTIONS {
            let peers = node.peers.get(..connections).context("enough peers")?;
            work.push(Work::new(bench, &node, shape, peers)?.measure(&mut bare)?);
        }
    }
    let paced = work.iter().any(|work| work.pace.is_some());
    let mut notes = vec![
        "CPU time of the whole receiving process: all its threads, user and system \
         (`/proc/PID/task/*/schedstat`, checked against `/proc/PID/stat`). Medians, and in brackets the \
         least and the most, of rounds in which the two receivers took turns. The daemon counted every \
         packet and every pipe, and dropped none."
            .to_owned(),
    ];
    if paced {
        notes.push(
            "Paced: sent as fast as it was taken, packets were dropped before the module. The figure is \
             of the highest pace found at which none was; the bare reader was not paced."
                .to_owned(),
        );
    }
    Ok(Section {
        name: "ingest",
        title: "Packets taken",
        head: vec![
            "packets of",
            "connections",
            "daemon, packets/s",
            "daemon, ns CPU a packet",
            "bare reader, packets/s",
            "bare reader, ns CPU a packet",
            "ratio",
        ],
        rows: work.iter().map(Outcome::row).collect::<Result<_>>()?,
        plot: None,
        notes,
        figures: work.iter().map(Outcome::figures).collect(),
    })
}

/// Packets of one shape over so many connections.
struct Work<'a> {
    bench: &'a Bench,
    node: &'a Node,
    shape: Shape,
    peers: &'a [Peer],
    rings: Vec<Vec<u8>>,
}

/// What one receiver did in one round.
#[derive(Clone, Copy, Debug)]
struct Round {
    packets: u64,
    took: Duration,
    cpu: Duration,
}

/// What became of a round at the daemon.
enum Taken {
    All(Round),
    /// So many packets a second came through.
    Some(f64),
}

struct Outcome {
    shape: Shape,
    connections: usize,
    /// Packets a second, where the daemon did not keep up with more.
    pace: Option<f64>,
    daemon: Vec<Round>,
    bare: Vec<Round>,
}

impl<'a> Work<'a> {
    fn new(bench: &'a Bench, node: &'a Node, shape: Shape, peers: &'a [Peer]) -> Result<Self> {
        let bytes = RING / peers.len();
        let rings = peers.iter().map(|peer| ring(shape, peer.machine, bytes));
        Ok(Self { bench, node, shape, peers, rings: rings.collect::<Result<_>>()? })
    }

    fn measure(self, bare: &mut Bare) -> Result<Outcome> {
        let name = format!("{} bytes, {} connections", self.shape.bytes(), self.peers.len());
        self.bench.say(&format!("{name}: warming up"));
        let mut pace = self.find_pace(&name)?;
        let rounds = self.bench.either(3, 5);
        let how_long = self.bench.either(Duration::from_millis(400), Duration::from_secs(2));
        let (mut of_daemon, mut of_bare) = (Vec::new(), Vec::new());
        let mut slower = 0;
        while of_daemon.len() < rounds {
            let daemon = match self.daemon(how_long, pace)? {
                Taken::All(round) => round,
                Taken::Some(rate) => {
                    // Rounds at different paces are not compared.
                    of_daemon.clear();
                    of_bare.clear();
                    slower += 1;
                    ensure!(
                        slower <= PACES,
                        "{name}: the daemon drops packets at {pace:?} a second"
                    );
                    pace = Some(self.slower(&name, pace, rate));
                    continue;
                }
            };
            let bare = self.bare(bare, how_long)?;
            let (a, b, round) = (daemon.cost(), bare.cost(), of_daemon.len() + 1);
            self.bench.say(&format!(
                "{name}: round {round} of {rounds}: {a:.0} ns, bare {b:.1} ns, ratio {:.1}",
                a / b
            ));
            of_daemon.push(daemon);
            of_bare.push(bare);
        }
        let (shape, connections) = (self.shape, self.peers.len());
        Ok(Outcome { shape, connections, pace, daemon: of_daemon, bare: of_bare })
    }

    /// How fast the daemon can be sent to without dropping: `None` if it takes whatever comes.
    fn find_pace(&self, name: &str) -> Result<Option<f64>> {
        let how_long = self.bench.either(Duration::from_millis(300), Duration::from_secs(1));
        let mut pace: Option<f64> = None;
        for _ in 0..PACES {
            let came_through = match self.daemon(how_long, pace)? {
                Taken::All(_) => return Ok(pace),
                Taken::Some(rate) => rate,
            };
            pace = Some(self.slower(name, pace, came_through));
        }
        bail!("{name}: the daemon drops packets at {pace:?} a second")
    }

    /// The pace to try where so many packets a second came through of those sent at `pace`.
    fn slower(&self, name: &str, pace: Option<f64>, came_through: f64) -> f64 {
        let next = 0.85 * pace.map_or(came_through, |pace| pace.min(came_through));
        self.bench.say(&format!("{name}: packets were dropped, next {next:.0} a second"));
        next
    }

    fn daemon(&self, how_long: Duration, pace: Option<f64>) -> Result<Taken> {
        let before = self.node.figures()?;
        let round = self.round(self.node.address, self.node.pid(), how_long, pace)?;
        let after = self.node.figures()?;
        let grown =
            |name: &str| -> Result<u64> { Ok(after.sum(name)?.saturating_sub(before.sum(name)?)) };
        let received = grown("clusterer_bin_received_packets_total")?;
        ensure!(received == round.packets, "{received} of {} packets received", round.packets);
        let (taken, dropped) = (pipes_taken(&grown)?, dropped(&grown)?);
        let pipes = self.shape.pipes() as u64;
        if dropped == 0 {
            ensure!(taken == round.packets * pipes, "{taken} pipes of {} packets", round.packets);
            return Ok(Taken::All(round));
        }
        Ok(Taken::Some(float(taken / pipes) / round.took.as_secs_f64()))
    }

    fn bare(&self, bare: &mut Bare, how_long: Duration) -> Result<Round> {
        let round = self.round(bare.address, bare.role.pid(), how_long, None)?;
        let mut packets = 0;
        for _ in self.peers {
            packets += bare.role.line()?.parse::<u64>()?;
        }
        ensure!(packets == round.packets, "the bare reader found {packets} packets");
        Ok(round)
    }

    fn round(
        &self,
        to: SocketAddr,
        pid: u32,
        how_long: Duration,
        pace: Option<f64>,
    ) -> Result<Round> {
        let mut sender = Sender::connect(to, self.peers, &self.rings, self.shape.bytes())?;
        let before = rest(pid)?;
        let begun = Instant::now();
        sender.send(self.bench, how_long, pace)?;
        let packets = sender.packets();
        sender.finish()?;
        let took = begun.elapsed();
        let cpu = rest(pid)?.since(&before)?;
        Ok(Round { packets, took, cpu })
    }
}

/// The daemon's pipes that were received and taken.
fn pipes_taken(grown: &dyn Fn(&str) -> Result<u64>) -> Result<u64> {
    grown("clusterer_ratelimit_received_total")
}

/// What a daemon dropped, wherever: packets, or pipes of packets.
fn dropped(grown: &dyn Fn(&str) -> Result<u64>) -> Result<u64> {
    let reasons = [
        "clusterer_bin_dropped_total",
        "clusterer_packets_dropped_total",
        "clusterer_ratelimit_skipped_total",
        "clusterer_ratelimit_strangers_refused_total",
    ];
    reasons.into_iter().map(grown).sum()
}

/// Waits until a process has nothing left to do. On a busy machine a thread may use nothing for long because
/// it is not given a CPU, so its state counts too, and one look is not enough.
fn rest(pid: u32) -> Result<CpuTime> {
    let begun = Instant::now();
    let (mut before, mut quiet) = (CpuTime::of(pid)?, 0);
    loop {
        std::thread::sleep(LOOK);
        let now = CpuTime::of(pid)?;
        let rests = now.busy_since(&before) < REST && is_waiting(pid)?;
        quiet = if rests { quiet + 1 } else { 0 };
        if quiet == LOOKS {
            return Ok(now);
        }
        ensure!(begun.elapsed() < PATIENCE, "process {pid} is still at work after {PATIENCE:?}");
        before = now;
    }
}

/// The bare reader, a process of its own.
struct Bare {
    role: Role,
    address: SocketAddr,
}

impl Bare {
    fn start() -> Result<Self> {
        let mut role = Role::start(&["bare-reader"])?;
        let address = role.address()?;
        Ok(Self { role, address })
    }
}

impl Round {
    fn rate(&self) -> f64 {
        float(self.packets) / self.took.as_secs_f64()
    }

    fn cost(&self) -> f64 {
        per(self.cpu, self.packets)
    }
}

impl Outcome {
    fn row(&self) -> Result<Vec<String>> {
        let [daemon, bare] = [&self.daemon, &self.bare].map(|rounds| Sides::of(rounds));
        let (daemon, bare) = (daemon?, bare?);
        let plural = if self.shape.pipes() == 1 { "" } else { "s" };
        let paced = if self.pace.is_some() { "paced " } else { "" };
        Ok(vec![
            format!("{} bytes, {} pipe{plural}", self.shape.bytes(), self.shape.pipes()),
            self.connections.to_string(),
            format!("{paced}{}", millions(daemon.rate)),
            daemon.cost.text(0),
            millions(bare.rate),
            bare.cost.text(1),
            format!("{:.1}", daemon.cost.median / bare.cost.median),
        ])
    }

    fn figures(&self) -> Value {
        let costs = |rounds: &[Round]| rounds.iter().map(Round::cost).collect::<Vec<_>>();
        let rates = |rounds: &[Round]| rounds.iter().map(Round::rate).collect::<Vec<_>>();
        json!({
            "bytes": self.shape.bytes(),
            "pipes": self.shape.pipes(),
            "connections": self.connections,
            "pace": self.pace,
            "daemon_ns": costs(&self.daemon),
            "daemon_packets_per_second": rates(&self.daemon),
            "bare_ns": costs(&self.bare),
            "bare_packets_per_second": rates(&self.bare),
        })
    }
}

struct Sides {
    cost: Summary,
    rate: Summary,
}

impl Sides {
    fn of(rounds: &[Round]) -> Result<Self> {
        let of = |value: fn(&Round) -> f64| {
            Summary::of(&rounds.iter().map(value).collect::<Vec<_>>()).context("a round")
        };
        Ok(Self { cost: of(Round::cost)?, rate: of(Round::rate)? })
    }
}

/// `1.23 M`.
fn millions(rate: Summary) -> String {
    format!("{:.2} M", rate.median / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_dropped_counts_and_nothing_else() {
        let text = "clusterer_bin_dropped_total";
        let grown = |name: &str| Ok(u64::from(name == text) * 3);
        assert_eq!(dropped(&grown).unwrap(), 3);
        assert_eq!(pipes_taken(&grown).unwrap(), 0);
    }
}
