//! How probes ended, counted.

use crate::Cause;
use clusterer_node::LinkFailure;

/// The ways in which a probe ends.
const ENDS: [Cause; 8] = [
    Cause::Success,
    Cause::NoPong,
    Cause::LinkFailed(LinkFailure::Refused),
    Cause::LinkFailed(LinkFailure::Reset),
    Cause::LinkFailed(LinkFailure::TimedOut),
    Cause::LinkFailed(LinkFailure::Unreachable),
    Cause::LinkFailed(LinkFailure::Protocol),
    Cause::LinkFailed(LinkFailure::Other),
];

/// How often links were found well, and how often they failed, each way: pings, attempts to connect, and
/// connections that broke. Several nodes may share a link. Only ever grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    counts: [u64; ENDS.len()],
}

impl Outcomes {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { counts: [0; ENDS.len()] }
    }

    /// Each way, and how often it was that.
    pub fn iter(&self) -> impl Iterator<Item = (Cause, u64)> {
        ENDS.into_iter().zip(self.counts)
    }

    pub(crate) fn note(&mut self, end: Cause) {
        let of = ENDS.iter().position(|&known| known == end);
        if let Some(count) = of.and_then(|at| self.counts.get_mut(at)) {
            *count += 1;
        }
    }
}
