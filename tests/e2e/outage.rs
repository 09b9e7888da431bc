//! A server fails under load: it is killed, hangs, is restarted, while nodes ping each other, packets flow,
//! management asks, a peer dies and comes back, and an administrator has a word.
//!
//! Each test has a server of its own. The others' is not touched.

#![allow(clippy::print_stdout, reason = "figures are to be read")]

use crate::databases::{KINDS, sql, stored_state};
use crate::manual::RATELIMIT;
use crate::metrics::{scrape, value};
use crate::reload::numbered;
use crate::replay::connect_from;
use anyhow::{Context as _, Result, ensure};
use clusterer_tests::servers::{Access, Kind, Server};
use clusterer_tests::{Daemon, Lab, NodeRow, PATIENCE, Pulse, free_address, wait_for};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Takes connections and sends packets, as a 2.2 node does.
const SENDER: i32 = 1;
/// The nodes under test.
const A: i32 = 2;
const B: i32 = 3;
/// A node that dies and comes back.
const MORTAL: i32 = 4;
/// Nobody: up for an instant each second, then disabled again. So there is always something to write.
const NOBODY: i32 = 5;

/// Half of it is waited for a lock; a call to the server may take three quarters of it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A reload waits for what is being written, writes what is to be written, and loads.
const RELOAD: Duration = Duration::from_millis(3 * 1500);
/// A request to a node waits for a slow one before it for a second.
const ANSWER: Duration = Duration::from_millis(1500);

const NAP: Duration = Duration::from_millis(10);
const PACKETS_A_NAP: u32 = 5;

/// Two nodes in persistent mode, and whom they see.
struct Cluster {
    a: Node,
    b: Node,
    /// The sender is well for both nodes: it accepts.
    _sender: TcpListener,
    packets: TcpStream,
}

/// What fails.
struct Frail {
    mortal: Daemon,
    // Before the server: its database is dropped while there is one.
    lab: Lab,
    server: Server,
}

struct Node {
    daemon: Daemon,
    exporter: SocketAddr,
}

impl Node {
    fn start(lab: &Lab, machine: i32, at: SocketAddr) -> Result<Self> {
        let exporter = free_address()?;
        let more =
            format!("{RATELIMIT}repl_pipes_auth_check = 1\n[metrics]\nlisten = \"{exporter}\"\n");
        let seconds = CONNECT_TIMEOUT.as_secs();
        let mode = format!("persistent_mode = 1\ndb_connect_timeout = \"{seconds}s\"\n\n[bin]");
        let config = lab.config(machine, at, &more).replace("\n[bin]", &mode);
        Ok(Self { daemon: lab.start(machine, &config)?, exporter })
    }

    fn wait_database(&self, up: bool) -> Result<()> {
        let expected = if up { 1.0 } else { 0.0 };
        let what = format!("node {} says {expected} of its database", self.daemon.machine());
        wait_for(&what, PATIENCE, || {
            Ok((value(&scrape(self.exporter)?, "clusterer_db_up") == expected).then_some(()))
        })
    }

    /// Is told a machine's status by an administrator: a change that does not happen again by itself.
    fn commands(&self, machine: i32, status: &str) -> Result<()> {
        let params = ["1", &machine.to_string(), status, "bin"];
        self.daemon.mi_ok("clusterer_set_status", &params).map(drop)
    }

    /// Tries to write what is to be written, in vain.
    fn fails_to_write(&self) -> Result<()> {
        let failures = || self.daemon.log().matches("states could not be written back").count();
        let before = failures();
        wait_for("another write fails", PATIENCE, || Ok((failures() > before).then_some(())))
    }

    fn says(&self, text: &str) -> Result<()> {
        let what = format!("node {} says: {text}", self.daemon.machine());
        wait_for(&what, PATIENCE, || Ok(self.daemon.log().contains(text).then_some(())))
    }
}

impl Cluster {
    fn start(kind: Kind) -> Result<(Self, Frail)> {
        let server = Server::start(kind)?;
        let lab = Lab::on(server.create_database()?)?;
        let at = lab.add_nodes(NOBODY - 2)?;
        let (mortal_at, nobody_at) = (free_address()?, free_address()?);
        // As long as it is away, it is not disabled.
        lab.add(&NodeRow { failed_attempts: 1000, ..NodeRow::new(1, MORTAL, mortal_at) })?;
        let fickle =
            NodeRow { failed_attempts: 1, duration: 1, ..NodeRow::new(1, NOBODY, nobody_at) };
        lab.add(&fickle)?;
        let sender = TcpListener::bind(at[0])?;
        let mortal = lab.start(MORTAL, &lab.config(MORTAL, mortal_at, RATELIMIT))?;
        let (a, b) = (Node::start(&lab, A, at[1])?, Node::start(&lab, B, at[2])?);
        let packets = connect_from(at[0].ip(), at[1])?;
        Ok((Self { a, b, _sender: sender, packets }, Frail { mortal, lab, server }))
    }

