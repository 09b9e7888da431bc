//! What a view tells of a node beside its state: since when, what failed last, what is next, how long pings
//! take, how much was sent.

use crate::bench::{Bench, Nobody, ip, machine, node, row, rows, table};
use clusterer_bin::{Dialect, Origin, Packet, PacketWriter};
use clusterer_core::{Action, Cause, Failure, Input, View};
use clusterer_node::{
    AdminState, ClusterId, LinkEvent, LinkFailure, Moment, Protocol, RawRow, State, UnixTime,
};
use clusterer_registry::Registration;
use std::sync::Arc;
use std::time::Duration;

impl Bench {
    /// The wall clock's second, from which the monotonic clock knows nothing.
    fn at(&mut self, second: u64) -> &mut Self {
        self.now.unix = UnixTime::from_secs(second);
        self
    }

    fn connect(&mut self) {
        let attempt = self.attempt();
        self.input(Input::Link { attempt, event: LinkEvent::Connected });
    }

    /// The last ping is answered.
    fn pong(&mut self) {
        let ping = self.actions.iter().rev().find_map(|action| match *action {
            Action::Ping { link, nonce } => Some((link, nonce)),
            _ => None,
        });
        let (link, nonce) = ping.expect("a ping was sent");
        self.input(Input::Pong { link, sender: machine(2), nonce });
    }

    fn administer(&mut self, admin: AdminState) {
        let Self { core, now, actions } = self;
        core.administer(*now, node(2), Protocol::Bin, admin, actions).unwrap();
    }

    fn load(&mut self, rows: &[RawRow]) {
        self.input(Input::Loaded(table(rows)));
    }

    fn since(&mut self) -> (State, u64) {
        let view = self.view();
        let node = view.node(node(2)).unwrap();
        (node.state(), node.since.as_secs())
    }

    fn last_failure(&mut self) -> Option<(Cause, u64)> {
        let view = self.view();
        let failure = view.node(node(2)).unwrap().last_failure();
        failure.map(|Failure { cause, at, .. }| (cause, at.as_secs()))
    }
}

fn next(view: &View, id: i32) -> Option<u64> {
    view.node(node(id)).unwrap().next_attempt().map(Moment::as_millis)
}

#[test]
fn a_state_begins_when_it_changes_and_not_when_something_else_does() {
    let mut bench = Bench::new(false);
    assert_eq!(bench.since(), (State::Up, 1_000), "when it was loaded");
    bench.at(1_001).connect();
    assert_eq!(bench.since(), (State::Up, 1_000), "its link does not matter");
    bench.at(1_002).input(Input::Loaded(table(&rows())));
    assert_eq!(bench.since(), (State::Up, 1_000), "nor does a reload that changes nothing");
    let attempt = bench.attempt();
    let reset = LinkEvent::Failed(LinkFailure::Reset);
    bench.at(1_003).input(Input::Link { attempt, event: reset });
    assert_eq!(bench.since(), (State::Probing, 1_003));
    bench.at(1_004).refuse();
    assert_eq!(bench.since(), (State::Probing, 1_003), "it failed once more");
    bench.at(1_005).pass(1_000);
    bench.refuse();
    assert_eq!(bench.since(), (State::Probing, 1_005), "disabled now, which is state 2 as well");
    bench.at(1_006).administer(AdminState::Down);
    assert_eq!(bench.since(), (State::Down, 1_006));
    bench.at(1_007).load(&[row(2, "bin:127.0.0.2:5566", 0), rows()[0].clone()]);
    assert_eq!(bench.since(), (State::Down, 1_006), "down is down, whatever was found before");
    bench.at(1_008).load(&rows());
    assert_eq!(bench.since(), (State::Up, 1_008), "the table says so");
}

#[test]
fn a_state_that_came_and_went_between_two_views_began_anew() {
    let mut bench = Bench::new(false);
    bench.view();
    bench.connect();
    let attempt = bench.attempt();
    let reset = LinkEvent::Failed(LinkFailure::Reset);
    bench.at(1_005).input(Input::Link { attempt, event: reset });
    bench.at(1_006).connect();
    bench.pong();
    assert_eq!(bench.since(), (State::Up, 1_006));
}

