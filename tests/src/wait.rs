//! Waiting for a condition.

use anyhow::{Result, bail};
use std::thread;
use std::time::{Duration, Instant};

/// How long to wait for what should happen soon. Generous: it only costs time when a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// Looks again and again until there is something, and returns it.
///
/// # Errors
/// There was nothing for as long as `patience`; the text names what was waited for and what the last
/// look gave.
pub fn wait_for<T>(
    what: &str,
    patience: Duration,
    look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    wait_showing(what, patience, look, || Ok(()))
}

/// The same; calls `meanwhile` once a second of waiting.
///
/// # Errors
/// As [`wait_for`], or what `meanwhile` fails with.
pub fn wait_showing<T>(
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
    mut meanwhile: impl FnMut() -> Result<()>,
) -> Result<T> {
    let begun = Instant::now();
    let mut shown = begun;
    loop {
        let seen = match look() {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => "it was not so".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        if begun.elapsed() >= patience {
            bail!("waited {patience:?} in vain for: {what} (last look: {seen})");
        }
        if shown.elapsed() >= Duration::from_secs(1) {
            shown = Instant::now();
            meanwhile()?;
        }
        thread::sleep(PAUSE);
    }
}
