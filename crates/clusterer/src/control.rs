//! The control task: the one owner of the node's state, on a thread of its own.
//!
//! It takes in what the transport's thread, the store and the API tell it, lets the core decide, carries
//! out the actions and publishes the view, in that order, before it answers anybody.

use crate::clock::Clock;
use crate::event::EventKind;
use crate::feed::{News, Publisher};
use crate::held::Held;
use crate::imprint::Difference;
use crate::inbox::Inbox;
use crate::metric::{self, Probes};
use crate::provisioning::Ledger;
use crate::resolve::{Digest, Loaded};
use crate::store::{Job, Jobs, Load, Outcome, Waiting};
use crate::watch::Watch;
use crate::{ReloadError, ReloadReport, heartbeat};
use clusterer_bin::Dialect;
use clusterer_core::{Action, Core, Input, StatusError, Transition, ping};
use clusterer_net::{Command as LinkCommand, LinkSpec, Transport};
use clusterer_node::{
    AdminState, DbId, LinkId, MachineId, Moment, Node, NodeKey, Now, Protocol, State, StoreError,
};
use clusterer_registry::{ClusterModule, ModuleEvent, Notice, RegisterError, Registration};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What the API asks for, with where the answer goes.
pub(crate) enum Command {
    AutoReload(Option<Duration>, oneshot::Sender<()>),
    Heartbeat(oneshot::Sender<()>),
    Register(Registration, Arc<dyn ClusterModule>, oneshot::Sender<Result<(), RegisterError>>),
    Reload(oneshot::Sender<Result<ReloadReport, ReloadError>>),
    SetState(NodeKey, Protocol, State, oneshot::Sender<Result<(), StatusError>>),
    Shutdown(oneshot::Sender<()>),
}

/// How long the last write may take, however patient the store's other calls are.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// Everything the control task owns.
pub(crate) struct Control {
    pub(crate) own: MachineId,
    pub(crate) core: Core,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) user_timeout: Duration,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) jobs: Jobs,
    pub(crate) watch: Watch,
    /// Rows that could not be written since the last load, and are named in the log.
    pub(crate) conflicts: BTreeSet<DbId>,
    pub(crate) publisher: Publisher,
    pub(crate) provisioning: Ledger,
    /// What this turn's events will say.
    pub(crate) news: News,
    pub(crate) probes: Probes,
    /// Who waits for the reload that comes next.
    pub(crate) reloads: Waiting,
    /// How long the last write may take, together with what the store is at when it is asked for.
    pub(crate) store_patience: Duration,
}

/// Why the control task does something, beside deadlines and what the inbox has.
enum Woken {
    Command(Command),
    Hint(Result<(), StoreError>),
    Job(Outcome),
    Nothing,
}

/// An answer, given once the view shows what it says.
type Answer = Box<dyn FnOnce() + Send>;

impl Control {
    /// Does what the table asks for that was taken in, and published, before the transport started.
    pub(crate) fn begin(&mut self, digest: Digest, actions: Vec<Action>) {
        self.tell(digest);
        self.carry_out(actions);
        self.publish(self.now());
    }

