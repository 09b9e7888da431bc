//! The bounds that `docs/bound.md` derives: kept by random clusters, and nearly reached.

use crate::cluster::{at, config, encode, receive};
use clusterer_bin::Dialect;
use clusterer_ratelimit::{Algorithm, RateLimit};
use proptest::prelude::*;
use std::collections::BTreeMap;

const NODES: usize = 3;
/// Milliseconds of a tick: the least `timer_interval`.
const TICK: u64 = 1000;
/// When calls begin, at the earliest: by then all nodes run and have ticked.
const BEGIN: u64 = 3 * TICK;
const PIPE: &[u8] = b"p";

/// How the nodes stand to each other.
#[derive(Clone, Debug)]
struct Setting {
    algorithm: Algorithm,
    limit: u32,
    replicated: bool,
    /// Milliseconds; a multiple of 100.
    repl_interval: u64,
    /// The shortest delay of a packet and the longest, milliseconds.
    delay: (u64, u64),
    /// When each node starts, and so ticks: milliseconds, below a tick.
    phases: [u64; NODES],
    /// Chooses each packet's delay.
    seed: u64,
}

impl Setting {
    fn lag(&self) -> u64 {
        self.repl_interval + self.delay.1
    }

    /// The `m` of the derivation.
    fn overlooked(&self) -> usize {
        let span = self.phases.iter().max().unwrap() - self.phases.iter().min().unwrap();
        usize::try_from((self.lag() + span).div_ceil(TICK)).unwrap()
    }

    fn budget(&self) -> usize {
        usize::try_from(self.limit).unwrap()
    }

    /// When a node's tick of this number ends.
    fn end_of(&self, node: usize, tick: u64) -> u64 {
        BEGIN + tick * TICK + self.phases[node]
    }

    /// The tick a node is in. Tick 0 is the one that lasts at [`BEGIN`].
    fn tick_at(&self, node: usize, now: u64) -> usize {
        usize::try_from((now + TICK - BEGIN - self.phases[node]) / TICK).unwrap()
    }

    fn aligned(algorithm: Algorithm, limit: u32) -> Self {
        Self {
            algorithm,
            limit,
            replicated: true,
            repl_interval: 100,
            delay: (1, 5),
            phases: [0; NODES],
            seed: 1,
        }
    }

    /// Offers the calls, (time, node) each; returns those that are admitted, in order of time.
    fn run(&self, mut calls: Vec<(u64, usize)>) -> Vec<(u64, usize)> {
        let config = config(|p| {
            p.timer_interval = 1;
            p.repl_timer_interval = i64::try_from(self.repl_interval).unwrap();
            p.window_size = 2;
            p.slot_period = 100;
        });
        let nodes = self.phases.map(|phase| RateLimit::new(config.clone(), at(phase)));
        let mut network =
            Network { setting: self, nodes, flying: BTreeMap::new(), random: self.seed };
        calls.sort_unstable();
        let limit = i32::try_from(self.limit).unwrap();
        calls.retain(|&(now, node)| {
            network.run_until(now);
            let algorithm = Some(self.algorithm);
            network.nodes[node].check(at(now), PIPE, limit, algorithm).unwrap().is_allowed()
        });
        calls
    }

    /// Admitted calls by tick, each node's calls by its own ticks.
    fn by_tick(&self, admitted: &[(u64, usize)], ticks: usize) -> Vec<usize> {
        let mut by_tick = vec![0; ticks];
        for &(now, node) in admitted {
            by_tick[self.tick_at(node, now)] += 1;
        }
        by_tick
    }
}

struct Network<'a> {
    setting: &'a Setting,
    nodes: [RateLimit; NODES],
    /// Packets under way, by receiver, in order of arrival.
    flying: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    random: u64,
}

impl Network<'_> {
    /// Everything up to `until`, in order: at one time, timers before packets.
    fn run_until(&mut self, until: u64) {
        loop {
            let timer = (0..NODES).min_by_key(|&node| self.nodes[node].deadline()).unwrap();
            let due = self.nodes[timer].deadline().as_millis();
            let arrival = self.flying.first_key_value().map_or(u64::MAX, |(&(now, _), _)| now);
            if due.min(arrival) > until {
                return;
            }
            if arrival < due {
                let ((now, _), (to, bytes)) = self.flying.pop_first().unwrap();
                receive(&self.nodes[to], at(now), &bytes).unwrap();
            } else {
                self.run_timer(timer, due);
            }
        }
    }

    fn run_timer(&mut self, node: usize, now: u64) {
        let mut packets = Vec::new();
        let sender = i32::try_from(node).unwrap() + 1;
        self.nodes[node].run_due(at(now), &mut |batch| {
            packets.push(encode(Dialect::V22, sender, batch));
        });
        for bytes in packets.into_iter().filter(|_| self.setting.replicated) {
            for to in (0..NODES).filter(|&to| to != node) {
                self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let (least, most) = self.setting.delay;
                let delay = least + (self.random >> 33) % (most - least + 1);
                // One connection a pair: what was sent later never arrives sooner.
                let earlier = self.flying.iter().filter(|(_, (receiver, packet))| {
                    *receiver == to && packet[29..33] == bytes[29..33]
                });
                let last = earlier.map(|(&(now, _), _)| now).max().unwrap_or(0);
                let number = self.random;
                self.flying.insert(((now + delay).max(last), number), (to, bytes.clone()));
            }
        }
    }
}

