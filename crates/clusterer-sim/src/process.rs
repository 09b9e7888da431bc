//! One node: the core, and the driver's half that in the engine is the control task. What arrives is in
//! `gateway.rs`.

use crate::agenda::Event;
use crate::beat::{self, Beat};
use crate::bounds;
use crate::connection::ConnectionId;
use crate::env::Env;
use crate::gates::Gates;
use crate::gateway::Stream;
use crate::inbox::Inbox;
use crate::links::{Command, Link, Tally};
use crate::oracle::Oracle;
use crate::scenario::{self, Scenario};
use crate::store::Store;
use crate::tamper::Tamper;
use crate::terrain::Part;
use clusterer_bin::{Dialect, Origin, PacketWriter};
use clusterer_core::{Action, Core, Input, Settings, View};
use clusterer_node::{
    AdminState, Change, ClusterId, DbId, Flushed, LinkId, Moment, NodeKey, Now, Protocol, UnixTime,
};
use clusterer_registry::{ModuleEvent, Registration};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The cluster in which the module replicates.
pub(crate) const CLUSTER: ClusterId = match ClusterId::new(1) {
    Some(id) => id,
    None => unreachable!(),
};

pub(crate) struct Process {
    pub(crate) host: usize,
    pub(crate) scenario: Rc<Scenario>,
    pub(crate) store: Store,
    pub(crate) tamper: Box<dyn Tamper>,
    /// The module sends nothing.
    pub(crate) muted: bool,
    pub(crate) life: u32,
    /// How far its wall clock is off, seconds.
    pub(crate) wall: i64,
    /// What it forgets when it dies.
    pub(crate) mind: Mind,
}

pub(crate) struct Mind {
    core: Core,
    pub(crate) view: View,
    pub(crate) inbox: Inbox,
    pub(crate) module: Arc<Beat>,
    pub(crate) oracle: Oracle,
    pub(crate) gates: Gates,
    pub(crate) links: BTreeMap<LinkId, Link>,
    /// Links that have something to send.
    pub(crate) waiting: BTreeSet<LinkId>,
    pub(crate) tally: Tally,
    /// What the transport's half has yet to do.
    pub(crate) commands: Vec<Command>,
    /// Since when it has something to do.
    pub(crate) wanted: Option<u64>,
    /// Until when something last waited for it for too long.
    pub(crate) behind: Option<Moment>,
    pub(crate) streams: BTreeMap<ConnectionId, Stream>,
    /// Links whose present connection has carried a pong, and since when.
    pub(crate) ponged: BTreeMap<LinkId, u64>,
    job: Option<Job>,
    flush: Option<Vec<Change>>,
    /// Rows that an administrator gave an order about which is not written yet, and those of them whose
    /// order is being written.
    orders: BTreeSet<DbId>,
    orders_out: BTreeSet<DbId>,
    reload: bool,
    /// The last write failed: what is dirty waits for longer.
    pub(crate) flush_failed: bool,
    offset: u64,
    wake_at: Option<u64>,
    turns: (u64, u32),
}

/// What the store is at: to write, then perhaps to load.
struct Job {
    changes: Option<Vec<Change>>,
    load: bool,
}

impl Process {
    pub(crate) fn new(
        host: usize,
        scenario: Rc<Scenario>,
        store: Store,
        tamper: Box<dyn Tamper>,
    ) -> Self {
        let mind = Mind::new(host, 0, &scenario, 0, 0);
        Self { host, scenario, store, tamper, muted: false, life: 0, wall: 0, mind }
    }

    /// A new life: nothing is remembered but what the store holds.
    pub(crate) fn start(&mut self, env: &mut Env) {
        self.life += 1;
        let (offset, seed) = (env.rng.below(1_000_000), env.rng.number().to_le_bytes());
        let seed = i32::from_le_bytes([seed[0], seed[1], seed[2], seed[3]]);
        let moved = env.terrain.host(self.host).moved;
        self.mind = Mind::new(self.host, moved, &self.scenario, offset, seed);
        // How a start waits for its store is the engine's affair: here it is patient.
        let failing = std::mem::take(&mut self.store.failing);
        let mut actions = Vec::new();
        self.load(env, &mut actions);
        self.store.failing = failing;
        let timeout = Duration::from_millis(self.scenario.module_timeout);
        let registration = Registration::new(beat::NAME, CLUSTER, timeout);
        let registration = registration.auth_check(self.scenario.auth_check);
        let now = self.now(env);
        if let Err(error) = self.mind.core.register(now, registration, self.mind.module.clone()) {
            env.break_invariant(format_args!("m{} registers no module: {error}", self.host + 1));
        }
        self.tick(env, &mut actions);
        self.finish(env, actions);
        let first = env.now + env.rng.below(self.scenario.beat_interval);
        env.agenda.put(first, Event::Beat { host: self.host, life: self.life });
    }

