//! What of the last view is out of date. A new one shares with it the clusters in which nothing changed.

use crate::table::TableView;
use crate::view::{ClusterView, NodeView};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use clusterer_node::{LinkId, LinkState, Node, NodeKey};
use clusterer_probe::Prober;

/// The last view's clusters, and what has changed since.
#[derive(Debug)]
pub(crate) struct Picture {
    clusters: Vec<Arc<ClusterView>>,
    /// Where each node stands in there.
    places: BTreeMap<NodeKey, (usize, usize)>,
    nodes: BTreeSet<NodeKey>,
    table: bool,
    /// Something has changed, be it none of the nodes.
    stale: bool,
}

impl Default for Picture {
    /// Nothing was ever shown.
    fn default() -> Self {
        let (clusters, places, nodes) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        Self { clusters, places, nodes, table: true, stale: true }
    }
}

impl Picture {
    pub(crate) const fn table(&mut self) {
        (self.table, self.stale) = (true, true);
    }

    pub(crate) const fn modules(&mut self) {
        self.stale = true;
    }

    pub(crate) fn node(&mut self, node: NodeKey) {
        self.nodes.insert(node);
        self.stale = true;
    }

    /// Something happened to a link: all of its nodes show it.
    pub(crate) fn link(&mut self, prober: &Prober, link: LinkId) {
        self.nodes.extend(prober.nodes_of(link));
        self.stale = true;
    }

    /// The clusters of a new view; `None` if the last one is up to date.
    pub(crate) fn take(
        &mut self,
        table: &TableView,
        prober: &Prober,
    ) -> Option<Vec<Arc<ClusterView>>> {
        if !core::mem::take(&mut self.stale) {
            return None;
        }
        let nodes = core::mem::take(&mut self.nodes);
        if core::mem::take(&mut self.table) {
            self.draw(table, prober);
        } else {
            nodes.into_iter().for_each(|node| self.redraw(prober, node));
        }
        Some(self.clusters.clone())
    }

    fn draw(&mut self, table: &TableView, prober: &Prober) {
        let clusters = table.clusters.iter().map(|(id, nodes)| {
            let nodes = nodes.iter().filter_map(|node| view_of(prober, node)).collect();
            Arc::new(ClusterView { id: *id, nodes })
        });
        self.clusters = clusters.collect();
        let places = self.clusters.iter().enumerate().flat_map(|(cluster, shown)| {
            let nodes = shown.nodes.iter().enumerate();
            nodes.map(move |(at, view)| (view.node.key(), (cluster, at)))
        });
        self.places = places.collect();
    }

    fn redraw(&mut self, prober: &Prober, node: NodeKey) {
        let Some(&(cluster, at)) = self.places.get(&node) else { return };
        let Some(cluster) = self.clusters.get_mut(cluster) else { return };
        // Copied once for all its nodes: the published view holds the former one.
        if let Some(shown) = Arc::make_mut(cluster).nodes.get_mut(at)
            && let Some(view) = view_of(prober, &shown.node)
        {
            *shown = view;
        }
    }
}

fn view_of(prober: &Prober, node: &Arc<Node>) -> Option<NodeView> {
    let availability = *prober.availability(node.key())?;
    let link = prober.link_of(node.key());
    let state = link.and_then(|link| prober.link_state(link));
    Some(NodeView::new(node.clone(), availability, link, state.unwrap_or(LinkState::Idle)))
}