fn setting(algorithm: Algorithm) -> impl Strategy<Value = Setting> {
    let phases =
        prop_oneof![Just([0; NODES]), [0_u64..100, 0..100, 0..100], [0..TICK, 0..TICK, 0..TICK],];
    let interval = prop::sample::select(vec![100, 200, 300, 1000, 1700]);
    let delay = prop_oneof![Just(0), 0_u64..50, 0_u64..1500];
    (1_u32..40, interval, delay, phases, any::<u64>()).prop_map(
        move |(limit, repl_interval, delay, phases, seed)| Setting {
            algorithm,
            limit,
            replicated: true,
            repl_interval,
            delay: (0, delay),
            phases,
            seed,
        },
    )
}

/// What a node is offered in one tick: how many limits' worth, in hundredths, and where it falls.
type Tick = (u32, u64, u64);

fn ticks(count: usize, most: u32) -> impl Strategy<Value = Vec<[Tick; NODES]>> {
    let place = prop_oneof![Just((0, 1)), Just((TICK - 1, 1)), (0..TICK, 1..TICK)];
    let tick = (prop_oneof![Just(0), Just(100), 0..=most], place)
        .prop_map(|(amount, (begin, length))| (amount, begin, length));
    // All nodes in step are the worst there is.
    let in_step = tick.clone().prop_map(|tick| [tick; NODES]);
    prop::collection::vec(prop_oneof![in_step, [tick.clone(), tick.clone(), tick]], count)
}

/// The calls of one tick of one node: spread evenly over `length` from `begin`, within the tick.
fn calls_of(
    setting: &Setting,
    node: usize,
    tick: usize,
    amount: usize,
    place: (u64, u64),
) -> impl Iterator<Item = (u64, usize)> {
    let begins = setting.end_of(node, tick as u64) - TICK;
    let (begin, length) = place;
    (0..amount).map(move |number| {
        let offset = begin + number as u64 * length / amount as u64;
        // Tick 0 may have begun before calls do.
        ((begins + offset.min(TICK - 1)).max(BEGIN), node)
    })
}

