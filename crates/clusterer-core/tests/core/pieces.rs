//! The pieces of a node together: table, probing, modules, persistence, view.

use crate::bench::{Bench, Nobody, ip, machine, node, row, rows, table};
use clusterer_bin::{Dialect, Packet};
use clusterer_core::{
    Action, Admission, Cause, Core, Input, Settings, StatusError, View, ping, pong,
};
use clusterer_node::{
    AdminState, Cell, Change, ClusterId, Flushed, LinkEvent, LinkFailure, Moment, Now, Protocol,
    RawRow, State,
};
use clusterer_registry::{Registration, Routes, Verdict};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn bin_peers_are_dialled_from_the_listener_and_others_only_listed() {
    let mut bench = Bench::new(false);
    let [Action::Open { address, bind, .. }, Action::Dial(_)] = bench.actions[..] else {
        panic!("{:?}", bench.actions);
    };
    assert_eq!(address, "127.0.0.2:5566".parse().unwrap());
    assert_eq!(bind, Some(ip(1)));
    let view = bench.view();
    let cluster = view.cluster(ClusterId::new(1).unwrap()).unwrap();
    assert_eq!(cluster.nodes.len(), 2);
    let up = |protocol| view.up(cluster.id, protocol).count();
    assert_eq!((up(Protocol::Bin), up(Protocol::Udp), up(Protocol::Tcp)), (1, 1, 0));
}

#[test]
fn a_peer_of_two_clusters_is_dialled_from_ones_own_row_in_the_first() {
    let mut settings = Settings::default();
    settings.listeners =
        ["127.0.0.1:5566", "127.0.0.7:5566"].map(|text| text.parse().unwrap()).to_vec();
    let mut core = Core::new(machine(1), settings, 0);
    let second = |id, machine, url| RawRow {
        id: Cell::Int(id),
        cluster_id: Cell::Int(2),
        ..row(machine, url, 1)
    };
    let rows = [
        row(1, "bin:127.0.0.1:5566", 1),
        row(2, "bin:127.0.0.2:5566", 1),
        second(201, 1, "bin:127.0.0.7:5566"),
        second(202, 2, "bin:127.0.0.2:5566"),
        second(203, 3, "bin:127.0.0.3:5566"),
    ];
    let mut actions = Vec::new();
    core.handle(Now::default(), Input::Loaded(table(&rows)), &mut actions);
    let opened = actions.iter().filter_map(|action| match action {
        Action::Open { address, bind, .. } => Some((address.ip(), *bind)),
        _ => None,
    });
    let expected = [(ip(2), Some(ip(1))), (ip(3), Some(ip(7)))];
    assert_eq!(opened.collect::<Vec<_>>(), expected, "one link a machine and address");
}

#[test]
fn a_view_changes_only_when_something_did() {
    let mut bench = Bench::new(false);
    assert_eq!(bench.view().node(node(2)).unwrap().state(), State::Up);
    assert!(bench.core.take_view().is_none());
    bench.refuse();
    assert_eq!(bench.view().node(node(2)).unwrap().state(), State::Probing);
}

#[test]
fn a_new_node_has_a_view_of_nothing() {
    let mut core = Core::new(machine(1), Settings::default(), 0);
    let view = core.take_view().unwrap();
    assert_eq!((view.own(), view.clusters().count()), (machine(1), 0));
}

#[test]
fn a_view_shows_a_new_table_and_a_new_module_even_if_nobody_is_dialled_for_it() {
    let mut bench = Bench::new(false);
    bench.view();
    bench.actions.clear();
    let mut rows = rows();
    rows.push(row(4, "udp:127.0.0.4:5060", 1));
    bench.input(Input::Loaded(table(&rows)));
    assert!(bench.actions.is_empty(), "{:?}", bench.actions);
    assert!(bench.view().node(node(4)).is_some());

    let registration = Registration::new("m", ClusterId::new(1), Duration::from_secs(5));
    bench.core.register(bench.now, registration, Arc::new(Nobody)).unwrap();
    let names = |view: &View| {
        view.modules().registrations().map(|module| module.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&bench.view()), ["m"]);
}

