//! How a view shows clusters and their nodes.

use crate::statuses::{Status, Statuses};
use crate::{Failure, RoundTrip};
use clusterer_node::{
    Availability, Cluster, ClusterId, LinkId, LinkState, MachineId, Moment, Node, State, UnixTime,
};
use clusterer_registry::Volume;
use core::fmt;
use core::iter::FusedIterator;
use core::ops::Range;

/// A node as it stands: its row, its availability, its link. Lives as long as the [`View`](crate::View).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NodeView<'v> {
    /// Its row and address.
    pub node: &'v Node,
    /// Whether it is in use and reachable.
    pub availability: Availability,
    /// The link to it; `None` for a node that is never dialled.
    pub link: Option<LinkId>,
    /// What that link's connection is doing.
    pub link_state: LinkState,
    /// Since when it is down, up, probing or temporarily disabled, by the wall clock; for a node that has
    /// not changed that since, when it was first loaded.
    pub since: UnixTime,
    pub(crate) status: &'v Status,
}

impl NodeView<'_> {
    /// The state as the database and MI show it.
    #[must_use]
    pub const fn state(&self) -> State {
        self.availability.state()
    }

    /// Its last failure that this process has seen, be it well again or not.
    #[must_use]
    pub fn last_failure(&self) -> Option<Failure> {
        self.status.last_failure()
    }

    /// When it is dialled or pinged next; of one that is temporarily disabled, when it counts as up again;
    /// `None` if it is left alone. Like [`NodeView::round_trip`] and [`NodeView::sent_by_others`] this is the figure of
    /// now, however old the view is, of a node that is up or connected in it, or was ever sent to or reached; of
    /// another one, it is the view's. A moment that is over means that it happens in these milliseconds, or
    /// when a late answer has been judged.
    #[must_use]
    pub fn next_attempt(&self) -> Option<Moment> {
        self.status.next_attempt()
    }

    /// How long its pings took, by the link that it has; `None` if it has not answered one yet.
    #[must_use]
    pub fn round_trip(&self) -> Option<RoundTrip> {
        self.status.figures.as_ref()?.round_trip()
    }

    /// What modules that do not watch it have sent to it: those that are not registered for its cluster and
    /// protocol. What was queued on its link counts, also if that broke before it went out. Kept across reloads.
    #[must_use]
    pub fn sent_by_others(&self) -> Volume {
        self.status.figures.as_ref().map(|figures| figures.sent.read()).unwrap_or_default()
    }

    /// Counts a packet of so many bytes that such a module has queued for it. For drivers. Any thread; no lock, no
    /// allocation.
    pub fn count_sent_by_other(&self, bytes: usize) {
        if let Some(figures) = &self.status.figures {
            figures.sent.count(bytes);
        }
    }
}

/// A cluster as it stands. Lives as long as the [`View`](crate::View).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ClusterView<'v> {
    /// Its id.
    pub id: ClusterId,
    /// The other nodes, in database order.
    pub nodes: Nodes<'v>,
}

impl<'v> ClusterView<'v> {
    pub(crate) const fn new(cluster: &'v Cluster, statuses: &'v Statuses) -> Self {
        Self { id: cluster.id(), nodes: Nodes { cluster, statuses } }
    }

    /// The node of a machine, in one step however many there are.
    #[must_use]
    pub fn node(&self, machine: MachineId) -> Option<NodeView<'v>> {
        self.nodes.at(self.nodes.cluster.position(machine)?)
    }
}

/// The nodes of a cluster, to be gone through.
#[derive(Clone, Copy)]
pub struct Nodes<'v> {
    cluster: &'v Cluster,
    statuses: &'v Statuses,
}

impl<'v> Nodes<'v> {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.cluster.peers().len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each of them, in database order.
    #[must_use]
    pub const fn iter(&self) -> NodesIter<'v> {
        NodesIter { nodes: *self, left: 0..self.len() }
    }

    /// Those that may differ, of one cluster in two views of one table.
    pub(crate) fn changes(
        from: Self,
        to: Self,
    ) -> impl Iterator<Item = (NodeView<'v>, NodeView<'v>)> {
        let changed = to.statuses.changed(from.statuses);
        changed.filter_map(move |position| Some((from.at(position)?, to.at(position)?)))
    }

    fn at(&self, position: usize) -> Option<NodeView<'v>> {
        let node = self.cluster.peers().get(position)?;
        let status = self.statuses.get(position)?;
        Some(NodeView {
            node,
            availability: status.availability(),
            link: status.link(),
            link_state: status.link_state(),
            since: status.since(),
            status,
        })
    }
}

impl fmt::Debug for Nodes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<'v> IntoIterator for Nodes<'v> {
    type Item = NodeView<'v>;
    type IntoIter = NodesIter<'v>;

    fn into_iter(self) -> NodesIter<'v> {
        self.iter()
    }
}

impl<'v> IntoIterator for &Nodes<'v> {
    type Item = NodeView<'v>;
    type IntoIter = NodesIter<'v>;

    fn into_iter(self) -> NodesIter<'v> {
        self.iter()
    }
}

/// Goes through [`Nodes`].
#[derive(Clone, Debug)]
pub struct NodesIter<'v> {
    nodes: Nodes<'v>,
    left: Range<usize>,
}

impl<'v> Iterator for NodesIter<'v> {
    type Item = NodeView<'v>;

    fn next(&mut self) -> Option<NodeView<'v>> {
        self.nodes.at(self.left.next()?)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl DoubleEndedIterator for NodesIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.nodes.at(self.left.next_back()?)
    }
}

impl ExactSizeIterator for NodesIter<'_> {}

impl FusedIterator for NodesIter<'_> {}