    /// It is its turn: looks at its sockets, then lets the control half work.
    pub(crate) fn work(&mut self, env: &mut Env) {
        self.look(env);
        self.flush_links(env);
        self.turn(env);
    }

    /// It goes on after standing still. Which half is the first to do so is chance.
    pub(crate) fn resume(&mut self, env: &mut Env) {
        if env.rng.chance(500) {
            self.turn(env);
        }
        self.obey(env);
    }

    /// The deadline that was put in the agenda has come. One that has moved is another event.
    pub(crate) fn wake(&mut self, env: &mut Env) {
        if self.mind.wake_at == Some(env.now) {
            self.mind.wake_at = None;
            self.turn(env);
        }
    }

    /// The call to the store has ended.
    pub(crate) fn store_done(&mut self, env: &mut Env) {
        let Some(Job { changes, load }) = self.mind.job.take() else { return };
        let mut actions = self.drain(env);
        if let Some(changes) = changes {
            let outcome = self.flush(env, &changes);
            self.feed(env, self.now(env), Input::Flushed(outcome), &mut actions);
        }
        if load {
            self.load(env, &mut actions);
        }
        self.tick(env, &mut actions);
        self.finish(env, actions);
    }

    fn flush(&mut self, env: &mut Env, changes: &[Change]) -> Option<Flushed> {
        let orders = std::mem::take(&mut self.mind.orders_out);
        let by_administrator = |change: &&Change| change.by_administrator;
        for change in changes.iter().filter(by_administrator) {
            if !orders.contains(&change.id) {
                let text =
                    format_args!("m{} writes as if an administrator: {change:?}", self.host + 1);
                env.break_invariant(text);
            }
        }
        let outcome = self.store.flush(changes).ok();
        self.mind.flush_failed = outcome.is_none();
        let word = match &outcome {
            None => "store failed",
            Some(written) if !written.flushed.conflicts.is_empty() => "store conflict",
            Some(written) if written.over > 0 => "store last_writer",
            Some(_) => "store flushed",
        };
        env.coverage.note(word.to_owned());
        let Some(written) = outcome else {
            self.mind.orders.extend(orders);
            return None;
        };
        Some(written.flushed)
    }

    /// Changes are handed out to be written: with them the orders that were given by then.
    fn hand_out(&mut self, changes: Vec<Change>) -> Vec<Change> {
        let orders = &mut self.mind.orders;
        self.mind.orders_out =
            changes.iter().filter_map(|change| orders.take(&change.id)).collect();
        changes
    }

    pub(crate) fn administer(&mut self, env: &mut Env, node: NodeKey, admin: AdminState) {
        if self.is_stuck(env) {
            return;
        }
        let mut actions = self.drain(env);
        let (now, mut found) = (self.now(env), Vec::new());
        let protocol = self.protocol(node);
        if self.mind.core.administer(now, node, protocol, admin, &mut found).is_ok() {
            env.line(format_args!("m{} sets {node} to {admin:?}", self.host + 1));
            self.mind.orders.extend(self.mind.view.node(node).map(|view| view.node.row.id));
        }
        self.observe(env, found, &mut actions);
        self.tick(env, &mut actions);
        self.finish(env, actions);
    }

    pub(crate) fn report_failure(&mut self, env: &mut Env, node: NodeKey) {
        if self.is_stuck(env) {
            return;
        }
        let mut actions = self.drain(env);
        let (now, mut found) = (self.now(env), Vec::new());
        let protocol = self.protocol(node);
        if self.mind.core.report_failure(now, node, protocol, &mut found).is_ok() {
            env.line(format_args!("m{} reports {node}", self.host + 1));
        }
        self.observe(env, found, &mut actions);
        self.tick(env, &mut actions);
        self.finish(env, actions);
    }

    pub(crate) fn reload(&mut self, env: &mut Env) {
        self.mind.reload = true;
        self.turn(env);
    }