#[test]
fn check_wants_address_machine_and_protocol_of_one_node() {
    let view = Bench::new(false).view();
    let check = |from, id, protocol| {
        view.check(ClusterId::new(1).unwrap(), ip(from), machine(id), protocol)
    };
    assert!(check(2, 2, Protocol::Bin));
    assert!(check(3, 3, Protocol::Udp));
    assert!(!check(3, 2, Protocol::Bin), "another address");
    assert!(!check(2, 3, Protocol::Udp), "another machine");
    assert!(!check(2, 2, Protocol::Udp), "another protocol");
    assert!(!check(1, 1, Protocol::Bin), "one's own");
    assert!(!view.check(ClusterId::new(2).unwrap(), ip(2), machine(2), Protocol::Bin));
}

#[test]
fn pings_are_answered_for_nodes_at_their_address_only() {
    let view = Bench::new(false).view();
    let admit = |from, bytes: &[u8]| {
        let packet = Packet::parse(Dialect::V22, bytes).unwrap();
        let decision = format!("{:?}", view.admit(ip(from), &packet, Moment::ZERO));
        let routed = format!("{:?}", view.route(&mut Routes::new(), ip(from), &packet));
        assert_eq!(decision, routed);
        decision
    };
    let bytes = ping(machine(2), 77).unwrap().to(1).to_vec();
    assert_eq!(admit(2, &bytes), "Ping { nonce: 77 }");
    assert_eq!(admit(9, &bytes), "Drop(Auth)");
    let bytes = pong(machine(2), 78).unwrap().to(1).to_vec();
    assert_eq!(admit(2, &bytes), "Pong { sender: MachineId(2), nonce: 78 }");
    let own = ping(machine(1), 77).unwrap().to(1).to_vec();
    assert_eq!(admit(1, &own), "Drop(Auth)");
    let short = {
        let mut bytes = bytes.clone();
        bytes.truncate(bytes.len() - 4);
        bytes
    };
    assert_eq!(admit(2, &short), "Drop(Malformed)");
}

#[test]
fn a_status_is_set_for_a_node_of_that_protocol() {
    let mut bench = Bench::new(false);
    bench.actions.clear();
    let mut administer = |id, protocol| {
        bench.core.administer(bench.now, node(id), protocol, AdminState::Down, &mut bench.actions)
    };
    assert_eq!(administer(2, Protocol::Bin), Ok(()));
    assert_eq!(administer(9, Protocol::Bin), Err(StatusError::UnknownNode(node(9))));
    assert_eq!(administer(1, Protocol::Bin), Err(StatusError::UnknownNode(node(1))));
    let wrong = StatusError::Protocol { node: node(3), has: Protocol::Udp };
    assert_eq!(administer(3, Protocol::Bin), Err(wrong));
    let [Action::Changed(change), Action::Hangup(_)] = bench.actions[..] else {
        panic!("{:?}", bench.actions);
    };
    assert_eq!((change.node, change.cause), (node(2), Cause::Administrator));
    assert_eq!(bench.view().node(node(2)).unwrap().state(), State::Down);
}

#[test]
fn a_failure_is_reported_of_a_node_of_that_protocol() {
    let mut bench = Bench::new(false);
    bench.actions.clear();
    let mut report =
        |id, protocol| bench.core.report_failure(bench.now, node(id), protocol, &mut bench.actions);
    assert_eq!(report(2, Protocol::Bin), Ok(()));
    let unknown = report(9, Protocol::Bin).unwrap_err();
    assert_eq!(unknown.to_string(), "cluster 1 machine 9 is not in the table");
    let wrong = report(3, Protocol::Bin).unwrap_err();
    assert_eq!(wrong.to_string(), "cluster 1 machine 3 has protocol udp");
    let [Action::Changed(change)] = bench.actions[..] else { panic!("{:?}", bench.actions) };
    assert_eq!((change.node, change.cause), (node(2), Cause::Reported));
    let view = bench.view();
    let state = |id| view.node(node(id)).unwrap().state();
    assert_eq!((state(2), state(3)), (State::Probing, State::Up));
}

