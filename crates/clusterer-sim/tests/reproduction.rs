//! A run is given by its seed, to the byte.

use clusterer_sim::{Scenario, World};

#[test]
fn a_seed_gives_the_same_run_every_time() {
    for seed in 0..40 {
        let first = World::new(Scenario::new(seed, None)).run();
        let again = World::new(Scenario::new(seed, None).traced()).run();
        assert_eq!(first.hash, again.hash, "seed {seed}");
        assert_eq!(first.coverage, again.coverage, "seed {seed}");
        assert!(!again.trace.is_empty());
    }
}

#[test]
fn another_seed_gives_another_run() {
    let hash = |seed| World::new(Scenario::new(seed, None)).run().hash;
    assert_ne!(hash(0), hash(1));
}

#[test]
fn without_faults_nobody_is_ever_accused() {
    for seed in 0..40 {
        let run = World::new(Scenario::new(seed, None).without_faults()).run();
        assert_eq!(run.broken, None);
        let accused = run.coverage.counts().find(|(what, _)| what.starts_with("transition"));
        assert_eq!(accused, None, "seed {seed}");
    }
}

#[test]
fn many_nodes_hold_together() {
    for seed in 0..4 {
        assert_eq!(World::new(Scenario::new(seed, Some(9))).run().broken, None, "seed {seed}");
    }
}
