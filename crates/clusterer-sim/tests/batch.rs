//! A thousand seeds, and what they must have been through.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test may")]

use clusterer_sim::{Coverage, Scenario, World};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const SEEDS: u64 = 1_000;

#[test]
fn a_thousand_seeds_break_nothing_and_leave_nothing_out() {
    let next = AtomicU64::new(0);
    let work = || {
        let (mut coverage, mut broken) = (Coverage::default(), Vec::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= SEEDS {
                return (coverage, broken);
            }
            let run = World::new(Scenario::new(seed, None)).run();
            coverage.add(&run.coverage);
            broken.extend(run.broken.map(|what| format!("seed {seed}: {what}")));
        }
    };
    let (coverage, broken) = thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        let (mut coverage, mut broken) = (Coverage::default(), Vec::new());
        for thread in threads {
            let (more, failed) = thread.join().unwrap();
            coverage.add(&more);
            broken.extend(failed);
        }
        (coverage, broken)
    });
    for (what, count) in coverage.counts() {
        println!("{count:>9} {what}");
    }
    println!("{} broken", broken.len());
    assert!(
        broken.is_empty(),
        "{} broken:\n{}",
        broken.len(),
        broken[..broken.len().min(20)].join("\n")
    );
    assert_eq!(coverage.missing(), Vec::<String>::new());
}
