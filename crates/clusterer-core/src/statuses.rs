//! What changes of the nodes of a cluster, for many readers: a copy shares all that is the same.

use crate::Failure;
use crate::figures::Figures;
use alloc::sync::Arc;
use alloc::vec::Vec;
use clusterer_node::{Availability, LinkId, LinkState, UnixTime};

/// What of a node changes while its row stays.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) availability: Availability,
    pub(crate) link: Option<LinkId>,
    pub(crate) link_state: LinkState,
    pub(crate) since: UnixTime,
    pub(crate) last_failure: Option<Arc<Failure>>,
    /// Of a node that is dialled, or was.
    pub(crate) figures: Option<Arc<Figures>>,
}

/// How many are copied when one of them changes.
pub(crate) const BLOCK: usize = 128;

/// The statuses of a cluster's nodes, in their order. Cheap to copy, and to change after that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statuses {
    /// All but the last are full.
    blocks: Vec<Arc<[Status]>>,
}

impl Statuses {
    pub(crate) fn get(&self, position: usize) -> Option<&Status> {
        self.blocks.get(position / BLOCK)?.get(position % BLOCK)
    }

    /// A status to be changed: its block is copied first, if somebody shares it.
    pub(crate) fn get_mut(&mut self, position: usize) -> Option<&mut Status> {
        Arc::make_mut(self.blocks.get_mut(position / BLOCK)?).get_mut(position % BLOCK)
    }

    /// The positions that may have changed between two copies.
    pub(crate) fn changed<'s>(&'s self, former: &'s Self) -> impl Iterator<Item = usize> + 's {
        let pairs = self.blocks.iter().zip(&former.blocks).enumerate();
        let changed = pairs.filter(|(_, (present, former))| !Arc::ptr_eq(present, former));
        changed.flat_map(|(block, (present, _))| {
            let first = block * BLOCK;
            first..first + present.len()
        })
    }
}

impl FromIterator<Status> for Statuses {
    fn from_iter<I: IntoIterator<Item = Status>>(statuses: I) -> Self {
        let mut statuses = statuses.into_iter();
        let block = || {
            let block: Arc<[Status]> = statuses.by_ref().take(BLOCK).collect();
            Some(block).filter(|block| !block.is_empty())
        };
        let mut blocks: Vec<Arc<[Status]>> = core::iter::from_fn(block).collect();
        blocks.shrink_to_fit();
        Self { blocks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterer_node::{AdminState, Reachability};

    const STATUS: Status = Status {
        availability: Availability {
            admin: AdminState::Enabled,
            reachability: Reachability::Up,
            no_tries: 0,
            last_attempt: UnixTime::ZERO,
        },
        link: None,
        link_state: LinkState::Idle,
        since: UnixTime::ZERO,
        last_failure: None,
        figures: None,
    };

    #[test]
    fn a_change_is_seen_by_later_copies_only_and_copies_one_block() {
        let count = 2 * BLOCK + 3;
        let mut statuses: Statuses = core::iter::repeat_n(STATUS, count).collect();
        let former = statuses.clone();
        for position in [BLOCK, count - 1] {
            statuses.get_mut(position).unwrap().link_state = LinkState::Open;
            assert_eq!(statuses.get(position).unwrap().link_state, LinkState::Open);
            assert_eq!(former.get(position).unwrap().link_state, LinkState::Idle);
        }
        let changed: Vec<usize> = statuses.changed(&former).collect();
        assert_eq!(changed, (BLOCK..count).collect::<Vec<_>>());
        assert_eq!(statuses.changed(&statuses).count(), 0);
        assert!(statuses.get(count).is_none());
    }

    /// Each of a hundred thousand nodes has one.
    #[test]
    fn a_status_costs_56_bytes() {
        assert_eq!(size_of::<Status>(), 56);
    }
}
