//! Figures: how soon a failure is known, what an idle cluster costs, who is accused for nothing.

use crate::connection::Ending;
use crate::env::Sent;
use crate::faults::{Fault, FaultKind};
use crate::rng::Rng;
use crate::scenario::{self, Scenario};
use crate::terrain::Condition;
use crate::world::{Actor, World};
use std::fmt;

/// Until everybody is connected, milliseconds.
const WARM_UP: u64 = 3_000;
/// Long enough for any failure to be known.
const PATIENCE: u64 = 2_500;
/// From one stall of a host to its next, and how long each is.
const STALL_EVERY: u64 = 60_000;
const STALL: u64 = 2_000;
/// Packets lost of a thousand.
const LOSS: u64 = 50;

/// How long it took, milliseconds, over all observers.
#[derive(Clone, Debug, Default)]
pub struct Times {
    sorted: Vec<u64>,
    /// Observers that never knew.
    pub missed: usize,
}

/// What an idle cluster sends.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    /// BIN packets a node and second, pings and pongs.
    pub packets: f64,
    /// Their bytes a node and second, without the headers of TCP and IP.
    pub bytes: f64,
}

/// Who was accused though nothing was wrong with him.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accusations {
    /// Simulated, milliseconds.
    pub length: u64,
    /// Times a node was taken for failed since no pong came in time.
    pub no_pong: u64,
    /// Times a node was taken for failed since what was sent was not acknowledged in time, or a connect.
    pub timed_out: u64,
    /// Those of both whose accuser had stood still himself within the two seconds before.
    pub after_stall: u64,
    /// Times a node was disabled.
    pub disabled: u64,
    /// Ordered pairs of nodes.
    pub links: u64,
}

impl Times {
    fn new(mut times: Vec<u64>, missed: usize) -> Self {
        times.sort_unstable();
        Self { sorted: times, missed }
    }

    /// The time within which so many of a hundred knew.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> u64 {
        let last = self.sorted.len().saturating_sub(1);
        self.sorted.get(last * percent / 100).copied().unwrap_or(0)
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most, all] = [50, 99, 100].map(|percent| self.percentile(percent));
        let count = self.sorted.len();
        write!(f, "p50 {half} ms, p99 {most} ms, max {all} ms ({count} observers")?;
        if self.missed > 0 {
            write!(f, ", {} never knew", self.missed)?;
        }
        f.write_str(")")
    }
}

/// How long it takes the others to know that a process was killed, over so many runs.
#[must_use]
pub fn crash(nodes: usize, runs: u64) -> Times {
    watch(nodes, runs, |world, victim| world.end(victim, Condition::Dead, Ending::Fin))
}

/// How long it takes the others to know that nothing passes to and from a host any more.
#[must_use]
pub fn cut(nodes: usize, runs: u64) -> Times {
    watch(nodes, runs, |world, victim| {
        for other in 0..nodes {
            world.env.terrain.path_mut(victim, other).cuts += 1;
            world.env.terrain.path_mut(other, victim).cuts += 1;
        }
        world.env.terrain.settle(world.env.now);
    })
}

fn watch(nodes: usize, runs: u64, fail: impl Fn(&mut World, usize)) -> Times {
    let (mut times, mut missed) = (Vec::new(), 0);
    for seed in 0..runs {
        let mut rng = Rng::new(seed);
        let mut world = World::new(Scenario::quiet(seed, nodes, u64::MAX));
        world.begin();
        let begin = WARM_UP + rng.below(2_000);
        world.run_until(begin);
        let victim = rng.index(nodes);
        fail(&mut world, victim);
        world.run_until(begin + PATIENCE);
        world.expect_whole();
        for (host, actor) in world.actors.iter().enumerate() {
            let Actor::Node(node) = actor else { continue };
            let peer = scenario::machine(victim);
            let mut known = node.mind.oracle.nodes().filter(|(key, _)| key.machine == peer);
            match known.next().and_then(|(_, known)| known.left_up) {
                Some(at) if at >= begin => times.push(at - begin),
                _ => missed += usize::from(host != victim),
            }
        }
    }
    Times::new(times, missed)
}

/// What an idle cluster sends, watched for so many milliseconds.
#[must_use]
pub fn idle(nodes: usize, length: u64) -> Idle {
    let mut world = World::new(Scenario::quiet(0, nodes, u64::MAX));
    world.begin();
    world.run_until(WARM_UP);
    world.env.sent = Sent::default();
    world.run_until(WARM_UP + length);
    world.expect_whole();
    let Sent { packets, bytes } = world.env.sent;
    let share = |count: u64| count as f64 * 1_000.0 / length as f64 / nodes as f64;
    Idle { packets: share(packets), bytes: share(bytes) }
}

/// Loses 5 % of all packets, lets every host stand still for 2 s once a minute, and counts who is accused
/// though his host ran and nothing was cut.
#[must_use]
pub fn accusations(nodes: usize, length: u64) -> Accusations {
    let mut scenario = Scenario::quiet(0, nodes, u64::MAX);
    let mut rng = Rng::new(0);
    for host in 0..nodes {
        let mut begin = WARM_UP + rng.below(STALL_EVERY);
        while begin < length {
            let (kind, end) = (FaultKind::Stall, begin + STALL);
            scenario.faults.push(Fault { kind, host, other: host, begin, end, size: 0 });
            begin += STALL_EVERY;
        }
    }
    let mut world = World::new(scenario);
    world.begin();
    world.run_until(WARM_UP);
    for from in 0..nodes {
        for to in (0..nodes).filter(|&to| to != from) {
            world.env.terrain.path_mut(from, to).loss = LOSS;
        }
    }
    world.env.terrain.settle(world.env.now);
    world.run_until(WARM_UP + length);
    world.expect_whole();
    let links = nodes * nodes.saturating_sub(1);
    Accusations { length, links: links as u64, ..world.env.accused }
}

impl World {
    /// A run that was broken off measures nothing.
    fn expect_whole(&self) {
        assert_eq!(self.env.broken, None, "the run was broken off");
    }
}