    fn nodes(&self) -> [&Node; 2] {
        [&self.a, &self.b]
    }

    fn wait_mortal(&self, state: u32) -> Result<()> {
        self.nodes().into_iter().try_for_each(|node| node.daemon.wait_state(MORTAL, state))
    }

    fn wait_database(&self, up: bool) -> Result<()> {
        self.nodes().into_iter().try_for_each(|node| node.wait_database(up))
    }

    /// A pipe of one node is listed by the other.
    fn replicates(&self, pipe: &str) -> Result<()> {
        self.a.daemon.mi_ok("rl_check", &[pipe, "1000"])?;
        wait_for(&format!("pipe {pipe} comes to B"), PATIENCE, || {
            self.b.daemon.pipe_counter(pipe)
        })?;
        Ok(())
    }

    /// Does something while packets flow and management asks.
    fn under_load(&self, work: impl FnOnce() -> Result<()>) -> Result<Load> {
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            let packets = scope.spawn(|| self.flood(&ended));
            let answers = scope.spawn(|| self.ask(&ended));
            let done = {
                let _ending = Ending(&ended);
                work()
            };
            let (packets, answers) = (packets.join(), answers.join());
            done?;
            let packets = packets.unwrap_or_else(|panicked| panic::resume_unwind(panicked))?;
            let slowest = answers.unwrap_or_else(|panicked| panic::resume_unwind(panicked))?;
            Ok(Load { packets, slowest })
        })
    }

    /// Sends numbered packets to A; returns how many.
    fn flood(&self, ended: &AtomicBool) -> Result<u32> {
        let mut number = 0;
        while !ended.load(Ordering::SeqCst) {
            let mut bytes = Vec::new();
            for _ in 0..PACKETS_A_NAP {
                number += 1;
                bytes.extend(numbered(number)?);
            }
            (&self.packets).write_all(&bytes)?;
            thread::sleep(NAP);
        }
        Ok(number)
    }

    /// Asks both nodes, again and again; returns how long the slowest answer took.
    fn ask(&self, ended: &AtomicBool) -> Result<Duration> {
        let mut slowest = Duration::ZERO;
        while !ended.load(Ordering::SeqCst) {
            for node in self.nodes() {
                let begun = Instant::now();
                node.daemon.state_of(SENDER)?;
                slowest = slowest.max(begun.elapsed());
            }
            thread::sleep(NAP);
        }
        Ok(slowest)
    }

    /// Nobody else has changed its state, but by an administrator: no ping was missed.
    fn ensure_steady(&self, since: SystemTime, pulse: &Pulse) -> Result<()> {
        for node in self.nodes() {
            for change in node.daemon.changes()? {
                let may = change.at < since
                    || [MORTAL, NOBODY].contains(&change.machine)
                    || change.cause == "administrator";
                let worst = pulse.worst();
                ensure!(
                    may,
                    "{}: {change:?}; the machine was late by {worst:?}",
                    node.daemon.machine()
                );
            }
        }
        Ok(())
    }
}

struct Load {
    packets: u32,
    slowest: Duration,
}