    /// Runs until a shutdown is asked for, or nobody is left to ask.
    pub(crate) async fn run(mut self) {
        loop {
            let deadlines = [self.core.deadline(), self.look_deadline()];
            let wake = async {
                match deadlines.into_iter().flatten().min() {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let woken = tokio::select! {
                () = self.inbox.filled() => Woken::Nothing,
                received = self.commands.recv() => match received {
                    Some(received) => Woken::Command(received),
                    None => return self.end().await,
                },
                finished = self.jobs.finished() => Woken::Job(finished),
                hint = self.watch.hint() => Woken::Hint(hint),
                () = wake => Woken::Nothing,
            };
            if let Woken::Command(Command::Shutdown(done)) = woken {
                self.end().await;
                // Nobody waiting any more is as good as an answer.
                let _ = done.send(());
                return;
            }
            self.turn(woken);
        }
    }

    /// While the store is at something, its end is what is waited for.
    fn look_deadline(&self) -> Option<Moment> {
        self.watch.deadline().filter(|_| self.jobs.is_idle())
    }

    /// One turn: what happened, then what is due, then the view, its events, and the answers.
    fn turn(&mut self, woken: Woken) {
        let mut actions = Vec::new();
        let mut answers = Vec::new();
        // The time first: what arrives meanwhile has arrived before anything is judged by it.
        let now = self.now();
        for input in self.inbox.take() {
            self.core.handle(now, input, &mut actions);
        }
        match woken {
            Woken::Command(command) => answers.extend(self.obey(now, command, &mut actions)),
            Woken::Hint(hint) => self.watch.hinted(hint),
            Woken::Job(outcome) => answers.extend(self.job_done(now, outcome, &mut actions)),
            Woken::Nothing => {}
        }
        if self.core.deadline().is_some_and(|at| at <= now.mono) {
            self.core.handle(now, Input::Tick, &mut actions);
        }
        self.carry_out(actions);
        self.next_job(now.mono);
        self.publish(now);
        answers.into_iter().for_each(|answer: Answer| answer());
    }

    fn obey(&mut self, now: Now, command: Command, actions: &mut Vec<Action>) -> Option<Answer> {
        match command {
            Command::AutoReload(every, answer) => {
                self.watch.look_every(every);
                Some(reply(answer, ()))
            }
            Command::Heartbeat(answer) => {
                heartbeat::pass_on(answer, &*self.transport);
                None
            }
            Command::Register(registration, module, answer) => {
                let registered = Arc::new(registration.clone());
                let result = self.core.register(now, registration, module);
                if result.is_ok() {
                    self.news.push(EventKind::ModuleRegistered(registered));
                }
                Some(reply(answer, result))
            }
            Command::Reload(answer) => {
                self.reloads.push(answer);
                None
            }
            Command::SetState(node, protocol, state, answer) => {
                let result = self.set_state(now, node, protocol, state, actions);
                Some(reply(answer, result))
            }
            Command::Shutdown(_) => None,
        }
    }

    fn set_state(
        &mut self,
        now: Now,
        node: NodeKey,
        protocol: Protocol,
        state: State,
        actions: &mut Vec<Action>,
    ) -> Result<(), StatusError> {
        let admin = match state {
            State::Down => AdminState::Down,
            State::Up => AdminState::Enabled,
            _ => return self.core.report_failure(now, node, protocol, actions),
        };
        self.core.administer(now, node, protocol, admin, actions)
    }

    fn job_done(&mut self, now: Now, outcome: Outcome, actions: &mut Vec<Action>) -> Vec<Answer> {
        if let Some(flushed) = outcome.flushed {
            metric::store_answered(flushed.is_ok());
            metric::flushed(flushed.as_ref().ok());
            self.provisioning.answered(&flushed);
            if let Err(error) = &flushed {
                tracing::warn!(%error, "states could not be written back; they are tried again");
            }
            let flushed = flushed.ok();
            let conflicts = flushed.as_ref().map(|flushed| flushed.conflicts.as_slice());
            for id in conflicts.unwrap_or_default() {
                // Once, however often it would be written before the next load.
                if self.conflicts.insert(*id) {
                    tracing::warn!(row = %id, "left as an administrator set it in the database");
                }
            }
            self.watch.written(conflicts);
            self.core.handle(now, Input::Flushed(flushed), actions);
        }
        let Some(loaded) = outcome.loaded else { return Vec::new() };
        metric::store_answered(loaded.is_ok());
        self.provisioning.answered(&loaded);
        let result = match loaded {
            Ok(Some(loaded)) => Ok(self.take_in(loaded, actions)),
            Ok(None) => {
                metric::load_unchanged();
                self.provisioning.unchanged(now.mono);
                tracing::debug!(
                    "somebody wrote to the database, and changed nothing that matters here"
                );
                self.watch.looked(None);
                return Vec::new();
            }
            Err(error) => {
                self.watch.looked_in_vain(now.mono);
                metric::load_failed();
                tracing::error!(%error, "reload failed; what is in memory stays");
                let error = ReloadError::Store(error);
                self.news.push(EventKind::ReloadFailed(error.clone()));
                Err(error)
            }
        };
        let answer = |waiting| reply(waiting, result.clone());
        outcome.waiting.into_iter().map(answer).collect()
    }

    fn take_in(&mut self, loaded: Loaded, actions: &mut Vec<Action>) -> ReloadReport {
        let (table, digest) = loaded.split();
        self.core.handle(self.now(), Input::Loaded(table), actions);
        let report = self.tell(digest);
        self.news.push(EventKind::Reloaded(Arc::new(report.clone())));
        report
    }

    /// Says what was taken in, why, and what was wrong with it.
    fn tell(&mut self, digest: Digest) -> ReloadReport {
        let Digest { own_rows, report, warnings, beside, difference } = digest;
        self.watch.looked(Some(Held::new(self.core.table().clone(), beside)));
        self.conflicts.clear();
        for (row, warning) in &warnings {
            tracing::warn!(row, %warning, "a value was replaced");
        }
        for row in &report.skipped {
            tracing::warn!(%row, "left out");
        }
        if own_rows.is_empty() {
            tracing::warn!(
                server_id = %self.own,
                "no row has this machine_id, so this node is in no cluster: add one, or mend server_id"
            );
        }
        self.warn_of_own_rows(&own_rows);
        metric::loaded(report.skipped.len());
        self.provisioning.loaded(self.clock.now(), &report.skipped);
        let (clusters, nodes) = (report.clusters, report.nodes);
        match difference {
            Some(Difference { added, removed, changed }) => tracing::info!(
                clusters,
                nodes,
                rows_added = added,
                rows_removed = removed,
                rows_changed = changed,
                "table loaded, since somebody else has changed it"
            ),
            None => tracing::info!(clusters, nodes, "table loaded"),
        }
        report
    }

    /// Where other nodes dial, somebody should listen: the likeliest first mistake.
    fn warn_of_own_rows(&self, own_rows: &[Node]) {
        let listeners = self.transport.local_addresses();
        let heard = |own: &Node| {
            listeners.iter().any(|listener| {
                let any = listener.ip().is_unspecified()
                    && listener.is_ipv4() == own.ip.is_ipv4()
                    && listener.port() == own.row.url.port();
                any || *listener == own.address()
            })
        };
        // A node without listeners means to be heard of nobody.
        let unheard = |own: &&Node| {
            own.row.url.protocol() == Protocol::Bin && !listeners.is_empty() && !heard(own)
        };
        for own in own_rows.iter().filter(unheard) {
            tracing::warn!(
                row = %own.row.id,
                url = %own.row.url,
                ?listeners,
                "other nodes dial the url of this node's own row, and it does not listen there"
            );
        }
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Changed(transition) => {
                    log(&transition);
                    self.news.push(EventKind::StateChanged(transition));
                }
                Action::Close(link) => self.transport.command(LinkCommand::Close(link)),
                Action::Dial(attempt) => self.transport.command(LinkCommand::Dial(attempt)),
                Action::Drain => {
                    let inbox = self.inbox.clone();
                    self.transport.drain(Box::new(move |drained| inbox.drained(drained)));
                }
                Action::Flush(changes) => self.jobs.queue_flush(changes),
                Action::Hangup(link) => self.transport.command(LinkCommand::Hangup(link)),
                Action::Notify(notice) => {
                    timeout(&notice).into_iter().for_each(|kind| self.news.push(kind));
                    notify(&notice);
                }
                Action::Open { link, address, bind } => {
                    let dialect = Dialect::V22;
                    let user_timeout = self.user_timeout;
                    let spec = LinkSpec { link, peer: address, bind, dialect, user_timeout };
                    self.transport.command(LinkCommand::Open(spec));
                }
                Action::Ping { link, nonce } => self.ping(link, nonce),
                other => tracing::error!(?other, "an action this engine does not know"),
            }
        }
    }

