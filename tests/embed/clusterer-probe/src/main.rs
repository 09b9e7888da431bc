//! A watchdog that keeps its own sockets and asks only what to do next.

use std::time::Duration;

use clusterer_node::{
    ClusterId, LinkEvent, LinkFailure, MachineId, NodeKey, Now, State, StoredStatus, UnixTime,
};
use clusterer_probe::{Action, Prober, Settings, Target};

fn main() {
    let (Some(cluster), Some(machine)) = (ClusterId::new(1), MachineId::new(2)) else { return };
    let node = NodeKey { cluster, machine };
    let address = Some(([127, 0, 0, 1], 5566).into());
    let target =
        Target { node, address, bind: None, max_failures: 3, duration: Duration::from_secs(30) };
    let status = StoredStatus { state: State::Up, no_tries: 0, last_attempt: UnixTime::ZERO };

    let (now, mut actions) = (Now::default(), Vec::new());
    let mut prober = Prober::new(Settings::default(), 0);
    prober.load(now, [(target, status)], &mut actions);
    for action in std::mem::take(&mut actions) {
        if let Action::Dial(attempt) = action {
            let refused = LinkEvent::Failed(LinkFailure::Refused);
            prober.link_event(now, attempt, refused, &mut actions);
        }
    }
    println!("{actions:?}");
}
