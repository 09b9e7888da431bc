//! What changes of the nodes of a cluster, for many readers: a copy shares all that is the same.

use crate::Failure;
use crate::figures::Figures;
use alloc::sync::Arc;
use alloc::vec::Vec;
use clusterer_node::{AdminState, Availability, LinkId, LinkState, Moment, Reachability, UnixTime};
use clusterer_probe::Cause;

/// What of a node changes while its row stays. Each of a hundred thousand nodes has one, so it is kept flat.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    last_attempt: UnixTime,
    since: UnixTime,
    /// Means something only with a cause.
    failed_at: UnixTime,
    /// Of a node with figures, these know better. [`NEVER`] if nothing is planned.
    next_attempt: Moment,
    /// Of a node that can be sent to, or has ever been sent to or reached.
    pub(crate) figures: Option<Arc<Figures>>,
    no_tries: u32,
    /// Means something only with a state.
    link: LinkId,
    link_state: Option<LinkState>,
    admin: AdminState,
    reachability: Reachability,
    failed: Option<Cause>,
}

/// A status as whoever draws one knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draft {
    pub(crate) availability: Availability,
    /// The link, if it is dialled, and what its connection is doing.
    pub(crate) link: Option<(LinkId, LinkState)>,
    pub(crate) since: UnixTime,
    pub(crate) last_failure: Option<Failure>,
    pub(crate) next_attempt: Option<Moment>,
}

const NEVER: Moment = Moment::from_millis(u64::MAX);
const NOWHERE: LinkId = LinkId { index: u32::MAX, generation: u32::MAX };

impl Status {
    pub(crate) fn new(draft: &Draft, figures: Option<Arc<Figures>>) -> Self {
        let Draft { availability, link, since, last_failure, next_attempt } = *draft;
        let Availability { admin, reachability, no_tries, last_attempt } = availability;
        Self {
            last_attempt,
            since,
            failed_at: last_failure.map_or(UnixTime::ZERO, |failure| failure.at),
            next_attempt: next_attempt.unwrap_or(NEVER),
            figures,
            no_tries,
            link: link.map_or(NOWHERE, |(link, _)| link),
            link_state: link.map(|(_, state)| state),
            admin,
            reachability,
            failed: last_failure.map(|failure| failure.cause),
        }
    }

    pub(crate) const fn availability(&self) -> Availability {
        let Self { admin, reachability, no_tries, last_attempt, .. } = *self;
        Availability { admin, reachability, no_tries, last_attempt }
    }

    pub(crate) fn link(&self) -> Option<LinkId> {
        self.link_state.map(|_| self.link)
    }

    pub(crate) fn link_state(&self) -> LinkState {
        self.link_state.unwrap_or(LinkState::Idle)
    }

    pub(crate) const fn since(&self) -> UnixTime {
        self.since
    }

    pub(crate) fn last_failure(&self) -> Option<Failure> {
        self.failed.map(|cause| Failure { cause, at: self.failed_at })
    }

    pub(crate) fn next_attempt(&self) -> Option<Moment> {
        match &self.figures {
            Some(figures) => figures.next_attempt(),
            None => Some(self.next_attempt).filter(|&at| at != NEVER),
        }
    }
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

    const DRAFT: Draft = Draft {
        availability: Availability {
            admin: AdminState::Enabled,
            reachability: Reachability::Up,
            no_tries: 0,
            last_attempt: UnixTime::ZERO,
        },
        link: None,
        since: UnixTime::ZERO,
        last_failure: None,
        next_attempt: None,
    };

    fn status(no_tries: u32) -> Status {
        let availability = Availability { no_tries, ..DRAFT.availability };
        Status::new(&Draft { availability, ..DRAFT }, None)
    }

    #[test]
    fn a_change_is_seen_by_later_copies_only_and_copies_one_block() {
        let count = 2 * BLOCK + 3;
        let mut statuses: Statuses = core::iter::repeat_n(status(0), count).collect();
        let former = statuses.clone();
        for position in [BLOCK, count - 1] {
            *statuses.get_mut(position).unwrap() = status(7);
            assert_eq!(statuses.get(position).unwrap().no_tries, 7);
            assert_eq!(former.get(position).unwrap().no_tries, 0);
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
