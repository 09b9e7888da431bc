//! Bugs that were found once, each as the scenario that shows it, whatever the generator makes of its seeds.

use crate::faults::{Fault, FaultKind};
use crate::scenario::Scenario;
use crate::tamper::{Tamper, Untouched};
use crate::world::World;
use clusterer_core::{Action, Input};

/// Claims at once that everything that had arrived is known.
#[derive(Default)]
struct Hasty(Vec<Input>);

impl Tamper for Hasty {
    fn actions(&mut self, mut actions: Vec<Action>) -> Vec<Action> {
        let count = actions.len();
        actions.retain(|action| !matches!(action, Action::Drain));
        if actions.len() < count {
            self.0.push(Input::Drained { behind: None });
        }
        actions
    }

    fn inventions(&mut self) -> Vec<Input> {
        std::mem::take(&mut self.0)
    }
}

/// Knows of no delay of its own transport.
struct Timeless;

impl Tamper for Timeless {
    fn input(&mut self, input: Input) -> Option<Input> {
        match input {
            Input::Drained { .. } => Some(Input::Drained { behind: None }),
            other => Some(other),
        }
    }
}

/// Two nodes, the first of which has this fault: beginning at every millisecond of an interval, and
/// lasting a little longer than a ping may take. Returns what was found.
fn sweep(kind: FaultKind, tamper: impl Fn() -> Box<dyn Tamper>) -> Vec<String> {
    let mut found = Vec::new();
    for (begin, length) in (5_000..6_000).flat_map(|begin| [(begin, 520), (begin, 590)]) {
        let mut scenario = Scenario::quiet(begin, 2, 8_000);
        scenario.judged = true;
        scenario.faults =
            vec![Fault { kind, host: 0, other: 1, begin, end: begin + length, size: 0 }];
        found.extend(World::new(scenario).tampered(0, tamper()).run().broken);
    }
    found
}

fn check(kind: FaultKind, broken: impl Fn() -> Box<dyn Tamper>) {
    assert_eq!(sweep(kind, || Box::new(Untouched)), Vec::<String>::new());
    let found = sweep(kind, broken);
    assert!(found.iter().any(|it| it.contains("accuses for nothing")), "{found:?}");
}

/// All deadlines of a stall in its last 100 ms, and the control thread is the first to wake.
#[test]
fn a_stall_that_no_deadline_shows() {
    check(FaultKind::Stall, || Box::new(Hasty::default()));
}

/// A ping that was handed over to a transport that stood still, and went out when it was all but late.
#[test]
fn a_ping_that_went_out_late() {
    check(FaultKind::StallTransport, || Box::new(Timeless));
}