#[test]
fn a_machine_is_known_at_its_address() {
    let view = Bench::new(false).view();
    assert!(view.knows(ip(2), 2));
    assert!(view.knows("::ffff:127.0.0.2".parse().unwrap(), 2), "the same inside IPv6");
    assert!(view.knows(ip(3), 3), "whatever its protocol");
    assert!(!view.knows(ip(2), 3), "another machine");
    assert!(!view.knows(ip(1), 1), "one's own");
    assert!(!view.knows(ip(2), 0) && !view.knows(ip(2), -2), "no machine at all");
}

#[test]
fn a_module_is_told_of_a_silent_node_whatever_the_nodes_state() {
    let mut bench = Bench::new(false);
    let registration =
        Registration::new("m", ClusterId::new(1), Duration::from_millis(300)).auth_check(true);
    bench.core.register(bench.now, registration, Arc::new(Nobody)).unwrap();
    bench.pass(300);
    let told = |bench: &Bench| {
        bench.actions.iter().filter(|action| matches!(action, Action::Notify(_))).count()
    };
    assert_eq!(told(&bench), 0);
    bench.pass(1);
    assert_eq!(told(&bench), 1);
    let view = bench.view();
    assert_eq!(view.node(node(2)).unwrap().state(), State::Up, "a timeout changes no state");
    let origin = clusterer_bin::Origin { sender: 2, cluster: 1 };
    let bytes =
        clusterer_bin::PacketWriter::new(Dialect::V22, "m", 0, origin).finish(1).unwrap().to_vec();
    let packet = Packet::parse(Dialect::V22, &bytes).unwrap();
    let verdict = view.admit(ip(2), &packet, bench.now.mono);
    assert!(matches!(verdict, Admission::Module(Verdict::Disabled { .. })), "{verdict:?}");
}

#[test]
fn persistent_mode_writes_a_second_after_a_change_and_back_to_up_too() {
    let mut bench = Bench::new(true);
    bench.refuse();
    let attempt = bench.attempt();
    bench.pass(400);
    assert_eq!(bench.flushes(), Vec::<Vec<Change>>::new());
    bench.input(Input::Link { attempt, event: LinkEvent::Connected });
    bench.pass(600);
    let flushes = bench.flushes();
    let status = flushes[0][0].status;
    assert_eq!((flushes.len(), status.state, status.no_tries), (1, State::Up, 0));
    assert_eq!(status.last_attempt.as_secs(), 1_000, "the last failure stays");
    bench.input(Input::Flushed(Some(Flushed { written: 1, conflicts: Vec::new() })));
    bench.pass(5_000);
    assert_eq!(bench.flushes(), Vec::<Vec<Change>>::new());
}

#[test]
fn a_row_found_disabled_long_ago_is_written_back_as_up() {
    let mut bench = Bench::new(true);
    let disabled = RawRow { no_tries: Cell::Int(3), ..row(2, "bin:127.0.0.2:5566", 2) };
    bench.input(Input::Loaded(table(&[row(1, "bin:127.0.0.1:5566", 1), disabled])));
    bench.pass(1_000);
    let flushes = bench.flushes();
    assert_eq!((flushes[0][0].status.state, flushes[0][0].by_administrator), (State::Up, false));
}

#[test]
fn a_table_that_says_what_is_known_is_not_written_back() {
    let mut bench = Bench::new(true);
    bench.input(Input::Loaded(table(&rows())));
    assert_eq!(bench.core.take_flush(), None);
}

#[test]
fn what_is_dirty_is_taken_before_its_turn_and_only_once() {
    let mut bench = Bench::new(true);
    bench.refuse();
    let changes = bench.core.take_flush().unwrap();
    assert_eq!((changes.len(), changes[0].status.state), (1, State::Probing));
    assert_eq!(bench.core.take_flush(), None, "it is under way");
    bench.input(Input::Flushed(Some(Flushed { written: 1, conflicts: Vec::new() })));
    assert_eq!(bench.core.take_flush(), None, "it is written");
}

#[test]
fn without_persistent_mode_nothing_is_written() {
    let mut bench = Bench::new(false);
    bench.refuse();
    bench.pass(60_000);
    assert_eq!(bench.flushes(), Vec::<Vec<Change>>::new());
    assert_eq!(bench.core.take_flush(), None);
}