fn check_prefixes(setting: &Setting, by_tick: &[usize]) -> Result<(), TestCaseError> {
    let (m, budget) = (setting.overlooked(), setting.budget());
    let mut admitted = 0;
    for (tick, &calls) in by_tick.iter().enumerate() {
        admitted += calls;
        let bound = (tick + 1) * budget + (m + 1) * (NODES - 1) * budget;
        prop_assert!(admitted <= bound, "{admitted} > {bound} in {} ticks", tick + 1);
        prop_assert!(tick < m + 2 || calls <= budget, "{calls} > {budget} in tick {tick}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// THE property: three nodes, together offered three times the limit or more in every tick.
    #[test]
    fn taildrop_admits_the_limit_plus_the_bound(
        setting in setting(Algorithm::TailDrop),
        (first, second) in (0_u32..=300).prop_flat_map(|first| (Just(first), 0..=300 - first)),
        ticks in ticks(14, 150),
    ) {
        // Rounded up, so that the sum is three times the limit at least.
        let share = |hundredths: u32| (hundredths * setting.limit).div_ceil(100) as usize;
        let least = [share(first), share(second), share(300 - first - second)];
        let mut calls = Vec::new();
        for (tick, offered) in ticks.iter().enumerate() {
            for (node, &(extra, begin, length)) in offered.iter().enumerate() {
                let amount = least[node] + share(extra);
                calls.extend(calls_of(&setting, node, tick, amount, (begin, length)));
            }
        }
        let admitted = setting.run(calls);
        check_prefixes(&setting, &setting.by_tick(&admitted, ticks.len()))?;
    }

    #[test]
    fn taildrop_keeps_the_weaker_bound_whatever_is_offered(
        setting in setting(Algorithm::TailDrop),
        ticks in ticks(14, 400),
    ) {
        let mut calls = Vec::new();
        for (tick, offered) in ticks.iter().enumerate() {
            for (node, &(amount, begin, length)) in offered.iter().enumerate() {
                let amount = (amount * setting.limit).div_ceil(100) as usize;
                calls.extend(calls_of(&setting, node, tick, amount, (begin, length)));
            }
        }
        let by_tick = setting.by_tick(&setting.run(calls), ticks.len());
        let m = setting.overlooked();
        for run in by_tick.windows(m + 2) {
            let admitted: usize = run.iter().sum();
            prop_assert!(admitted <= ((m + 1) * NODES + 1) * setting.budget(), "{by_tick:?}");
        }
    }

    #[test]
    fn sbt_admits_the_limit_plus_what_was_admitted_within_the_lag(
        setting in setting(Algorithm::Sbt),
        ticks in ticks(8, 400),
    ) {
        let mut calls = Vec::new();
        for (tick, offered) in ticks.iter().enumerate() {
            for (node, &(amount, begin, length)) in offered.iter().enumerate() {
                let amount = (amount * setting.limit).div_ceil(100) as usize;
                calls.extend(calls_of(&setting, node, tick, amount, (begin, length)));
            }
        }
        let admitted = setting.run(calls);
        for (last, &(now, node)) in admitted.iter().enumerate() {
            let so_far = &admitted[..=last];
            let within = so_far.iter().filter(|call| call.0 + 2000 - 100 > now).count();
            let unheard = so_far.iter().filter(|call| call.1 != node && call.0 + setting.lag() > now);
            prop_assert!(within <= setting.budget() + unheard.count());
            prop_assert!(within <= NODES * setting.budget());
        }
    }
}

/// As many calls as the limit at each node, in each of `ticks`, at this time of the tick.
fn bursts(setting: &Setting, ticks: impl Iterator<Item = (usize, u64)>) -> Vec<(u64, usize)> {
    let budget = setting.budget();
    ticks
        .flat_map(|(tick, begin)| {
            (0..NODES).flat_map(move |node| calls_of(setting, node, tick, budget, (begin, 1)))
        })
        .collect()
}

#[test]
fn the_bound_is_reached_by_bursts_before_the_counts_arrive() {
    let setting = Setting::aligned(Algorithm::TailDrop, 20);
    assert_eq!(setting.overlooked(), 1);
    // Tick 1 begins at BEGIN.
    let admitted = setting.run(bursts(&setting, (1..12).map(|tick| (tick, 0))));
    let by_tick = setting.by_tick(&admitted, 12);
    let mut expected = vec![0; 12];
    expected[1..3].fill(NODES * 20);
    assert_eq!(by_tick, expected, "(m + 1) N B, and nothing afterwards: refused calls count");
}

#[test]
fn even_calls_come_within_half_of_the_bound_and_then_nothing_passes() {
    let setting = Setting::aligned(Algorithm::TailDrop, 50);
    let calls = (1..12)
        .flat_map(|tick| (0..NODES).map(move |node| (tick, node)))
        .flat_map(|(tick, node)| calls_of(&setting, node, tick, 50, (0, TICK)));
    let by_tick = setting.by_tick(&setting.run(calls.collect()), 12);
    let bound = 2 * NODES * 50;
    let first: usize = by_tick[..3].iter().sum();
    assert!(first >= bound / 2 && first <= bound, "{by_tick:?}");
    assert_eq!(by_tick[3..], [0; 9]);
}

#[test]
fn without_replication_the_bound_is_broken() {
    let setting = Setting { replicated: false, ..Setting::aligned(Algorithm::TailDrop, 20) };
    let by_tick =
        setting.by_tick(&setting.run(bursts(&setting, (1..12).map(|tick| (tick, 0)))), 12);
    assert_eq!(by_tick[1..], [NODES * 20; 11]);
    assert!(check_prefixes(&setting, &by_tick[1..]).is_err());
}

#[test]
fn bursts_and_pauses_admit_twice_the_limit_for_ever() {
    let setting = Setting::aligned(Algorithm::TailDrop, 20);
    // Late in one tick, early in the next, then a pause of one.
    let pattern = (0..10).flat_map(|turn| [(3 * turn + 1, TICK - 1), (3 * turn + 2, 0)]);
    let by_tick = setting.by_tick(&setting.run(bursts(&setting, pattern)), 31);
    let admitted: usize = by_tick.iter().sum();
    assert_eq!(admitted, 30 * 2 * 20, "{by_tick:?}");
}

#[test]
fn sbt_reaches_its_bound_by_one_burst() {
    let setting = Setting::aligned(Algorithm::Sbt, 20);
    let admitted = setting.run(bursts(&setting, (1..3).map(|tick| (tick, 0))));
    assert_eq!(admitted.len(), NODES * 20, "all of the first burst, none of the second");
}

#[test]
fn red_keeps_no_limit_for_the_cluster() {
    let setting = Setting::aligned(Algorithm::Red, 20);
    let offered = |amount| {
        (1..12)
            .flat_map(|tick| (0..NODES).map(move |node| (tick, node)))
            .flat_map(|(tick, node)| calls_of(&setting, node, tick, amount, (500, 1)))
            .collect()
    };
    let by_tick = setting.by_tick(&setting.run(offered(39)), 12);
    assert_eq!(by_tick[1..], [NODES * 39; 11], "below twice the limit all pass");
    let by_tick = setting.by_tick(&setting.run(offered(100)), 12);
    assert_eq!(by_tick[1], NODES * 100, "no load is known at first");
    assert_eq!(by_tick[2..], [NODES * 20; 10], "then every fifth passes");
}