/// Ends the load, whatever ends the work.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Frail {
    fn wait_stored(&self, machine: i32, state: &str) -> Result<()> {
        let what = format!("the table holds state {state} of machine {machine}");
        wait_for(&what, 2 * PATIENCE, || {
            let stored = stored_state(&self.lab, machine)?;
            ensure!(stored == state, "it holds {stored}");
            Ok(Some(()))
        })
    }

    /// Killed: connections are reset, new ones refused.
    fn killed(&mut self, cluster: &Cluster) -> Result<()> {
        self.server.kill()?;
        cluster.wait_database(false)?;
        self.mortal.kill()?;
        cluster.wait_mortal(2)?;
        cluster.replicates("while_it_was_dead")?;
        cluster.a.commands(SENDER, "0")?;
        cluster.a.fails_to_write()?;
        self.server.restart()?;
        self.wait_stored(SENDER, "0")?;
        self.wait_stored(MORTAL, "2")?;
        cluster.wait_database(true)?;
        self.mortal.restart()?;
        cluster.wait_mortal(1)?;
        self.wait_stored(MORTAL, "1")
    }

    /// Hanging: connections are accepted, and nothing is ever answered. An administrator who writes
    /// meanwhile hangs, too.
    fn hanging(&mut self, cluster: &Cluster, pulse: &Pulse) -> Result<()> {
        self.server.stop()?;
        let Self { mortal, lab, server } = self;
        let statement = format!("UPDATE clusterer SET state = 0 WHERE machine_id = {NOBODY};");
        thread::scope(|scope| {
            let administrator = scope.spawn(|| sql(lab, &statement));
            cluster.a.commands(SENDER, "1")?;
            let begun = Instant::now();
            let refused = cluster.a.daemon.mi_text("clusterer_reload", &[])?;
            let took = begun.elapsed();
            ensure!(refused == "500 Failed to reload\n\n", "{refused}");
            ensure!(took <= RELOAD + ANSWER + pulse.worst(), "a reload took {took:?}");
            cluster.wait_database(false)?;
            mortal.kill()?;
            cluster.wait_mortal(2)?;
            cluster.replicates("while_it_hung")?;
            ensure!(!administrator.is_finished(), "it hangs for everybody");
            server.cont()?;
            administrator.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
        })?;
        self.wait_stored(SENDER, "1")?;
        self.wait_stored(MORTAL, "2")?;
        cluster.wait_database(true)?;
        // Both had something to write of it, and both left it.
        for node in cluster.nodes() {
            node.says("left as an administrator set it in the database")?;
        }
        self.wait_stored(NOBODY, "0")
    }

    /// Restarted in good order: connections are closed, and soon there is another server.
    fn restarted(&mut self, cluster: &Cluster) -> Result<()> {
        self.server.restart()?;
        self.mortal.restart()?;
        cluster.wait_mortal(1)?;
        self.wait_stored(MORTAL, "1")?;
        cluster.wait_database(true)
    }

    /// Both nodes end, the second one while the server hangs and there is something to write.
    fn left(&mut self, cluster: Cluster, pulse: &Pulse) -> Result<()> {
        let Cluster { mut a, mut b, .. } = cluster;
        ensure!(a.daemon.terminate()?.success(), "A ends well");
        self.wait_stored(NOBODY, "0")?;
        self.server.stop()?;
        b.daemon.wait_state(A, 2)?;
        let begun = Instant::now();
        ensure!(b.daemon.terminate()?.success(), "B ends well");
        let took = begun.elapsed();
        self.server.cont()?;
        ensure!(took <= CONNECT_TIMEOUT + ANSWER + pulse.worst(), "its end took {took:?}");
        Ok(())
    }
}

fn goes_through(kind: Kind) -> Result<()> {
    let (cluster, mut frail) = Cluster::start(kind)?;
    cluster.wait_mortal(1)?;
    cluster.wait_database(true)?;
    cluster.replicates("at_first")?;
    let (begun, pulse) = (SystemTime::now(), Pulse::start());
    let Load { packets, slowest } = cluster.under_load(|| {
        frail.killed(&cluster).context("killed")?;
        frail.hanging(&cluster, &pulse).context("hanging")?;
        frail.restarted(&cluster).context("restarted")
    })?;
    let late = pulse.worst();
    println!(
        "{kind}: {packets} packets, the slowest answer took {slowest:?}, the machine was late by {late:?}"
    );
    cluster.ensure_steady(begun, &pulse)?;
    ensure!(
        slowest <= ANSWER + late,
        "an answer took {slowest:?}, the machine was late by {late:?}"
    );
    wait_for("every packet has come", PATIENCE, || {
        let lines = cluster.a.daemon.mi_ok("rl_list", &[])?;
        let pipes = lines.iter().filter(|line| line.contains(" id=n")).count();
        ensure!(u32::try_from(pipes)? == packets, "{pipes} of {packets}");
        Ok(Some(()))
    })?;
    for node in cluster.nodes() {
        node.daemon.mi_ok("clusterer_reload", &[])?;
        ensure!(node.daemon.state_of(NOBODY)? == 0, "a reload finds what the administrator did");
    }
    frail.left(cluster, &pulse)
}

#[test]
fn a_server_that_is_killed_hangs_and_is_restarted_under_load_disturbs_nobody() -> Result<()> {
    let test = "outage::a_server_that_is_killed_hangs_and_is_restarted_under_load_disturbs_nobody";
    let mut kinds = Vec::new();
    for kind in KINDS {
        kinds.extend(Access::for_test(test, kind)?.map(|access| access.kind()));
    }
    // At the same time: they wait most of it.
    thread::scope(|scope| {
        let runs: Vec<_> = kinds
            .into_iter()
            .map(|kind| scope.spawn(move || goes_through(kind).with_context(|| kind.to_string())))
            .collect();
        runs.into_iter().try_for_each(|run| {
            run.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
        })
    })
}
