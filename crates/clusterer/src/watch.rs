//! Changes that somebody else makes to the table: the store gives a hint, a look at the table follows, at a
//! bounded rate, and only what nodes do not write themselves is a change.

use crate::held::Held;
use crate::metric;
use crate::store::lost;
use clusterer_node::{Change, DbId, Moment, NodeStore, State, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// The longest pause between two looks while the table cannot be read, unless looks are rarer anyway.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What is known of changes by somebody else. All of it is off without an interval.
pub(crate) struct Watch {
    store: Arc<dyn NodeStore>,
    runtime: Handle,
    /// At most one look in this time.
    every: Option<Duration>,
    /// Waits for a hint; there is none between a hint and the load that follows it.
    waiting: Option<JoinHandle<Result<(), StoreError>>>,
    hinted: bool,
    not_before: Moment,
    /// Until the next look, if this one fails.
    pause: Duration,
    /// What the database held when it was last read, or written to by an administrator's word here.
    held: Option<Arc<Held>>,
    /// Administrators' decisions that are being written.
    decisions: Vec<(DbId, State)>,
}

impl Watch {
    pub(crate) fn new(store: Arc<dyn NodeStore>, runtime: Handle, every: Option<Duration>) -> Self {
        Self {
            store,
            runtime,
            every,
            waiting: None,
            hinted: false,
            not_before: Moment::ZERO,
            pause: every.unwrap_or_default(),
            held: None,
            decisions: Vec::new(),
        }
    }

    /// Looks this often from now on, for the first time at once: nobody knows what was changed while
    /// nobody looked.
    pub(crate) fn look_every(&mut self, every: Option<Duration>) {
        self.stop();
        self.every = every;
        self.pause = every.unwrap_or_default();
        self.held = None;
        self.hinted = every.is_some();
        self.not_before = Moment::ZERO;
    }

    /// Waits for a hint; for ever, if it is not waited for.
    pub(crate) async fn hint(&mut self) -> Result<(), StoreError> {
        let Some(waiting) = &mut self.waiting else { return std::future::pending().await };
        let hint = waiting.await;
        self.waiting = None;
        hint.unwrap_or_else(|error| Err(lost(&error)))
    }

    /// A hint came. Where none can be given any more, only a look can tell.
    pub(crate) fn hinted(&mut self, hint: Result<(), StoreError>) {
        if let Err(error) = hint {
            metric::store_answered(false);
            tracing::warn!(%error, "the database does not tell of changes; the table is read instead");
        }
        self.hinted = true;
    }

    /// When to look.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.hinted.then_some(self.not_before)
    }

    pub(crate) fn is_due(&self, now: Moment) -> bool {
        self.deadline().is_some_and(|at| at <= now)
    }

    /// The table is read now: what was hinted at before is in it. Returns what it held before.
    pub(crate) fn looking(&mut self, now: Moment) -> Option<Arc<Held>> {
        self.hinted = false;
        self.not_before = now.after(self.every.unwrap_or_default());
        self.held.clone()
    }

    /// The table was read; `held` is what it holds, unless that is what it held before.
    pub(crate) fn looked(&mut self, held: Option<Held>) {
        let Some(every) = self.every else { return };
        self.pause = every;
        if let Some(held) = held {
            self.held = Some(Arc::new(held));
        }
        if self.waiting.is_none() {
            let store = self.store.clone();
            self.waiting = Some(self.runtime.spawn(async move { store.changed(every).await }));
        }
    }

    /// The table could not be read.
    pub(crate) fn looked_in_vain(&mut self, now: Moment) {
        let Some(every) = self.every else { return };
        self.hinted = true;
        self.not_before = now.after(self.pause);
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE.max(every));
    }

    /// These changes are being written.
    pub(crate) fn writing(&mut self, changes: &[Change]) {
        let decisions = changes.iter().filter(|change| change.by_administrator);
        self.decisions = decisions.map(|change| (change.id, change.status.state)).collect();
    }

    /// They were, but for these; or `None` was. A conflict is a hint, too, whatever the store tells.
    pub(crate) fn written(&mut self, conflicts: Option<&[DbId]>) {
        let decisions = std::mem::take(&mut self.decisions);
        let Some(conflicts) = conflicts else { return };
        self.hinted |= self.every.is_some() && !conflicts.is_empty();
        let Some(held) = &mut self.held else { return };
        for (id, state) in decisions {
            if !conflicts.contains(&id) {
                Arc::make_mut(held).decided(id, state);
            }
        }
    }

    /// Nothing is looked for any more.
    pub(crate) fn stop(&mut self) {
        self.every = None;
        self.hinted = false;
        if let Some(waiting) = self.waiting.take() {
            waiting.abort();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop();
    }
}
