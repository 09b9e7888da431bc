//! The state machine.

use crate::persistence::Persistence;
use crate::picture::Picture;
use crate::view::View;
use crate::{Action, Input, Settings};
use alloc::sync::Arc;
use alloc::vec::Vec;
use clusterer_node::{
    AdminState, Attempt, Availability, Change, DbId, MachineId, Moment, Node, NodeKey, Now,
    Protocol, Row, State, StoredStatus, Table,
};
use clusterer_probe::{Cause, Heard, Outcomes, Prober, Target, UnknownNode};
use clusterer_registry::{ClusterModule, Notice, RegisterError, Registration, Registry};
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

/// Judgement waits so often so long for an [`Action::Drain`] that is not answered. From then on everybody
/// is judged by what is known, until an answer comes. A stall of our own, in which nobody could answer,
/// is one of these times at most.
const DRAIN_WAITS: u32 = 5;
const DRAIN_WAIT: Duration = Duration::from_secs(1);

/// A node's whole state. See the crate's documentation.
#[derive(Debug)]
pub struct Core {
    settings: Settings,
    table: Arc<Table>,
    prober: Prober,
    registry: Registry,
    persistence: Persistence,
    drain: Drain,
    picture: Picture,
}

/// Whether everything that has arrived is known, which must be so before anybody is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drain {
    /// Nobody has asked.
    Idle,
    /// The transport was asked.
    Asked {
        /// When. Who was late by then is judged when it answers.
        at: Moment,
        /// How often its answer was waited for, and until when it is now.
        waits: u32,
        until: Moment,
    },
    /// The transport does not answer.
    Overdue,
}

/// Why a status cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatusError {
    /// The node has another protocol.
    Protocol {
        /// Which node.
        node: NodeKey,
        /// The protocol it has.
        has: Protocol,
    },
    /// There is no such node.
    UnknownNode(NodeKey),
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol { node, has } => write!(f, "{node} has protocol {has}"),
            Self::UnknownNode(node) => write!(f, "{node} is not in the table"),
        }
    }
}

impl core::error::Error for StatusError {}

impl From<UnknownNode> for StatusError {
    fn from(UnknownNode(node): UnknownNode) -> Self {
        Self::UnknownNode(node)
    }
}

impl Core {
    /// A node with an empty table. `seed` is any number, better a random one: see
    /// [`Prober::new`].
    #[must_use]
    pub fn new(own: MachineId, settings: Settings, seed: i32) -> Self {
        let table = Arc::new(Table::empty(own));
        Self {
            prober: Prober::new(settings.probing(), seed),
            registry: Registry::new(own),
            persistence: Persistence::new(settings.persistent),
            drain: Drain::Idle,
            picture: Picture::new(table.clone()),
            table,
            settings,
        }
    }

    /// Takes an input in. What is due is done by [`Input::Tick`] only, but for judging: nobody is taken
    /// for failed or silent before an [`Action::Drain`] that was asked for after his time was over has
    /// been answered by [`Input::Drained`], or for 5 seconds not.
    pub fn handle(&mut self, now: Now, input: Input, actions: &mut Vec<Action>) {
        let mut found = Vec::new();
        match input {
            Input::Drained { behind } => return self.drained(now, behind, actions),
            Input::Flushed(outcome) => self.persistence.flushed(now.mono, outcome.is_some()),
            Input::Link { attempt, event } => {
                self.prober.link_event(now, attempt, event, &mut found);
                self.picture.link(&self.prober, attempt.link);
            }
            Input::Loaded(table) => self.load(now, Arc::new(table), &mut found),
            Input::Pong { link, sender, nonce } => {
                if let Some(took) = self.prober.pong(now, link, sender, nonce, &mut found) {
                    self.picture.answered(&self.prober, link, took);
                }
            }
            Input::Tick => return self.tick(now, actions),
        }
        self.carry(now, found, actions);
    }

