//! A core on a clock of the test's own.

use clusterer_bin::Packet;
use clusterer_core::{Action, Core, Input, Settings, View};
use clusterer_node::{
    Attempt, Cell, Change, ClusterId, LinkEvent, LinkFailure, MachineId, Moment, NodeKey, Now,
    RawRow, ResolvedRow, Row, Table, UnixTime,
};
use clusterer_registry::{ClusterModule, Malformed, ModuleEvent, PacketContext};
use std::net::IpAddr;
use std::time::Duration;

pub(crate) fn machine(id: i32) -> MachineId {
    MachineId::new(id).unwrap()
}

pub(crate) fn node(id: i32) -> NodeKey {
    NodeKey { cluster: ClusterId::new(1).unwrap(), machine: machine(id) }
}

pub(crate) fn ip(last: i32) -> IpAddr {
    format!("127.0.0.{last}").parse().unwrap()
}

pub(crate) fn row(machine: i32, url: &str, state: i32) -> RawRow {
    RawRow {
        id: Cell::Int((100 + machine).into()),
        cluster_id: Cell::Int(1),
        machine_id: Cell::Int(machine.into()),
        url: Cell::Text(url.into()),
        state: Cell::Int(state.into()),
        ..RawRow::default()
    }
}

pub(crate) fn table(rows: &[RawRow]) -> Table {
    let resolve = |raw: &RawRow| {
        let row = Row::parse(raw, UnixTime::from_secs(1_000)).unwrap().row;
        let ip = row.url.host().to_string().trim_matches(['[', ']']).parse().unwrap();
        ResolvedRow { row, ip }
    };
    Table::build(machine(1), rows.iter().map(resolve).collect()).0
}

/// Node 1 at 127.0.0.1 with peers 2 (bin) and 3 (udp).
pub(crate) fn rows() -> Vec<RawRow> {
    vec![
        row(1, "bin:127.0.0.1:5566", 1),
        row(2, "bin:127.0.0.2:5566", 1),
        row(3, "udp:127.0.0.3:5060", 1),
    ]
}

pub(crate) struct Bench {
    pub(crate) core: Core,
    pub(crate) now: Now,
    pub(crate) actions: Vec<Action>,
}

impl Bench {
    pub(crate) fn new(persistent: bool) -> Self {
        let mut settings = Settings::default();
        settings.persistent = persistent;
        settings.listeners = vec!["127.0.0.1:5566".parse().unwrap()];
        let now = Now { mono: Moment::ZERO, unix: UnixTime::from_secs(1_000) };
        let core = Core::new(machine(1), settings, 0);
        let mut bench = Self { core, now, actions: Vec::new() };
        bench.input(Input::Loaded(table(&rows())));
        bench
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.core.handle(self.now, input, &mut self.actions);
    }

    /// Time passes, and nothing has arrived meanwhile.
    pub(crate) fn pass(&mut self, millis: u64) {
        self.now.mono = self.now.mono.after(Duration::from_millis(millis));
        self.input(Input::Tick);
        let before = self.actions.len();
        self.actions.retain(|action| !matches!(action, Action::Drain));
        if self.actions.len() < before {
            self.input(Input::Drained { behind: None });
        }
    }

    pub(crate) fn attempt(&self) -> Attempt {
        let dialled = self.actions.iter().rev().find_map(|action| match action {
            Action::Dial(attempt) => Some(*attempt),
            _ => None,
        });
        dialled.expect("a link was dialled")
    }

    pub(crate) fn refuse(&mut self) {
        let attempt = self.attempt();
        self.input(Input::Link { attempt, event: LinkEvent::Failed(LinkFailure::Refused) });
    }

    pub(crate) fn view(&mut self) -> View {
        self.core.take_view().expect("something changed")
    }

    pub(crate) fn flushes(&mut self) -> Vec<Vec<Change>> {
        let mut flushes = Vec::new();
        self.actions.retain(|action| match action {
            Action::Flush(changes) => {
                flushes.push(changes.clone());
                false
            }
            _ => true,
        });
        flushes
    }
}

/// A module that does nothing.
pub(crate) struct Nobody;

impl ClusterModule for Nobody {
    fn on_packet(&self, _: &PacketContext, _: &Packet<'_>) -> Result<(), Malformed> {
        Ok(())
    }

    fn on_event(&self, _: ModuleEvent) {}
}
