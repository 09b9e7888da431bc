//! A node's last failure, which is remembered when the node is well again.

use clusterer_node::UnixTime;
use clusterer_probe::{Cause, Transition};

/// A failure of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What failed: one of those of which [`Cause::is_failure`] is true.
    pub cause: Cause,
    /// When, by the wall clock.
    pub at: UnixTime,
}

impl Failure {
    /// What a transition that happened now says of that.
    pub(crate) const fn of(transition: &Transition, at: UnixTime) -> Option<Self> {
        let cause = transition.cause;
        if cause.is_failure() { Some(Self { cause, at }) } else { None }
    }
}
