//! What a run begins with: hosts, settings, rows and the plan of faults, all given by the seed.

use crate::faults::{self, Fault};
use crate::rng::Rng;
use clusterer_node::{Cell, MachineId, RawRow};
use std::net::{IpAddr, Ipv4Addr};

/// Wall-clock time at the begin of a run, seconds.
pub(crate) const EPOCH: u64 = 1_700_000_000;
/// The machine id of a node that is listed and never dialled, since it does not speak BIN.
pub(crate) const LISTED: i32 = 90_000;

/// A run, before it begins.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub(crate) seed: u64,
    pub(crate) hosts: Vec<HostPlan>,
    /// Milliseconds, as everything below.
    pub(crate) ping_interval: u64,
    pub(crate) ping_timeout: u64,
    pub(crate) module_timeout: u64,
    pub(crate) beat_interval: u64,
    pub(crate) auth_check: bool,
    /// All nodes have one database, as in most installations, instead of one each.
    pub(crate) shared_store: bool,
    /// After how long a 2.2 node closes an idle connection.
    pub(crate) old_idle: u64,
    pub(crate) delay: (u64, u64),
    pub(crate) length: u64,
    /// How often everybody is looked at.
    pub(crate) sweep: u64,
    /// Bytes of traffic that wait for one link at most.
    pub(crate) queue_limit: usize,
    pub(crate) rows: Vec<RawRow>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) keep_trace: bool,
    /// Whether the invariants are checked.
    pub(crate) judged: bool,
}

/// One host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostPlan {
    /// A 2.2 node: never pongs, closes idle connections.
    pub(crate) old: bool,
    pub(crate) persistent: bool,
}

impl Scenario {
    /// The run of this seed, with so many hosts, or as many as the seed says.
    #[must_use]
    pub fn new(seed: u64, hosts: Option<usize>) -> Self {
        let mut rng = Rng::new(seed);
        let count = hosts.unwrap_or_else(|| 3 + usize::from(rng.chance(300)));
        let old = rng.chance(400).then(|| 1 + rng.index(count.saturating_sub(1)));
        let plan = |at| HostPlan { old: old == Some(at), persistent: rng.chance(700) };
        let hosts: Vec<_> = (0..count).map(plan).collect();
        let (ping_interval, ping_timeout) = if rng.chance(500) {
            (1_000, 500)
        } else {
            let interval = rng.between(500, 1_500);
            (interval, rng.between(interval / 3, interval))
        };
        let mut scenario = Self {
            seed,
            ping_interval,
            ping_timeout,
            module_timeout: rng.between(1_500, 4_000),
            beat_interval: rng.between(500, 1_000),
            auth_check: rng.chance(750),
            shared_store: rng.chance(400),
            // Not shorter than a ping's judgement, which no 2.2 node is: it is 120 s there.
            old_idle: if rng.chance(500) { 120_000 } else { ping_timeout + rng.between(100, 500) },
            delay: (rng.between(0, 10), rng.between(0, 10)),
            length: 50_000,
            sweep: 250,
            queue_limit: 2_000,
            rows: Vec::new(),
            faults: Vec::new(),
            keep_trace: false,
            judged: true,
            hosts,
        };
        scenario.rows = scenario.make_rows(&mut rng);
        scenario.faults = faults::plan(&mut rng, &scenario);
        scenario
    }

    /// A cluster of this size with the default settings and no faults, to be measured.
    #[must_use]
    pub(crate) fn quiet(seed: u64, hosts: usize, length: u64) -> Self {
        let mut scenario = Self::new(seed, Some(1));
        scenario.hosts = vec![HostPlan { old: false, persistent: false }; hosts];
        scenario.ping_interval = 1_000;
        scenario.ping_timeout = 500;
        scenario.delay = (0, 1);
        scenario.length = length;
        scenario.faults.clear();
        scenario.judged = false;
        scenario.shared_store = true;
        // No traffic: only what the nodes themselves send.
        scenario.beat_interval = u64::MAX / 4;
        scenario.module_timeout = u64::MAX / 4;
        scenario.sweep = u64::MAX / 4;
        scenario.rows = (0..hosts).map(|at| row(at, 1, 3, 30)).collect();
        scenario
    }

    /// The same, with every line of its trace kept.
    #[must_use]
    pub fn traced(mut self) -> Self {
        self.keep_trace = true;
        self
    }

    /// The same without faults.
    #[must_use]
    pub fn without_faults(mut self) -> Self {
        self.faults.clear();
        self
    }

    pub(crate) fn is_old(&self, host: usize) -> bool {
        self.hosts.get(host).is_some_and(|plan| plan.old)
    }

    fn make_rows(&self, rng: &mut Rng) -> Vec<RawRow> {
        let mut rows = Vec::new();
        for at in 0..self.hosts.len() {
            let failures = u32::try_from(rng.below(4)).unwrap_or(0);
            rows.push(row(at, 1, failures, rng.between(0, 5)));
            if at < 2 && rng.chance(500) {
                // In a second cluster with other limits: both rows share one link.
                rows.push(row(at, 2, 2, rng.between(0, 5)));
            }
        }
        if rng.chance(300) {
            let mut listed = row(self.hosts.len(), 1, 2, 3);
            listed.machine_id = Cell::Int(LISTED.into());
            listed.url = Cell::Text("udp:10.9.9.9:5060".to_owned());
            rows.push(listed);
        }
        rows
    }
}

pub(crate) fn machine(host: usize) -> MachineId {
    let number = i32::try_from(host + 1).unwrap_or(i32::MAX);
    MachineId::new(number).unwrap_or_else(|| unreachable!("{number} is positive"))
}

/// The host of a machine id, unless that is the one that only stands in the table.
pub(crate) fn host_of(machine: MachineId) -> Option<usize> {
    (machine.get() != LISTED).then(|| usize::try_from(machine.get() - 1).ok())?
}

/// Where a host is found that has moved so often.
pub(crate) fn address(host: usize, moved: u8) -> IpAddr {
    let [.., high, low] = (host + 1).to_be_bytes();
    Ipv4Addr::new(10, moved, high, low).into()
}

/// Which host is, or was, found there, and how often it had moved then.
pub(crate) fn host_at(address: IpAddr) -> Option<(usize, u8)> {
    let IpAddr::V4(address) = address else { return None };
    let [_, moved, high, low] = address.octets();
    Some((usize::from(u16::from_be_bytes([high, low])).checked_sub(1)?, moved))
}

pub(crate) fn url(host: usize, moved: u8) -> String {
    format!("bin:{}:5566", address(host, moved))
}

fn row(at: usize, cluster: i32, failed_attempts: u32, duration: u64) -> RawRow {
    let machine = machine(at).get();
    RawRow {
        id: Cell::Int(i128::from(cluster) * 1_000_000 + i128::from(machine)),
        cluster_id: Cell::Int(cluster.into()),
        machine_id: Cell::Int(machine.into()),
        url: Cell::Text(url(at, 0)),
        failed_attempts: Cell::Int(failed_attempts.into()),
        duration: Cell::Int(duration.into()),
        ..RawRow::default()
    }
}
