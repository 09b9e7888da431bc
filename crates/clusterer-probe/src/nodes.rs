//! The nodes of a prober: all replaced at once, looked up at any time.

use crate::Target;
use alloc::vec::Vec;
use clusterer_node::{Availability, LinkId, NodeKey, StoredStatus};
use core::time::Duration;

/// What is known of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probed {
    pub(crate) node: NodeKey,
    pub(crate) max_failures: u32,
    /// How long it stays disabled, milliseconds.
    duration: u64,
    pub(crate) availability: Availability,
    /// The slot of its link, or [`NOWHERE`].
    link: u32,
}

/// Of a node that is never dialled.
const NOWHERE: u32 = u32::MAX;

impl Probed {
    pub(crate) fn new(target: &Target, availability: Availability, link: Option<LinkId>) -> Self {
        let Target { node, max_failures, duration, .. } = *target;
        let link = link.map_or(NOWHERE, |link| link.index);
        Self { node, max_failures, duration: millis(duration), availability, link }
    }

    /// Whether a row says of this node what is known.
    pub(crate) fn is_told_by(&self, target: &Target, status: StoredStatus) -> bool {
        let Availability { no_tries, last_attempt, .. } = self.availability;
        let is = StoredStatus { state: self.availability.state(), no_tries, last_attempt };
        let limits = (self.max_failures, self.duration, self.link().is_some());
        let Target { max_failures, duration, address, .. } = *target;
        is == status && limits == (max_failures, millis(duration), address.is_some())
    }

    /// The slot of its link, which stays its own while it has it; `None` for one that is never dialled.
    pub(crate) fn link(&self) -> Option<u32> {
        Some(self.link).filter(|&slot| slot != NOWHERE)
    }

    pub(crate) const fn duration(&self) -> Duration {
        Duration::from_millis(self.duration)
    }
}

/// The nodes, in order of their keys.
#[derive(Debug, Default)]
pub(crate) struct Nodes(Vec<Probed>);

impl Nodes {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// These nodes, whose keys differ.
    pub(crate) fn of(mut nodes: Vec<Probed>) -> Self {
        nodes.sort_unstable_by_key(|probed| probed.node);
        nodes.shrink_to_fit();
        Self(nodes)
    }

    pub(crate) fn get(&self, node: NodeKey) -> Option<&Probed> {
        self.0.get(self.position(node)?)
    }

    pub(crate) fn get_mut(&mut self, node: NodeKey) -> Option<&mut Probed> {
        let position = self.position(node)?;
        self.0.get_mut(position)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Probed> {
        self.0.iter()
    }

    fn position(&self, node: NodeKey) -> Option<usize> {
        self.0.binary_search_by_key(&node, |probed| probed.node).ok()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There may be a hundred thousand.
    #[test]
    fn a_node_costs_40_bytes() {
        assert_eq!(size_of::<Probed>(), 40);
    }
}
