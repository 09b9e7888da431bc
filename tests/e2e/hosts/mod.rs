//! Real hosts: daemons in network namespaces of their own, and what happens to hosts.
//!
//! The bounds are the requirement, so times are measured here, on machines that do other things too. They
//! are taken from the daemons' logs, not by polling, and beside each measurement a [`Pulse`] notes how
//! late the machine itself was: that much later a daemon may be, and a failure says how much it was.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "skips and figures are to be read")]

mod ended;
mod silent;
mod traffic;
mod wire;

use crate::manual::RATELIMIT;
use anyhow::{Context as _, Result, bail, ensure};
use clusterer_tests::{Change, Daemon, Lab, NodeRow, PATIENCE, Place, Pulse, Wire, skip, wait_for};
use std::thread;
use std::time::{Duration, SystemTime};

/// The timeout is the default. The interval is half of the default: nobody waits for a whole second.
const INTERVAL: Duration = Duration::from_millis(500);
const TIMEOUT: Duration = Duration::from_millis(500);

/// A silent node is known within this time, as the requirement says.
const KNOWN: Duration = INTERVAL.saturating_add(TIMEOUT).saturating_add(Duration::from_millis(500));

/// One that is not disabled is up again so long after the last disturbance: crates/clusterer-sim/README.md.
const AGAIN: Duration = INTERVAL
    .saturating_mul(3)
    .saturating_add(TIMEOUT.saturating_mul(2))
    .saturating_add(Duration::from_millis(250));

/// So many failures that nobody is disabled during a test: a failed node is tried every interval.
const FAILED_ATTEMPTS: u32 = 1000;

/// Hosts on a wire, a daemon on each of the first of them. All have one database.
struct Site {
    // Dropped in this order: daemons, their files, their hosts.
    daemons: Vec<Daemon>,
    _lab: Lab,
    wire: Wire,
}

impl Site {
    /// `hosts` hosts, all of them in the table. There are daemons on machines 1 to `daemons`, and each
    /// has heard the others answer. `None` where there can be no hosts; that is reported.
    fn new(hosts: u8, daemons: u8) -> Result<Option<Self>> {
        Self::with_pings(INTERVAL, TIMEOUT, hosts, daemons)
    }

    /// The same with another interval and timeout.
    fn with_pings(
        interval: Duration,
        timeout: Duration,
        hosts: u8,
        daemons: u8,
    ) -> Result<Option<Self>> {
        if !possible() {
            return Ok(None);
        }
        let (lab, wire) = (Lab::new()?, Wire::new(hosts)?);
        for machine in 1..=i32::from(hosts) {
            let row = NodeRow::new(1, machine, wire.host(machine)?.address());
            // Probing: who is up has been reached.
            lab.add(&NodeRow { state: 2, failed_attempts: FAILED_ATTEMPTS, ..row })?;
        }
        let (interval, timeout) = (interval.as_millis(), timeout.as_millis());
        let pings = format!("ping_interval = \"{interval}ms\"\nping_timeout = \"{timeout}ms\"\n");
        let start = |machine| {
            let host = wire.host(machine)?;
            let config = lab.config(machine, host.address(), RATELIMIT);
            let config = config.replace("\n[bin]", &format!("{pings}\n[bin]"));
            lab.start_at(Place::On(host.clone()), machine, &config)
        };
        let machines = 1..=i32::from(daemons);
        let daemons = thread::scope(|scope| {
            let started: Vec<_> =
                machines.map(|machine| scope.spawn(move || start(machine))).collect();
            started.into_iter().map(|thread| thread.join().unwrap()).collect::<Result<Vec<_>>>()
        })?;
        let site = Self { daemons, _lab: lab, wire };
        for one in site.machines() {
            for other in site.others(one) {
                site.sees(one, other, 1, SystemTime::UNIX_EPOCH)?;
            }
            // Up is also who has not answered yet, and its silence would mean nothing then.
            let what = format!("all others have answered node {one}");
            let host = site.wire.host(one)?;
            let others = site.others(one).count();
            wait_for(&what, PATIENCE, || Ok((host.answered()? == others).then_some(())))?;
        }
        Ok(Some(site))
    }

