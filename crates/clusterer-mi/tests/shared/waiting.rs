//! How tests wait for a server, and what they do while it stops.

use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes on a busy machine; only a failing test waits this long.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Polls a condition until it holds.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A server that stops gives others a second. Who takes half of it is late, by its own clock, and has shown nothing
/// of the server.
const PROMPT: Duration = Duration::from_millis(500);

/// Runs a test that has to act while a server stops, again if it was late.
pub(crate) fn promptly(attempt: impl Fn() -> Result<(), Late>) {
    assert!((0..10).any(|_| attempt().is_ok()), "this machine was too slow ten times");
}

pub(crate) struct Late;

/// By when a test has to have acted.
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// To be called before the server is told to stop.
    pub(crate) fn begin() -> Self {
        Self(Instant::now() + PROMPT)
    }

    pub(crate) fn met(&self) -> Result<(), Late> {
        if Instant::now() < self.0 { Ok(()) } else { Err(Late) }
    }
}
