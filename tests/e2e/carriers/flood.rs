//! Commands without end on every carrier: the cluster keeps its pings.

use super::bench::Bench;
use super::carrier::{Answer, Carrier};
use anyhow::{Context as _, Result, ensure};
use clusterer_tests::Pulse;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const FLOOD: Duration = Duration::from_secs(3);

/// How late the machine itself may be. Pings have 500 ms.
const LATE: Duration = Duration::from_millis(200);

/// So many floods in which the machine is later than that are let pass.
const EXCUSES: usize = 5;

const LIST: &str = r#"{"jsonrpc":"2.0","method":"clusterer_list","id":1}"#;

/// Asks on every carrier, each from two threads, until the time is up; returns how many answers came.
fn flood(carriers: &[Carrier]) -> Result<usize> {
    let answered = AtomicUsize::new(0);
    let begun = Instant::now();
    thread::scope(|scope| -> Result<usize> {
        let ask = |carrier: &Carrier| -> Result<()> {
            while begun.elapsed() < FLOOD {
                let answer = carrier.ask(LIST.as_bytes())?;
                let listed = matches!(answer, Answer::Text(text) if text.contains("Clusters"));
                ensure!(listed, "it is answered all the time");
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        let twice = carriers.iter().chain(carriers);
        let threads: Vec<_> = twice.map(|carrier| scope.spawn(move || ask(carrier))).collect();
        for thread in threads {
            thread.join().ok().context("a thread panicked")??;
        }
        Ok(answered.load(Ordering::Relaxed))
    })
}

#[test]
fn no_node_changes_its_state_while_commands_flood_in() -> Result<()> {
    let bench = Bench::new("")?;
    for _ in 0..EXCUSES {
        let before = (bench.one.changes()?, bench.two.changes()?);
        let pulse = Pulse::start();
        let answered = flood(&bench.all())?;
        eprintln!("{answered} answers in {FLOOD:?}; the machine was {:?} late", pulse.worst());
        ensure!(answered > 100, "that was no flood: {answered} answers");
        let after = (bench.one.changes()?, bench.two.changes()?);
        if after == before {
            assert_eq!((bench.one.state_of(2)?, bench.two.state_of(1)?), (1, 1));
            return Ok(());
        }
        ensure!(pulse.worst() > LATE, "the machine was on time, and yet: {after:?}");
        bench.one.wait_state(2, 1)?;
        bench.two.wait_state(1, 1)?;
    }
    anyhow::bail!("this machine was never on time")
}