    fn ping(&self, link: LinkId, nonce: i32) {
        // A ping that cannot be queued is one that is not answered, and judged as such.
        if let Ok(ping) = ping(self.own, nonce)
            && let Err(error) = self.transport.send_control(link, ping.to(0))
        {
            tracing::debug!(%link, %error, "a ping was not sent");
        }
    }

    /// Starts what the store is to do next, if it is idle. A reload writes first what is dirty.
    fn next_job(&mut self, now: Moment) {
        if !self.jobs.is_idle() {
            return;
        }
        let mut job = Job { changes: self.jobs.take_flush(), load: None, waiting: Vec::new() };
        if !self.reloads.is_empty() {
            job.changes = job.changes.or_else(|| self.core.take_flush());
            job.waiting = std::mem::take(&mut self.reloads);
            self.watch.looking(now);
            job.load = Some(self.load(None));
        } else if job.changes.is_none() && self.watch.is_due(now) {
            // What is being written is compared with once it has been written.
            let unless = self.watch.looking(now);
            job.load = Some(self.load(unless));
        }
        if job.changes.is_some() || job.load.is_some() {
            self.start(job);
        }
    }

    fn load(&self, unless: Option<Arc<Held>>) -> Load {
        Load { own: self.own, now: self.clock.unix(), unless }
    }