    /// Adds a module. Its nodes count as heard now.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn register(
        &mut self,
        now: Now,
        registration: Registration,
        module: Arc<dyn ClusterModule>,
    ) -> Result<(), RegisterError> {
        self.registry.register(now.mono, registration, module)?;
        self.picture.modules();
        Ok(())
    }

    /// An administrator takes a node down, or puts it in use.
    ///
    /// # Errors
    /// There is no such node, or it has another protocol.
    pub fn administer(
        &mut self,
        now: Now,
        node: NodeKey,
        protocol: Protocol,
        admin: AdminState,
        actions: &mut Vec<Action>,
    ) -> Result<(), StatusError> {
        self.require(node, protocol)?;
        let mut found = Vec::new();
        self.prober.administer(now, node, admin, &mut found)?;
        // Written even if it changes nothing here: the database may say otherwise meanwhile.
        self.persistence.changed(now.mono, node, true);
        self.carry(now, found, actions);
        Ok(())
    }

    /// A module saw a node fail.
    ///
    /// # Errors
    /// There is no such node, or it has another protocol.
    pub fn report_failure(
        &mut self,
        now: Now,
        node: NodeKey,
        protocol: Protocol,
        actions: &mut Vec<Action>,
    ) -> Result<(), StatusError> {
        self.require(node, protocol)?;
        let mut found = Vec::new();
        let result = self.prober.report_failure(now, node, &mut found);
        self.carry(now, found, actions);
        Ok(result?)
    }

    /// The table that was loaded last.
    #[must_use]
    pub const fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// When [`Input::Tick`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let (judged, flushed) = match self.drain {
            Drain::Asked { until, .. } => (Some(until), None),
            _ => (self.judge_at(), self.persistence.deadline()),
        };
        let (prober, registry) = (self.prober.advance_at(), self.registry.advance_at());
        [judged, flushed, prober, registry].into_iter().flatten().min()
    }

    /// What is dirty, without waiting for its turn: before a reload, and at the end. [`Input::Flushed`]
    /// must follow. `None` if there is nothing to write, or a flush is under way.
    pub fn take_flush(&mut self) -> Option<Vec<Change>> {
        let Self { persistence, table, prober, .. } = self;
        persistence.take(&|node| current(table, prober, node))
    }

    /// How probes have ended so far.
    #[must_use]
    pub const fn probes(&self) -> Outcomes {
        self.prober.outcomes()
    }

    /// A new picture, if the last one taken is out of date.
    pub fn take_view(&mut self) -> Option<View> {
        let statuses = self.picture.take(&self.table, &self.prober)?;
        Some(View::new(self.table.clone(), statuses, self.registry.modules()))
    }

    fn load(&mut self, now: Now, table: Arc<Table>, found: &mut Vec<clusterer_probe::Action>) {
        // What was changed here while the table was read, or could not be written before, is newer than
        // what was read. Only an administrator's word replaces an administrator's.
        self.persistence.loaded(|node, by_administrator| {
            let stored = table.peer(node).map(|node| node.row.state);
            stored.is_some_and(|stored| by_administrator || stored != State::Down)
        });
        let target = |node: &Node| (self.target(&table, node), self.status(node));
        let targets: Vec<(Target, StoredStatus)> = table.peers().map(target).collect();
        self.prober.load(now, targets, found);
        for node in table.peers() {
            self.note_difference(now.mono, node);
        }
        self.registry.load(now.mono, table.clone());
        self.picture.table(now.unix);
        self.table = table;
    }

    fn target(&self, table: &Table, node: &Node) -> Target {
        let is_bin = node.row.url.protocol() == Protocol::Bin;
        Target {
            node: node.key(),
            address: is_bin.then(|| node.endpoint()),
            bind: self.bind_for(table, node),
            max_failures: node.row.max_failures(),
            duration: node.row.disabled_for(),
        }
    }

    /// The status that a loaded node begins with.
    fn status(&self, node: &Node) -> StoredStatus {
        match self.prober.availability(node.key()) {
            Some(is) if self.persistence.is_dirty(node.key()) => StoredStatus {
                state: is.state(),
                no_tries: is.no_tries,
                last_attempt: is.last_attempt,
            },
            _ => {
                let Row { state, no_tries, last_attempt, .. } = node.row;
                StoredStatus { state, no_tries, last_attempt }
            }
        }
    }

    /// A row that means something else than it says (its time of being disabled is over) is dirty.
    fn note_difference(&mut self, now: Moment, node: &Node) {
        let Some(is) = self.prober.availability(node.key()) else { return };
        if (is.state(), is.no_tries) != (node.row.state, node.row.no_tries) {
            self.persistence.changed(now, node.key(), false);
        }
    }

    fn tick(&mut self, now: Now, actions: &mut Vec<Action>) {
        if let Drain::Asked { waits, until, .. } = &mut self.drain
            && *until <= now.mono
        {
            *waits += 1;
            *until = now.mono.after(DRAIN_WAIT);
            if *waits >= DRAIN_WAITS {
                self.drain = Drain::Overdue;
            }
        }
        let mut found = Vec::new();
        self.prober.advance(now, &mut found);
        self.carry(now, found, actions);
        self.registry.advance(now.mono);
        if self.judge_at().is_some_and(|at| at <= now.mono) {
            match self.drain {
                Drain::Asked { .. } => {}
                Drain::Idle => {
                    let until = now.mono.after(DRAIN_WAIT);
                    self.drain = Drain::Asked { at: now.mono, waits: 0, until };
                    actions.push(Action::Drain);
                }
                Drain::Overdue => self.judge(now, now.mono, Heard::Unknown, actions),
            }
        }
        // What judging finds is part of a flush that is due.
        if !matches!(self.drain, Drain::Asked { .. }) {
            self.flush(now, actions);
        }
    }

    fn flush(&mut self, now: Now, actions: &mut Vec<Action>) {
        let Self { persistence, table, prober, .. } = self;
        let changes = persistence.tick(now.mono, &|node| current(table, prober, node));
        actions.extend(changes.map(Action::Flush));
    }

    fn drained(&mut self, now: Now, behind: Option<Moment>, actions: &mut Vec<Action>) {
        if let Drain::Asked { at, .. } = core::mem::replace(&mut self.drain, Drain::Idle) {
            self.judge(now, at, Heard::All { behind }, actions);
            // Not kept by the next drain as well, and so on.
            self.flush(now, actions);
        }
        // Others may have become late meanwhile.
        self.tick(now, actions);
    }

    fn judge(&mut self, now: Now, by: Moment, heard: Heard, actions: &mut Vec<Action>) {
        let mut found = Vec::new();
        self.prober.judge(now, by, heard, &mut found);
        self.prober.advance(now, &mut found);
        self.carry(now, found, actions);
        let mut notices: Vec<Notice> = Vec::new();
        self.registry.judge(now.mono, by, &mut notices);
        actions.extend(notices.into_iter().map(Action::Notify));
    }

    /// When somebody is to be judged, or since when somebody waits for that.
    fn judge_at(&self) -> Option<Moment> {
        [self.prober.judge_at(), self.registry.judge_at()].into_iter().flatten().min()
    }

    /// Turns what the prober wants into what the driver does.
    fn carry(&mut self, now: Now, found: Vec<clusterer_probe::Action>, actions: &mut Vec<Action>) {
        use clusterer_probe::Action as Found;
        for action in found {
            match action {
                Found::Changed(transition) => self.picture.changed(&transition, now.unix),
                Found::Dial(Attempt { link, .. }) | Found::Hangup(link) => {
                    self.picture.link(&self.prober, link);
                }
                Found::Ping { link, .. } => self.picture.pinged(&self.prober, link),
                _ => {}
            }
            actions.push(match action {
                Found::Changed(transition) => {
                    // What was loaded is in the database already.
                    if transition.cause != Cause::Reload {
                        self.persistence.changed(now.mono, transition.node, false);
                    }
                    Action::Changed(transition)
                }
                Found::Close(link) => Action::Close(link),
                Found::Dial(attempt) => Action::Dial(attempt),
                Found::Hangup(link) => Action::Hangup(link),
                Found::Open { link, address, bind, .. } => Action::Open { link, address, bind },
                Found::Ping { link, nonce } => Action::Ping { link, nonce },
                _ => continue,
            });
        }
    }

    /// The address from which to dial a peer: by one's own row in the first cluster shared with it.
    fn bind_for(&self, table: &Table, peer: &Node) -> Option<IpAddr> {
        let is_peer = |node: &Node| node.ip == peer.ip;
        let mut clusters = table.clusters().iter();
        let shared = clusters.find(|it| it.peer(peer.row.machine).is_some_and(is_peer))?;
        self.settings.bind_for(shared.own().ip, peer.ip)
    }

    fn require(&self, node: NodeKey, protocol: Protocol) -> Result<(), StatusError> {
        let known = self.table.peer(node).ok_or(StatusError::UnknownNode(node))?;
        match known.row.url.protocol() {
            has if has == protocol => Ok(()),
            has => Err(StatusError::Protocol { node, has }),
        }
    }
}

/// What a row is now, to be written back.
fn current(table: &Table, prober: &Prober, node: NodeKey) -> Option<(DbId, Availability)> {
    Some((table.peer(node)?.row.id, *prober.availability(node)?))
}
