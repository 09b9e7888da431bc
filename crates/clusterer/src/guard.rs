//! Modules are code of others: what panics there ends the call and nothing else.

use metrics::Counter;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls a module. `None` if it panicked, which is counted and logged: its panic ends nothing but the
/// call.
pub(crate) fn guarded<T>(
    module: &str,
    callback: &'static str,
    panics: &Counter,
    call: impl FnOnce() -> T,
) -> Option<T> {
    // The module may be left half changed; that is for it to see to, as with any lock of its own.
    let payload = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => return Some(value),
        Err(payload) => payload,
    };
    panics.increment(1);
    tracing::error!(module, callback, "a module's callback panicked; the node goes on");
    // What it panicked with is the module's code once more. Of a panic in there nothing is dropped.
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(payload)));
    dropped.unwrap_or_else(std::mem::forget);
    None
}
