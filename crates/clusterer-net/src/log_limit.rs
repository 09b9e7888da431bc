//! Log lines that a peer can cause, at most one a second.

use clusterer_node::Moment;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct LogLimit {
    last: Option<Moment>,
    suppressed: u64,
}

impl LogLimit {
    /// Whether to log now, and then how many lines were left out since the last one.
    pub(crate) fn allow(&mut self, now: Moment) -> Option<u64> {
        if self.last.is_some_and(|last| now.since(last) < EVERY) {
            self.suppressed += 1;
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
    fn allows_one_a_second_and_says_how_many_were_left_out() {
        let mut limit = LogLimit::default();
        let at = Moment::from_millis;
        assert_eq!(limit.allow(at(5)), Some(0));
        assert_eq!(limit.allow(at(6)), None);
        assert_eq!(limit.allow(at(1004)), None);
        assert_eq!(limit.allow(at(1005)), Some(2));
        assert_eq!(limit.allow(at(2005)), Some(0));
    }
}
