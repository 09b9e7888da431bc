//! What the simulator found, as small as it gets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use clusterer_node::{
    ClusterId, LinkEvent, MachineId, Moment, NodeKey, Now, State, StoredStatus, UnixTime,
};
use clusterer_probe::{Action, Prober, Settings, Target};
use core::time::Duration;

fn at(millis: u64) -> Now {
    let unix = UnixTime::from_secs(1_000_000 + millis / 1_000);
    Now { mono: Moment::from_millis(millis), unix }
}

fn peer() -> NodeKey {
    NodeKey { cluster: ClusterId::new(1).unwrap(), machine: MachineId::new(2).unwrap() }
}

#[test]
fn a_late_pong_still_tells_that_the_peer_answers() {
    let mut prober = Prober::new(Settings::default(), 0);
    let target = Target {
        node: peer(),
        address: Some(([127, 0, 0, 2], 5566).into()),
        bind: None,
        max_failures: 3,
        duration: Duration::from_secs(8),
    };
    let up = StoredStatus { state: State::Up, no_tries: 0, last_attempt: UnixTime::ZERO };
    let mut actions = Vec::new();
    prober.load(at(0), [(target, up)], &mut actions);
    let link = prober.link_of(peer()).unwrap();
    let attempt = prober.last_attempt(link).unwrap();
    prober.link_event(at(0), attempt, LinkEvent::Connected, &mut actions);
    let Some(&Action::Ping { nonce, .. }) = actions.last() else { panic!("{actions:?}") };
    prober.tick(at(500), &mut actions);
    prober.pong(at(501), link, peer().machine, nonce, &mut actions);
    prober.tick(at(1_000), &mut actions);
    prober.tick(at(1_500), &mut actions);
    let state = prober.availability(peer()).unwrap().state();
    assert_eq!(state, State::Probing, "it answers pings, and did not answer this one");
}

#[test]
fn a_jump_of_the_wall_clock_does_not_end_or_prolong_the_duration_on_a_reload() {
    for jump in [-86_400, 86_400] {
        let mut prober = Prober::new(Settings::default(), 0);
        let target = Target {
            node: peer(),
            address: Some(([127, 0, 0, 2], 5566).into()),
            bind: None,
            max_failures: 1,
            duration: Duration::from_secs(8),
        };
        let up = StoredStatus { state: State::Up, no_tries: 0, last_attempt: UnixTime::ZERO };
        let mut actions = Vec::new();
        prober.load(at(0), [(target.clone(), up)], &mut actions);
        prober.report_failure(at(0), peer(), &mut actions).unwrap();
        let is = *prober.availability(peer()).unwrap();
        let (no_tries, last_attempt) = (is.no_tries, is.last_attempt);
        let stored = StoredStatus { state: is.state(), no_tries, last_attempt };
        let late = |millis| {
            let Now { mono, unix } = at(millis);
            Now { mono, unix: UnixTime::from_secs(unix.as_secs().saturating_add_signed(jump)) }
        };
        prober.load(late(5_000), [(target, stored)], &mut actions);
        prober.tick(late(7_999), &mut actions);
        assert_eq!(prober.availability(peer()).unwrap().state(), State::Probing, "{jump}");
        prober.tick(late(8_000), &mut actions);
        assert_eq!(prober.availability(peer()).unwrap().state(), State::Up, "{jump}");
    }
}