#[test]
fn the_last_failure_is_remembered_until_the_next_one() {
    let mut bench = Bench::new(false);
    assert_eq!(bench.last_failure(), None);
    bench.at(1_001).refuse();
    let refused = Cause::LinkFailed(LinkFailure::Refused);
    assert_eq!(bench.last_failure(), Some((refused, 1_001)));
    bench.at(1_002).connect();
    bench.pong();
    assert_eq!(bench.last_failure(), Some((refused, 1_001)), "also when the node is well");
    bench.at(1_003).load(&rows());
    assert_eq!(bench.last_failure(), Some((refused, 1_001)), "and after a reload");
    bench.at(1_004).administer(AdminState::Down);
    bench.at(1_005).administer(AdminState::Enabled);
    assert_eq!(bench.last_failure(), Some((refused, 1_001)), "an order is no failure");
    bench.connect();
    bench.pong();
    bench.pass(1_000);
    bench.at(1_006).pass(500);
    assert_eq!(bench.last_failure(), Some((Cause::NoPong, 1_006)));
    let Bench { core, now, actions } = bench.at(1_007);
    core.report_failure(*now, node(2), Protocol::Bin, actions).unwrap();
    assert_eq!(bench.last_failure(), Some((Cause::Reported, 1_007)));
}

#[test]
fn a_failure_of_another_process_is_not_ours() {
    let mut bench = Bench::new(false);
    let mut table = rows();
    table.push(RawRow {
        last_attempt: clusterer_node::Cell::Int(990),
        ..row(4, "bin:127.0.0.4:5566", 2)
    });
    bench.load(&table);
    assert_eq!(bench.view().node(node(4)).unwrap().last_failure(), None);
}

#[test]
fn what_is_told_to_be_next_is_what_then_happens_and_pings_make_no_view() {
    let mut bench = Bench::new(false);
    assert_eq!(next(&bench.view(), 3), None, "it is never dialled");
    bench.connect();
    let view = bench.view();
    for turn in 1..=3 {
        bench.pong();
        let at = next(&view, 2).unwrap();
        assert_eq!(at, turn * 1_000);
        bench.actions.clear();
        bench.pass(at - bench.now.mono.as_millis() - 1);
        assert!(bench.actions.is_empty(), "{:?}", bench.actions);
        bench.pass(1);
        assert!(matches!(bench.actions[..], [Action::Ping { .. }]), "{:?}", bench.actions);
        assert!(bench.core.take_view().is_none(), "nothing has changed that views show");
    }
}

#[test]
fn a_disabled_node_tells_when_it_is_up_again_and_one_that_is_down_nothing() {
    let mut bench = Bench::new(false);
    for _ in 0..3 {
        bench.refuse();
        bench.pass(1_000);
    }
    let until = next(&bench.view(), 2).unwrap();
    assert_eq!(Some(Moment::from_millis(until)), bench.core.deadline());
    bench.pass(until - bench.now.mono.as_millis() - 1);
    assert!(bench.core.take_view().is_none());
    bench.pass(1);
    assert_eq!(bench.view().node(node(2)).unwrap().state(), State::Up);
    bench.administer(AdminState::Down);
    assert_eq!(next(&bench.view(), 2), None);
}

#[test]
fn a_node_that_is_never_dialled_tells_when_its_reported_failure_is_forgotten() {
    let mut bench = Bench::new(false);
    let Bench { core, now, actions } = &mut bench;
    core.report_failure(*now, node(3), Protocol::Udp, actions).unwrap();
    assert!(next(&bench.view(), 3).is_some());
}