    fn start(&mut self, job: Job) {
        self.watch.writing(job.changes.as_deref().unwrap_or_default());
        self.jobs.start(job);
    }

    fn publish(&mut self, now: Now) {
        self.probes.tell(self.core.probes());
        let view = self.core.take_view();
        if self.publisher.publish(now.mono, view, std::mem::take(&mut self.news)) {
            // A connection that is silent from now on would keep parts of the former table in memory.
            self.transport.forget();
        }
    }

    /// The last flush, unless the store takes too long.
    async fn end(mut self) {
        self.watch.stop();
        let patience = self.store_patience.min(LAST_WRITE);
        if tokio::time::timeout(patience, self.write_last()).await.is_err() {
            tracing::warn!("the last states were not written back: the database did not answer");
        }
    }

    /// Waits for what is under way, then writes what is dirty.
    async fn write_last(&mut self) {
        while !self.jobs.is_idle() || self.jobs.has_flush() {
            self.next_job(self.clock.now());
            let outcome = self.jobs.finished().await;
            self.turn(Woken::Job(outcome));
        }
        if let Some(changes) = self.core.take_flush() {
            self.start(Job { changes: Some(changes), load: None, waiting: Vec::new() });
            let outcome = self.jobs.finished().await;
            if let Some(Err(error)) = outcome.flushed {
                tracing::warn!(%error, "the last states were not written back");
            }
        }
    }

    fn now(&self) -> Now {
        Now { mono: self.clock.now(), unix: self.clock.unix() }
    }
}

fn reply<T: Send + 'static>(to: oneshot::Sender<T>, value: T) -> Answer {
    Box::new(move || {
        // Whoever asked may have stopped waiting.
        let _ = to.send(value);
    })
}

fn log(transition: &Transition) {
    let Transition { node, from, to, cause } = transition;
    if from.state() == to.state() && from.reachability == to.reachability {
        let (cluster_id, machine_id) = (node.cluster.get(), node.machine.get());
        let no_tries = to.no_tries;
        tracing::debug!(cluster_id, machine_id, no_tries, cause = cause.name(), "failed again");
        return;
    }
    metric::transition(cause.name());
    tracing::info!(
        cluster_id = node.cluster.get(),
        machine_id = node.machine.get(),
        from = %from.state(),
        to = %to.state(),
        reachability = ?to.reachability,
        no_tries = to.no_tries,
        cause = cause.name(),
        "state changed"
    );
}

/// What is told of a module to everybody. What comes with each packet is for the module alone.
fn timeout(notice: &Notice) -> Option<EventKind> {
    let ModuleEvent::Timeout(node) = notice.event else { return None };
    let registration = notice.registration.clone();
    Some(EventKind::ModuleTimeout { registration, node })
}

fn notify(notice: &Notice) {
    let Notice { registration, module, event } = notice;
    if let ModuleEvent::Timeout(node) = event {
        metric::module_timeouts(&registration.name).increment(1);
        tracing::warn!(
            module = registration.name,
            cluster_id = node.cluster.get(),
            machine_id = node.machine.get(),
            "silent for longer than its timeout"
        );
    }
    // It goes to the module's channel, or is guarded.
    module.on_event(*event);
}
