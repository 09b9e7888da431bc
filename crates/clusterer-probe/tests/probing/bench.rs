//! A prober on a clock of the test's own.

use clusterer_node::{
    ClusterId, LinkEvent, LinkFailure, LinkId, MachineId, Moment, NodeKey, Now, State,
    StoredStatus, UnixTime,
};
use clusterer_probe::{Action, Prober, Settings, Target};
use core::time::Duration;

pub(crate) const START: u64 = 1_000_000;

/// A prober with one peer (cluster 1, machine 2), and everything it asked for, as text.
pub(crate) struct Bench {
    pub(crate) prober: Prober,
    pub(crate) now: Now,
    pub(crate) actions: Vec<Action>,
}

pub(crate) fn node(cluster: i32, machine: i32) -> NodeKey {
    NodeKey { cluster: ClusterId::new(cluster).unwrap(), machine: MachineId::new(machine).unwrap() }
}

pub(crate) fn target(cluster: i32, machine: i32, max_failures: u32) -> Target {
    Target {
        node: node(cluster, machine),
        address: Some(([127, 0, 0, u8::try_from(machine).unwrap()], 5566).into()),
        bind: None,
        max_failures,
        duration: Duration::from_secs(8),
    }
}

pub(crate) fn status(state: State, no_tries: u32, last_attempt: u64) -> StoredStatus {
    StoredStatus { state, no_tries, last_attempt: UnixTime::from_secs(last_attempt) }
}

pub(crate) fn up() -> StoredStatus {
    status(State::Up, 0, 0)
}

impl Bench {
    pub(crate) fn empty() -> Self {
        let now = Now { mono: Moment::ZERO, unix: UnixTime::from_secs(START) };
        Self { prober: Prober::new(Settings::default(), 0), now, actions: Vec::new() }
    }

    pub(crate) fn new(max_failures: u32) -> Self {
        let mut bench = Self::empty();
        bench.load(vec![(target(1, 2, max_failures), up())]);
        bench
    }

    /// With a peer that has connected and answered its first ping.
    pub(crate) fn answering(max_failures: u32) -> Self {
        let mut bench = Self::new(max_failures);
        bench.event(LinkEvent::Connected);
        bench.pong();
        bench.take();
        bench
    }

    pub(crate) fn load(&mut self, targets: Vec<(Target, StoredStatus)>) {
        self.prober.load(self.now, targets, &mut self.actions);
    }

    pub(crate) fn link(&self) -> LinkId {
        self.prober.link_of(node(1, 2)).unwrap()
    }

    pub(crate) fn event(&mut self, event: LinkEvent) {
        let attempt = self.prober.last_attempt(self.link()).unwrap();
        self.prober.link_event(self.now, attempt, event, &mut self.actions);
    }

    pub(crate) fn refuse(&mut self) {
        self.event(LinkEvent::Failed(LinkFailure::Refused));
    }

    /// The peer answers the last ping that was asked for. Returns how long it took.
    pub(crate) fn pong(&mut self) -> Duration {
        let ping = self.actions.iter().rev().find_map(|action| match *action {
            Action::Ping { link, nonce } => Some((link, nonce)),
            _ => None,
        });
        let (link, nonce) = ping.expect("a ping was sent");
        let machine = MachineId::new(2).unwrap();
        let round_trip = self.prober.pong(self.now, link, machine, nonce, &mut self.actions);
        round_trip.expect("it is in flight")
    }

    /// Lets time pass, a millisecond at a time as far as anything is due.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.now.mono.after(Duration::from_millis(millis));
        while let Some(due) = self.prober.deadline().filter(|&due| due <= end) {
            self.set_clock(due.max(self.now.mono));
            self.prober.tick(self.now, &mut self.actions);
        }
        self.set_clock(end);
    }

    pub(crate) fn set_clock(&mut self, mono: Moment) {
        self.now = Now { mono, unix: UnixTime::from_secs(START + mono.as_millis() / 1000) };
    }

    /// What was asked for since the last look.
    pub(crate) fn take(&mut self) -> String {
        let texts: Vec<String> = self
            .actions
            .drain(..)
            .map(|action| match action {
                Action::Changed(change) => format!(
                    "{}{:?}->{} {:?} tries {} ({})",
                    if change.node == node(1, 2) { "" } else { "other " },
                    change.from.state().number(),
                    change.to.state(),
                    change.to.reachability,
                    change.to.no_tries,
                    change.cause.name()
                ),
                Action::Close(_) => "close".into(),
                Action::Dial(_) => "dial".into(),
                Action::Hangup(_) => "hangup".into(),
                Action::Open { machine, .. } => format!("open {machine}"),
                Action::Ping { .. } => "ping".into(),
                other => format!("{other:?}"),
            })
            .collect();
        texts.join(", ")
    }

    pub(crate) fn check(&mut self, expected: &str) {
        assert_eq!(self.take(), expected, "at {:?}", self.now.mono);
    }

    pub(crate) fn state(&self) -> u8 {
        self.prober.availability(node(1, 2)).unwrap().state().number()
    }
}
