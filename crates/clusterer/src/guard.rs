//! Calling modules: a panic of theirs ends nothing but the call.

use metrics::counter;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls a module. `None` if it panicked, which is counted and logged.
pub(crate) fn guarded<T>(what: &'static str, call: impl FnOnce() -> T) -> Option<T> {
    // The module may be left half changed; that is for it to see to, as with any lock of its own.
    let outcome = catch_unwind(AssertUnwindSafe(call));
    if outcome.is_err() {
        counter!(crate::metric::MODULE_PANICS).increment(1);
        tracing::error!(callback = what, "a module's callback panicked; the node goes on");
    }
    outcome.ok()
}
