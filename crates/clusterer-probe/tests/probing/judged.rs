//! Judging apart from the rest: after it is certain that everything that had arrived is known.

use crate::bench::{Bench, target, up};
use clusterer_node::{LinkEvent, Moment};
use clusterer_probe::{Heard, Prober, Settings};
use core::time::Duration;

impl Bench {
    /// With a peer that is pinged at 1000 and must answer at 2000, when it is pinged again.
    fn patient() -> Self {
        let settings = Settings { ping_timeout: Duration::from_secs(1), ..Settings::default() };
        let mut bench = Self { prober: Prober::new(settings, 0), ..Self::empty() };
        bench.load(vec![(target(1, 2, 3), up())]);
        bench.event(LinkEvent::Connected);
        bench.pass(1_000);
        bench.check("open 2, dial, ping, ping");
        bench
    }

    fn advance(&mut self, at: u64) {
        self.set_clock(Moment::from_millis(at));
        self.prober.advance(self.now, &mut self.actions);
    }

    fn judge(&mut self, at: u64, behind: Option<u64>) {
        self.set_clock(Moment::from_millis(at));
        let heard = Heard::All { behind: behind.map(Moment::from_millis) };
        self.prober.judge(self.now, self.now.mono, heard, &mut self.actions);
    }
}

#[test]
fn a_peer_that_waits_to_be_judged_is_asked_again_as_soon_as_it_was() {
    let mut bench = Bench::patient();
    bench.advance(2_000);
    bench.check("");
    bench.judge(2_000, None);
    bench.check("ping");
}

#[test]
fn a_peer_that_waits_to_be_judged_is_asked_again_as_soon_as_it_answers() {
    let mut bench = Bench::answering(3);
    bench.pass(1_000);
    bench.advance(1_500);
    bench.pong();
    bench.take();
    bench.advance(1_999);
    bench.check("");
    bench.advance(2_000);
    bench.check("ping");
}

#[test]
fn who_was_asked_while_the_transport_was_behind_is_asked_once_more_and_not_twice() {
    let failure = "1->2 Probing tries 1 (no_pong), ping";
    for (behind, expected) in [(999, failure), (1_000, "ping"), (1_001, "ping")] {
        let mut bench = Bench::answering(3);
        bench.pass(1_000);
        bench.take();
        bench.judge(1_500, Some(behind));
        bench.check(expected);
    }
    let mut bench = Bench::answering(3);
    bench.pass(1_000);
    bench.judge(1_500, Some(1_000));
    bench.take();
    bench.judge(2_000, Some(1_900));
    bench.check(failure);
}

#[test]
fn who_is_judged_late_is_asked_once_more_and_not_twice() {
    let failure = "1->2 Probing tries 1 (no_pong), ping";
    for (late, expected) in [(100, failure), (101, "ping")] {
        let mut bench = Bench::answering(3);
        bench.pass(1_000);
        bench.take();
        bench.judge(1_500 + late, None);
        bench.check(expected);
    }
    let mut bench = Bench::answering(3);
    bench.pass(1_000);
    bench.judge(1_601, None);
    bench.take();
    bench.judge(2_202, None);
    bench.check(failure);
}

#[test]
fn who_was_late_in_time_is_judged_however_long_his_answer_was_looked_for() {
    let mut bench = Bench::answering(3);
    bench.pass(1_000);
    bench.take();
    bench.set_clock(Moment::from_millis(1_900));
    let (by, heard) = (Moment::from_millis(1_500), Heard::All { behind: None });
    bench.prober.judge(bench.now, by, heard, &mut bench.actions);
    bench.check("1->2 Probing tries 1 (no_pong), ping");
}