#[test]
fn a_change_of_ones_own_address_is_followed_by_the_links() {
    let mut bench = Bench::new(false);
    bench.core = {
        let mut settings = Settings::default();
        settings.listeners =
            ["127.0.0.1:5566", "127.0.0.7:5566"].map(|it| it.parse().unwrap()).into();
        Core::new(machine(1), settings, 0)
    };
    bench.input(Input::Loaded(table(&rows())));
    bench.actions.clear();
    let mut moved = rows();
    moved[0] = row(1, "bin:127.0.0.7:5566", 1);
    bench.input(Input::Loaded(table(&moved)));
    let [Action::Close(_), Action::Open { bind, .. }, Action::Dial(_)] = bench.actions[..] else {
        panic!("{:?}", bench.actions);
    };
    assert_eq!(bind, Some(ip(7)));
}

/// What node 2 is after a reload that finds it in this state, while what it became meanwhile (down if
/// `by_administrator`, else probing) has not been written.
fn reloaded(by_administrator: bool, stored: i32) -> State {
    let mut bench = Bench::new(true);
    if by_administrator {
        let Bench { core, now, actions } = &mut bench;
        core.administer(*now, node(2), Protocol::Bin, AdminState::Down, actions).unwrap();
    } else {
        bench.refuse();
    }
    let mut rows = rows();
    rows[1] = row(2, "bin:127.0.0.2:5566", stored);
    bench.input(Input::Loaded(table(&rows)));
    let state = bench.view().node(node(2)).unwrap().state();
    bench.pass(1_000);
    let written = bench.flushes().concat();
    assert_eq!(written.first().map_or(State::Down, |change| change.status.state), state);
    state
}

#[test]
fn what_could_not_be_written_yet_survives_a_reload_unless_an_administrator_decided_there() {
    assert_eq!(reloaded(true, 1), State::Down);
    assert_eq!(reloaded(true, 0), State::Down);
    assert_eq!(reloaded(false, 1), State::Probing);
    assert_eq!(reloaded(false, 0), State::Down);
}

#[test]
fn a_conflict_is_not_tried_again() {
    let mut bench = Bench::new(true);
    let Bench { core, now, actions } = &mut bench;
    core.administer(*now, node(2), Protocol::Bin, AdminState::Down, actions).unwrap();
    bench.pass(1_000);
    let id = bench.flushes()[0][0].id;
    bench.input(Input::Flushed(Some(Flushed { written: 0, conflicts: vec![id] })));
    bench.pass(60_000);
    assert_eq!(bench.flushes(), Vec::<Vec<Change>>::new());
}

#[test]
fn an_administrators_word_is_written_even_if_it_changes_nothing_here() {
    let mut bench = Bench::new(true);
    let Bench { core, now, actions } = &mut bench;
    core.administer(*now, node(2), Protocol::Bin, AdminState::Enabled, actions).unwrap();
    bench.pass(1_000);
    let change = bench.flushes()[0][0];
    assert_eq!((change.status.state, change.by_administrator), (State::Up, true));
}

#[test]
fn a_view_shows_what_happens_to_links_and_former_views_do_not() {
    use clusterer_node::LinkState;
    let mut bench = Bench::new(false);
    let link_state = |view: &View| view.node(node(2)).unwrap().link_state;
    let before = bench.view();
    let attempt = bench.attempt();
    bench.input(Input::Link { attempt, event: LinkEvent::Connected });
    let open = bench.view();
    bench.input(Input::Link { attempt, event: LinkEvent::Failed(LinkFailure::Reset) });
    let failed = bench.view();
    let late = bench.attempt();
    bench.pass(500);
    let hung_up = bench.view();
    assert_ne!(late, attempt);
    assert_eq!(
        [&before, &open, &failed, &hung_up].map(link_state),
        [LinkState::Dialling, LinkState::Open, LinkState::Dialling, LinkState::Idle]
    );
    let states = [&before, &open, &failed].map(|view| view.node(node(2)).unwrap().state());
    assert_eq!(states, [State::Up, State::Up, State::Probing]);
    assert!(bench.core.take_view().is_none(), "nothing has changed since");
}