#[test]
fn a_round_trip_is_known_without_a_view_and_forgotten_when_the_peer_moves() {
    let mut bench = Bench::new(false);
    bench.connect();
    let view = bench.view();
    let round_trip = |view: &View| {
        let known = view.node(node(2)).unwrap().round_trip();
        known.map(|known| (known.last.as_micros(), known.smoothed.as_micros()))
    };
    assert_eq!(round_trip(&view), None);
    bench.pass(40);
    bench.pong();
    assert_eq!(round_trip(&view), Some((40_000, 40_000)));
    bench.pass(960);
    bench.pass(8);
    bench.pong();
    assert_eq!(round_trip(&view), Some((8_000, 36_000)));
    assert!(bench.core.take_view().is_none());
    bench.load(&rows());
    assert_eq!(round_trip(&bench.view()), Some((8_000, 36_000)));
    let mut moved = rows();
    moved[1] = row(2, "bin:127.0.0.9:5566", 1);
    bench.load(&moved);
    assert_eq!(round_trip(&bench.view()), None);
}

#[test]
fn traffic_is_counted_both_ways_by_node_and_survives_reloads_and_moves() {
    let mut bench = Bench::new(false);
    let registration = Registration::new("m", ClusterId::new(1), Duration::from_secs(5));
    bench.core.register(bench.now, registration, Arc::new(Nobody)).unwrap();
    let view = bench.view();
    let origin = Origin { sender: 2, cluster: 1 };
    let bytes = PacketWriter::new(Dialect::V22, "m", 0, origin).finish(1).unwrap().to_vec();
    let packet = Packet::parse(Dialect::V22, &bytes).unwrap();
    let _ = view.admit(ip(2), &packet, Moment::from_millis(7));
    view.node(node(2)).unwrap().count_sent_by_other(100);
    let outlet = view.modules().outlet("m", node(2).cluster).unwrap();
    assert!(outlet.count(node(2).machine, 50) && !outlet.count(node(9).machine, 50));
    assert!(view.modules().outlet("other", node(2).cluster).is_none());
    let mut moved = rows();
    moved[1] = row(2, "bin:127.0.0.9:5566", 1);
    bench.load(&moved);
    let later = bench.view();
    later.node(node(2)).unwrap().count_sent_by_other(11);
    for view in [&view, &later] {
        let traffic = view.traffic(node(2)).unwrap();
        assert_eq!((traffic.sent.packets, traffic.sent.bytes), (3, 161));
        let received = (traffic.received.packets, traffic.received.bytes);
        assert_eq!(received, (1, bytes.len() as u64));
        assert_eq!(view.last_seen(node(2)), Some(Moment::from_millis(7)));
        assert_eq!(view.traffic(node(3)), Some(Default::default()));
        assert_eq!(view.traffic(node(9)), None);
    }
    bench.load(&rows()[..1]);
    bench.load(&rows());
    assert_eq!(
        bench.view().node(node(2)).unwrap().sent_by_others().packets,
        2,
        "no view was between"
    );
    bench.load(&rows()[..1]);
    bench.view();
    bench.load(&rows());
    assert_eq!(bench.view().node(node(2)).unwrap().sent_by_others().packets, 0, "it is a new node");
}

#[test]
fn what_was_sent_to_a_node_is_not_forgotten_when_it_fails() {
    let mut bench = Bench::new(false);
    bench.view().node(node(2)).unwrap().count_sent_by_other(100);
    for _ in 0..2 {
        bench.refuse();
        assert_eq!(bench.view().node(node(2)).unwrap().sent_by_others().packets, 1);
    }
}

#[test]
fn a_node_that_was_tried_in_vain_tells_when_it_is_tried_next_and_counts_once_it_is_reached() {
    let mut bench = Bench::new(false);
    for refused in 1..=2 {
        bench.refuse();
        assert_eq!(next(&bench.view(), 2), Some(1_000), "refused {refused} times");
    }
    bench.pass(1_000);
    assert_eq!(next(&bench.view(), 2), Some(2_000));
    bench.connect();
    let view = bench.view();
    view.node(node(2)).unwrap().count_sent_by_other(100);
    bench.pass(5);
    bench.pong();
    for view in [view, bench.view()] {
        assert_eq!(view.node(node(2)).unwrap().sent_by_others().packets, 1);
        assert_eq!(next(&view, 2), Some(2_000));
    }
}
