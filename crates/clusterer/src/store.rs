//! Calls to the store: one at a time, on the runtime that the engine was started on, never on the control
//! thread.

use crate::resolve::{self, Loaded};
use crate::{ReloadError, ReloadReport};
use clusterer_node::{Change, Flushed, MachineId, NodeStore, StoreError, UnixTime};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// What the store is to do: write, then load, either of which may be missing.
pub(crate) struct Job {
    pub(crate) changes: Option<Vec<Change>>,
    pub(crate) load: Option<(MachineId, UnixTime)>,
    /// Who is told how the load went.
    pub(crate) waiting: Vec<oneshot::Sender<Result<ReloadReport, ReloadError>>>,
}

/// How a job went.
pub(crate) struct Outcome {
    pub(crate) flushed: Option<Result<Flushed, StoreError>>,
    pub(crate) loaded: Option<Result<Loaded, ReloadError>>,
    pub(crate) waiting: Vec<oneshot::Sender<Result<ReloadReport, ReloadError>>>,
}

/// The store, and the one job it may be at.
pub(crate) struct Jobs {
    store: Arc<dyn NodeStore>,
    runtime: Handle,
    done: (mpsc::Sender<Outcome>, mpsc::Receiver<Outcome>),
    busy: bool,
    flush: Option<Vec<Change>>,
}

impl Jobs {
    pub(crate) fn new(store: Arc<dyn NodeStore>, runtime: Handle) -> Self {
        Self { store, runtime, done: mpsc::channel(1), busy: false, flush: None }
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
        !self.busy
    }

    pub(crate) fn start(&mut self, job: Job) {
        self.busy = true;
        let store = self.store.clone();
        let done = self.done.0.clone();
        self.runtime.spawn(async move {
            let outcome = run(&*store, job).await;
            // The control task is gone only when the whole engine is.
            let _ = done.send(outcome).await;
        });
    }

    /// Waits for the job under way; for ever, if there is none.
    pub(crate) async fn finished(&mut self) -> Outcome {
        match self.done.1.recv().await {
            Some(outcome) => {
                self.busy = false;
                outcome
            }
            // Not reached: a sender is kept here.
            None => std::future::pending().await,
        }
    }
}

async fn run(store: &dyn NodeStore, job: Job) -> Outcome {
    let Job { changes, load, waiting } = job;
    let flushed = match &changes {
        Some(changes) => Some(store.flush(changes).await),
        None => None,
    };
    let loaded = match load {
        Some((own, now)) => Some(load_table(store, own, now).await),
        None => None,
    };
    Outcome { flushed, loaded, waiting }
}

pub(crate) async fn load_table(
    store: &dyn NodeStore,
    own: MachineId,
    now: UnixTime,
) -> Result<Loaded, ReloadError> {
    let rows = store.load().await?;
    Ok(resolve::build(own, &rows, now).await)
}