    /// The module sends its number to every node that is up.
    pub(crate) fn beat(&mut self, env: &mut Env, number: i32) {
        let origin = Origin { sender: scenario::machine(self.host).get(), cluster: CLUSTER.get() };
        let mut writer = PacketWriter::new(Dialect::V22, beat::NAME, 0, origin);
        writer.int(number);
        let Ok(packet) = writer.encode() else { return };
        let up = self.mind.view.up(CLUSTER, Protocol::Bin);
        let links: Vec<_> = up.filter_map(|view| view.link).collect();
        for link in links {
            self.queue(env, link, packet.to(0).shared);
        }
    }

    /// One turn of the control half: what happened, then what is due, then the view.
    pub(crate) fn turn(&mut self, env: &mut Env) {
        if self.is_stuck(env) {
            return;
        }
        let mut actions = self.drain(env);
        self.tick(env, &mut actions);
        self.finish(env, actions);
    }

    fn drain(&mut self, env: &mut Env) -> Vec<Action> {
        let mut actions = Vec::new();
        let now = self.now(env);
        let invented = self.tamper.inventions();
        for input in invented.into_iter().chain(self.mind.inbox.take()) {
            self.feed(env, now, input, &mut actions);
        }
        actions
    }

    fn tick(&mut self, env: &mut Env, actions: &mut Vec<Action>) {
        let now = self.now(env);
        if self.mind.core.deadline().is_some_and(|at| at <= now.mono) {
            self.feed(env, now, Input::Tick, actions);
            for input in self.tamper.inventions() {
                self.feed(env, now, input, actions);
            }
        }
    }

    fn finish(&mut self, env: &mut Env, actions: Vec<Action>) {
        self.carry_out(env, actions);
        self.next_job(env);
        if let Some(view) = self.mind.core.take_view() {
            if self.scenario.judged {
                self.mind.oracle.published(env, self.host, &view);
            }
            self.mind.view = view;
        }
        self.hear(env);
        self.rest(env);
    }

    fn feed(&mut self, env: &mut Env, now: Now, input: Input, actions: &mut Vec<Action>) {
        let mut found = Vec::new();
        if let Some(input) = self.tamper.input(input) {
            self.mind.core.handle(now, input, &mut found);
        }
        self.observe(env, found, actions);
    }

    fn observe(&mut self, env: &mut Env, found: Vec<Action>, actions: &mut Vec<Action>) {
        let unix = self.unix(env);
        let mut found = self.tamper.actions(found);
        for action in &found {
            if let Action::Changed(transition) = action {
                self.mind.oracle.changed(env, self.host, unix, transition);
                self.acquit(env, transition);
                self.confirm(env, transition);
            }
        }
        actions.append(&mut found);
    }

    fn load(&mut self, env: &mut Env, actions: &mut Vec<Action>) {
        let own = scenario::machine(self.host);
        let Ok(table) = self.store.load(own, self.unix(env)) else {
            return env.coverage.note("store failed".to_owned());
        };
        env.coverage.note("store loaded".to_owned());
        let rows = table.peers().map(|node| (node.row.machine, node.ip));
        let rows: BTreeMap<_, _> = rows.collect();
        for peer in 0..self.scenario.hosts.len() {
            // Whoever is not in the table gets no pong.
            let there = scenario::address(peer, env.terrain.host(peer).moved);
            let known = rows.get(&scenario::machine(peer)).map(|&address| address == there);
            env.terrain.path_mut(peer, self.host).stranger =
                known != Some(true) && peer != self.host;
            env.terrain.path_mut(self.host, peer).misplaced = known == Some(false);
            env.terrain.disturb(env.now, self.host, peer);
        }
        env.terrain.settle_host(env.now, self.host);
        self.mind.oracle.load(env.now, &table);
        self.mind.gates.load(env.now, &table);
        self.feed(env, self.now(env), Input::Loaded(table), actions);
    }

    fn carry_out(&mut self, env: &mut Env, actions: Vec<Action>) {
        let mut commands = Vec::new();
        for action in actions {
            match action {
                Action::Close(link) => commands.push(Command::Close(link)),
                Action::Dial(attempt) => commands.push(Command::Dial(attempt)),
                Action::Drain => commands.push(Command::Drain),
                Action::Flush(changes) => self.mind.flush = Some(self.hand_out(changes)),
                Action::Hangup(link) => commands.push(Command::Hangup(link)),
                Action::Notify(notice) => {
                    if matches!(notice.event, ModuleEvent::Timeout(_)) {
                        notice.module.on_event(notice.event);
                    }
                }
                Action::Open { link, address, .. } => {
                    let peer = scenario::host_at(address.ip());
                    let Some(peer) = peer.filter(|&(at, _)| at < self.scenario.hosts.len()) else {
                        env.break_invariant(format_args!("a link to nobody: {address}"));
                        continue;
                    };
                    commands.push(Command::Open(link, peer));
                }
                Action::Ping { link, nonce } => commands.push(Command::Ping(link, nonce)),
                _ => {}
            }
        }
        self.command(env, commands);
    }

