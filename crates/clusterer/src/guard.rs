//! Modules are code of others: what panics there ends the call and nothing else.

use crate::log_limit::Pace;
use crate::metric;
use clusterer_node::Moment;
use metrics::Counter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The panics of a module, to be counted and logged: those that its peers' packets make it have are as many as
/// they like.
pub(crate) struct Panics {
    counter: Counter,
    since: Instant,
    pace: Mutex<Pace>,
}

impl Panics {
    pub(crate) fn of(module: &str) -> Self {
        let (counter, since) = (metric::module_panics(module), Instant::now());
        Self { counter, since, pace: Mutex::default() }
    }

    fn note(&self, module: &str, callback: &'static str) {
        self.counter.increment(1);
        let now = Moment::ZERO.after(self.since.elapsed());
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = pace.allows(now);
        drop(pace);
        if let Some(suppressed) = allowed {
            tracing::error!(
                module,
                callback,
                suppressed,
                "a module's callback panicked; the node goes on"
            );
        }
    }
}

/// Calls a module. `None` if it panicked, which is counted and logged: its panic ends nothing but the
/// call.
pub(crate) fn guarded<T>(
    module: &str,
    callback: &'static str,
    panics: &Panics,
    call: impl FnOnce() -> T,
) -> Option<T> {
    // The module may be left half changed; that is for it to see to, as with any lock of its own.
    let payload = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => return Some(value),
        Err(payload) => payload,
    };
    panics.note(module, callback);
    // What it panicked with is the module's code once more. Of a panic in there nothing is dropped.
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(payload)));
    dropped.unwrap_or_else(std::mem::forget);
    None
}
