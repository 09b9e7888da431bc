//! Log lines that a peer can cause: at most one a second a source, of a bounded number of sources. And
//! those that a module can cause: at most one a second.

use clusterer_node::Moment;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const PAUSE: Duration = Duration::from_secs(1);
/// Sources remembered. More than that in one second are silent together.
const SOURCES: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct LogLimit {
    last: Mutex<HashMap<IpAddr, Moment>>,
}

impl LogLimit {
    /// Whether a line about this source may be written now.
    pub(crate) fn allows(&self, source: IpAddr, now: Moment) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(&source).is_some_and(|&last| now.since(last) < PAUSE) {
            return false;
        }
        if last.len() >= SOURCES {
            last.retain(|_, last| now.since(*last) < PAUSE);
            if last.len() >= SOURCES {
                return false;
            }
        }
        last.insert(source, now);
        true
    }
}

/// Lines of one kind and one origin.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    last: Option<Moment>,
    suppressed: u64,
}

impl Pace {
    /// Whether a line may be written now: then, how many were not since the last one.
    pub(crate) fn allows(&mut self, now: Moment) -> Option<u64> {
        if self.last.is_some_and(|last| now.since(last) < PAUSE) {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_says_how_many_lines_there_would_have_been() {
        let mut pace = Pace::default();
        let mut allows = |millis| pace.allows(Moment::from_millis(millis));
        assert_eq!(allows(500), Some(0));
        assert_eq!((allows(501), allows(1_499)), (None, None));
        assert_eq!(allows(1_500), Some(2));
        assert_eq!(allows(2_500), Some(0));
    }

    #[test]
    fn one_line_a_second_a_source_and_a_bounded_number_of_sources() {
        let limit = LogLimit::default();
        let at = Moment::from_millis;
        let ip = |n: u32| IpAddr::from(n.to_be_bytes());
        assert!(limit.allows(ip(1), at(0)));
        assert!(!limit.allows(ip(1), at(999)));
        assert!(limit.allows(ip(1), at(1_000)));
        let allowed = (2..5_000).filter(|&n| limit.allows(ip(n), at(1_500))).count();
        assert_eq!(allowed, SOURCES - 1);
        assert!(limit.allows(ip(9_999), at(3_000)), "old sources make room");
    }
}