    /// Those with a daemon.
    fn machines(&self) -> impl Iterator<Item = i32> + use<> {
        1..=i32::try_from(self.daemons.len()).unwrap()
    }

    fn others(&self, machine: i32) -> impl Iterator<Item = i32> + use<> {
        self.machines().filter(move |&other| other != machine)
    }

    fn daemon(&self, machine: i32) -> &Daemon {
        &self.daemons[usize::try_from(machine - 1).unwrap()]
    }

    fn daemon_mut(&mut self, machine: i32) -> &mut Daemon {
        &mut self.daemons[usize::try_from(machine - 1).unwrap()]
    }

    /// How long after `since` a machine came to see another one in a state it had not been in.
    fn sees(&self, one: i32, other: i32, state: u32, since: SystemTime) -> Result<Duration> {
        let what = format!("node {one} sees node {other} come into state {state}");
        wait_for(&what, PATIENCE, || {
            let changes = self.daemon(one).changes()?;
            let mut news = changes.iter().filter(|change| change.at >= since);
            let change = news.find(|change| {
                change.machine == other && change.to == state && change.from != state
            });
            change.map(|change| Ok(change.at.duration_since(since)?)).transpose()
        })
        .with_context(|| format!("its log:\n{}", self.daemon(one).log()))
    }

    /// The same for all others that observe a machine.
    fn others_see(&self, machine: i32, state: u32, since: SystemTime) -> Result<Vec<Duration>> {
        self.others(machine).map(|other| self.sees(other, machine, state, since)).collect()
    }

    /// The same for all others that a machine observes.
    fn seen_by(&self, machine: i32, state: u32, since: SystemTime) -> Result<Vec<Duration>> {
        self.others(machine).map(|other| self.sees(machine, other, state, since)).collect()
    }

    /// Nobody's state has changed since then on anybody, but for what an observer `may` see.
    fn nothing_else(
        &self,
        since: SystemTime,
        pulse: &Pulse,
        may: impl Fn(i32, &Change) -> bool,
    ) -> Result<()> {
        for one in self.machines() {
            for change in self.daemon(one).changes()? {
                if change.at >= since && !may(one, &change) {
                    let worst = pulse.worst();
                    bail!("node {one}: {change:?}; the machine itself was late by {worst:?}");
                }
            }
        }
        Ok(())
    }

    /// Waits until a pipe of one machine is listed by all others of these.
    fn replicates(&self, one: i32, pipe: &str, others: impl Iterator<Item = i32>) -> Result<()> {
        self.daemon(one).mi_ok("rl_check", &[pipe, "1000"])?;
        for other in others {
            let what = format!("node {other} lists pipe {pipe} of node {one}");
            wait_for(&what, PATIENCE, || self.daemon(other).pipe_counter(pipe))?;
        }
        Ok(())
    }
}

/// None of these took longer than `bound`, apart from how late the machine was.
fn within(what: &str, bound: Duration, readings: &[Duration], pulse: &Pulse) -> Result<()> {
    let late = pulse.worst();
    println!("{what}: {readings:?}; bound {bound:?}; the machine was late by {late:?}");
    ensure!(!readings.is_empty(), "{what}: nothing was measured");
    ensure!(
        readings.iter().all(|&reading| reading <= bound + late),
        "{what}: {readings:?} of at most {bound:?}; the machine itself was late by {late:?}"
    );
    Ok(())
}

/// Whether there can be hosts on this machine. If not, that is reported.
fn possible() -> bool {
    let Some(obstacle) = Wire::obstacle() else { return true };
    // One report for all of them: what is missing to one is missing to all.
    eprintln!("{}", obstacle.detail);
    skip("hosts", obstacle.reason).expect("a skip must be seen");
    false
}
