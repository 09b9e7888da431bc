//! Log lines that a client can cause, at most one a second.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

const PERIOD: Duration = Duration::from_secs(1);

/// Warns at most once a second, and says how many warnings were left out since.
#[derive(Debug)]
pub(crate) struct LimitedLog {
    /// Whose warnings these are.
    carrier: &'static str,
    written: Mutex<Written>,
}

#[derive(Debug, Default)]
struct Written {
    last: Option<Instant>,
    left_out: u64,
}

impl LimitedLog {
    pub(crate) fn new(carrier: &'static str) -> Self {
        Self { carrier, written: Mutex::default() }
    }

    pub(crate) fn warn(&self, about: impl Display) {
        if let Some(left_out) = self.turn(Instant::now()) {
            warn!(left_out, "MI {}: {about}", self.carrier);
        }
    }

    /// How many were left out before this one, if this one may be written.
    fn turn(&self, now: Instant) -> Option<u64> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.last.is_some_and(|last| now.saturating_duration_since(last) < PERIOD) {
            written.left_out = written.left_out.saturating_add(1);
            return None;
        }
        written.last = Some(now);
        Some(std::mem::take(&mut written.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second_and_the_rest_is_counted() {
        let log = LimitedLog::new("FIFO");
        let start = Instant::now();
        assert_eq!(log.turn(start), Some(0));
        assert_eq!(log.turn(start), None);
        assert_eq!(log.turn(start + Duration::from_millis(999)), None);
        assert_eq!(log.turn(start + PERIOD), Some(2));
        assert_eq!(log.turn(start + PERIOD), None);
    }
}
