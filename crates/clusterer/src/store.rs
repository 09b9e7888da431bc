//! Calls to the store: one at a time, on the runtime that the engine was started on, never on the control
//! thread. Each ends: one that hangs, panics or loses its runtime is one that failed.

use crate::held::Held;
use crate::resolve::{Loaded, Readable};
use crate::{ReloadError, ReloadReport};
use clusterer_node::{Change, Flushed, MachineId, NodeStore, StoreError, UnixTime};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;

/// Who waits to be told how a reload went.
pub(crate) type Waiting = Vec<oneshot::Sender<Result<ReloadReport, ReloadError>>>;

/// What the store is to do: write, then load, either of which may be missing.
pub(crate) struct Job {
    pub(crate) changes: Option<Vec<Change>>,
    pub(crate) load: Option<Load>,
    pub(crate) waiting: Waiting,
}

/// How the table is to be read.
pub(crate) struct Load {
    pub(crate) own: MachineId,
    pub(crate) now: UnixTime,
    /// Nothing is loaded if the table still holds this.
    pub(crate) unless: Option<Arc<Held>>,
}

/// How a job went.
pub(crate) struct Outcome {
    pub(crate) flushed: Option<Result<Flushed, StoreError>>,
    /// `None` in it: the table is what it was not to be loaded for.
    pub(crate) loaded: Option<Result<Option<Loaded>, StoreError>>,
    pub(crate) waiting: Waiting,
}

/// The store, and the one job it may be at.
pub(crate) struct Jobs {
    store: Arc<dyn NodeStore>,
    runtime: Handle,
    /// How long one call may take.
    patience: Duration,
    running: Option<Running>,
    flush: Option<Vec<Change>>,
}

/// A job under way, with what is said of it if it does not live to say it.
struct Running {
    task: JoinHandle<Done>,
    flushes: bool,
    loads: bool,
    waiting: Waiting,
}

/// What the store did.
struct Done {
    flushed: Option<Result<Flushed, StoreError>>,
    loaded: Option<Result<Option<Loaded>, StoreError>>,
}

impl Jobs {
    pub(crate) fn new(store: Arc<dyn NodeStore>, runtime: Handle, patience: Duration) -> Self {
        Self { store, runtime, patience, running: None, flush: None }
    }

    /// The core hands out one flush at a time, so there is room for it.
    pub(crate) fn queue_flush(&mut self, changes: Vec<Change>) {
        self.flush = Some(changes);
    }

    pub(crate) fn take_flush(&mut self) -> Option<Vec<Change>> {
        self.flush.take()
    }

    pub(crate) const fn has_flush(&self) -> bool {
        self.flush.is_some()
    }

    pub(crate) const fn is_idle(&self) -> bool {
        self.running.is_none()
    }

    pub(crate) fn start(&mut self, job: Job) {
        let Job { changes, load, waiting } = job;
        let (flushes, loads) = (changes.is_some(), load.is_some());
        let task = run(self.store.clone(), self.patience, changes, load);
        let task = self.runtime.spawn(task);
        self.running = Some(Running { task, flushes, loads, waiting });
    }

    /// Waits for the job under way; for ever, if there is none.
    pub(crate) async fn finished(&mut self) -> Outcome {
        let Some(running) = &mut self.running else { return std::future::pending().await };
        let done = (&mut running.task).await;
        let (flushes, loads) = (running.flushes, running.loads);
        let waiting = std::mem::take(&mut running.waiting);
        self.running = None;
        let Done { flushed, loaded } = done.unwrap_or_else(|error| {
            let error = lost(&error);
            Done {
                flushed: flushes.then(|| Err(error.clone())),
                loaded: loads.then_some(Err(error)),
            }
        });
        Outcome { flushed, loaded, waiting }
    }
}

async fn run(
    store: Arc<dyn NodeStore>,
    patience: Duration,
    changes: Option<Vec<Change>>,
    load: Option<Load>,
) -> Done {
    let flushed = match &changes {
        Some(changes) => {
            let flush = timeout(patience, store.flush(changes)).await;
            Some(flush.unwrap_or_else(|_| Err(silent())))
        }
        None => None,
    };
    let loaded = match load {
        Some(load) => Some(look(&*store, patience, load).await),
        None => None,
    };
    Done { flushed, loaded }
}

/// Reads the rows, for which the store has `patience`, and makes a table of them.
pub(crate) async fn load_table(
    store: &dyn NodeStore,
    patience: Duration,
    own: MachineId,
    now: UnixTime,
) -> Result<Loaded, StoreError> {
    Ok(read(store, patience, own, now).await?.resolve().await)
}

/// The same, unless the table still holds what it is not to be loaded for.
async fn look(
    store: &dyn NodeStore,
    patience: Duration,
    load: Load,
) -> Result<Option<Loaded>, StoreError> {
    let Load { own, now, unless } = load;
    let readable = read(store, patience, own, now).await?;
    let difference = unless.map(|held| held.difference(&readable.imprint));
    // Names resolve to something else now and then: they are looked up only for a table that is new.
    if difference == Some(None) {
        return Ok(None);
    }
    Ok(Some(Loaded { difference: difference.flatten(), ..readable.resolve().await }))
}

async fn read(
    store: &dyn NodeStore,
    patience: Duration,
    own: MachineId,
    now: UnixTime,
) -> Result<Readable, StoreError> {
    let rows = timeout(patience, store.load()).await.unwrap_or_else(|_| Err(silent()))?;
    Ok(Readable::new(own, &rows, now))
}

fn silent() -> StoreError {
    StoreError::Unavailable("the database did not answer in time".into())
}

pub(crate) fn lost(error: &JoinError) -> StoreError {
    let why = if error.is_panic() { "panicked" } else { "lost the runtime it ran on" };
    StoreError::Unavailable(format!("the call of the store {why}"))
}