    /// Starts what the store is to do next, if it is idle. A reload writes first what is dirty.
    fn next_job(&mut self, env: &mut Env) {
        if self.mind.job.is_some() {
            return;
        }
        let job = if std::mem::take(&mut self.mind.reload) {
            let changes = self.mind.flush.take().or_else(|| {
                let changes = self.mind.core.take_flush()?;
                Some(self.hand_out(changes))
            });
            Job { changes, load: true }
        } else if let Some(changes) = self.mind.flush.take() {
            Job { changes: Some(changes), load: false }
        } else {
            return;
        };
        self.mind.job = Some(job);
        let done = Event::StoreDone { host: self.host, life: self.life };
        env.agenda.put(env.now + self.store.latency, done);
    }

    /// Hands what the module was called for to those who judge it.
    pub(crate) fn hear(&mut self, env: &mut Env) {
        for heard in self.mind.module.take() {
            self.mind.gates.heard(env, self.host, heard);
        }
    }

    fn rest(&mut self, env: &mut Env) {
        let (at, count) = self.mind.turns;
        self.mind.turns = if at == env.now { (at, count + 1) } else { (env.now, 1) };
        let peers = u32::try_from(self.scenario.hosts.len()).unwrap_or(u32::MAX);
        if self.mind.turns.1 > bounds::TURNS.saturating_mul(peers) {
            env.break_invariant(format_args!("m{} does not come to rest", self.host + 1));
        }
        let Some(due) = self.mind.core.deadline() else { return };
        let at = due.as_millis().saturating_sub(self.mind.offset);
        if at <= env.now {
            env.break_invariant(format_args!("m{}: a deadline stays in the past", self.host + 1));
        }
        let at = at.max(env.now + 1);
        if self.mind.wake_at != Some(at) {
            self.mind.wake_at = Some(at);
            env.agenda.put(at, Event::Wake { host: self.host, life: self.life });
        }
    }

    fn protocol(&self, node: NodeKey) -> Protocol {
        let known = self.mind.view.node(node);
        known.map_or(Protocol::Bin, |view| view.node.row.url.protocol())
    }

    pub(crate) fn moment(&self, env: &Env) -> Moment {
        Moment::from_millis(env.now + self.mind.offset)
    }

    fn now(&self, env: &Env) -> Now {
        Now { mono: self.moment(env), unix: self.unix(env) }
    }

    pub(crate) fn unix(&self, env: &Env) -> UnixTime {
        // Every host's second begins at another moment.
        let right = scenario::EPOCH + (env.now + self.mind.offset % 1_000) / 1_000;
        UnixTime::from_secs(right.saturating_add_signed(self.wall))
    }

    /// The control thread does not go on.
    fn is_stuck(&self, env: &Env) -> bool {
        env.terrain.host(self.host).is_stuck(Part::Control)
    }
}

impl Mind {
    fn new(host: usize, moved: u8, scenario: &Scenario, offset: u64, seed: i32) -> Self {
        let mut settings = Settings::default();
        settings.ping_interval = Duration::from_millis(scenario.ping_interval);
        settings.ping_timeout = Duration::from_millis(scenario.ping_timeout);
        settings.persistent = scenario.hosts.get(host).is_some_and(|plan| plan.persistent);
        settings.listeners = vec![(scenario::address(host, moved), 5566).into()];
        let own = scenario::machine(host);
        let mut core = Core::new(own, settings, seed);
        let view = core.take_view().unwrap_or_else(|| unreachable!("a new core has a view"));
        Self {
            core,
            view,
            inbox: Inbox::default(),
            module: Arc::new(Beat::default()),
            oracle: Oracle::default(),
            gates: Gates::new(CLUSTER, scenario),
            links: BTreeMap::new(),
            waiting: BTreeSet::new(),
            tally: Tally::default(),
            commands: Vec::new(),
            wanted: None,
            behind: None,
            streams: BTreeMap::new(),
            ponged: BTreeMap::new(),
            job: None,
            flush: None,
            orders: BTreeSet::new(),
            orders_out: BTreeSet::new(),
            reload: false,
            flush_failed: false,
            offset,
            wake_at: None,
            turns: (0, 0),
        }
    }
}
