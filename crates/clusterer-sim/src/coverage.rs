//! What a run, or a batch of runs, has been through.

use crate::faults::FAULTS;
use std::collections::BTreeMap;

/// How often each kind of thing was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    counts: BTreeMap<String, u64>,
}

/// What a batch must have seen, beside every kind of fault: what happens to links, to packets, to
/// stores and modules, and every transition of the table with each of its causes.
const EXPECTED: &[&str] = &[
    "link closed",
    "link connected",
    "link protocol",
    "link refused",
    "link reset",
    "link timed_out",
    "link unreachable",
    "module packet",
    "module temporarily_disabled",
    "module timeout",
    "packet auth",
    "packet malformed",
    "packet own_id",
    "packet sender_id",
    "module stranger",
    "packet unknown_command",
    "packet unknown_module",
    "packet version",
    "send full",
    "send part",
    "store conflict",
    "store failed",
    "store flushed",
    "store last_writer",
    "store loaded",
    "transition disabled -> down administrator",
    "transition disabled -> up administrator",
    "transition disabled -> up duration_over",
    "transition down -> up administrator",
    "transition probing -> disabled no_pong",
    "transition probing -> disabled refused",
    "transition probing -> disabled reported",
    "transition probing -> disabled timed_out",
    "transition probing -> down administrator",
    "transition probing -> probing no_pong",
    "transition probing -> probing refused",
    "transition probing -> probing reported",
    "transition probing -> probing timed_out",
    "transition probing -> up administrator",
    "transition probing -> up duration_over",
    "transition probing -> up success",
    "transition up -> disabled no_pong",
    "transition up -> disabled refused",
    "transition up -> disabled reported",
    "transition up -> disabled timed_out",
    "transition up -> down administrator",
    "transition up -> down reload",
    "transition up -> probing no_pong",
    "transition up -> probing protocol",
    "transition up -> probing refused",
    "transition up -> probing reload",
    "transition up -> probing reported",
    "transition up -> probing reset",
    "transition up -> probing timed_out",
    "transition up -> probing unreachable",
];

impl Coverage {
    pub(crate) fn note(&mut self, what: String) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Adds what another run has been through.
    pub fn add(&mut self, other: &Self) {
        for (what, count) in &other.counts {
            *self.counts.entry(what.clone()).or_default() += count;
        }
    }

    /// Everything taken, with how often.
    pub fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(what, &count)| (what.as_str(), count))
    }

    /// How often this was taken.
    #[must_use]
    pub fn count(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    /// What should have been taken and never was: a hole in a batch of a thousand runs.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let faults = FAULTS.iter().map(|kind| format!("fault {}", kind.name()));
        let expected = EXPECTED.iter().map(ToString::to_string).chain(faults);
        expected.filter(|what| !self.counts.contains_key(what)).collect()
    }
}
