//! What views show, redrawn as far as it has changed. A new one shares the rest with those before it.

use crate::Failure;
use crate::figures::Figures;
use crate::statuses::{Draft, Status, Statuses};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use clusterer_node::{
    AdminState, Availability, Cluster, LinkId, LinkState, NodeKey, Reachability, State, Table,
    UnixTime,
};
use clusterer_probe::{Prober, Transition};
use core::time::Duration;

/// The last view's table and statuses, and what has changed since.
#[derive(Debug)]
pub(crate) struct Picture {
    table: Arc<Table>,
    /// One for each of the table's clusters.
    clusters: Vec<Statuses>,
    nodes: BTreeMap<NodeKey, News>,
    /// When another table was loaded, if one was.
    loaded: Option<UnixTime>,
    /// Something has changed, be it none of the nodes.
    stale: bool,
}

/// What has become of a node since the last view, as far as the prober does not remember it.
#[derive(Clone, Copy, Debug, Default)]
struct News {
    /// When it came into the state in which it is.
    since: Option<UnixTime>,
    failure: Option<Failure>,
}

impl Picture {
    /// Nothing was ever shown.
    pub(crate) const fn new(empty: Arc<Table>) -> Self {
        Self {
            table: empty,
            clusters: Vec::new(),
            nodes: BTreeMap::new(),
            loaded: None,
            stale: true,
        }
    }

    pub(crate) const fn table(&mut self, at: UnixTime) {
        (self.loaded, self.stale) = (Some(at), true);
    }

    pub(crate) const fn modules(&mut self) {
        self.stale = true;
    }

    /// A node's availability changed just now.
    pub(crate) fn changed(&mut self, transition: &Transition, at: UnixTime) {
        let news = self.nodes.entry(transition.node).or_default();
        if is_another_state(&transition.from, &transition.to) {
            news.since = Some(at);
        }
        if let Some(failure) = Failure::of(transition, at) {
            news.failure = Some(failure);
        }
        self.stale = true;
    }

    /// Something happened to a link: all of its nodes show it.
    pub(crate) fn link(&mut self, prober: &Prober, link: LinkId) {
        for &node in prober.nodes_of(link) {
            self.nodes.entry(node).or_default();
        }
        self.stale = true;
    }

    /// A ping is sent on a link. No view changes by that, since it happens all the time.
    pub(crate) fn pinged(&self, prober: &Prober, link: LinkId) {
        for &node in prober.nodes_of(link) {
            if let Some(figures) = self.figures(node) {
                figures.plan(prober.next_attempt(node));
            }
        }
    }

    /// A ping was answered. No view changes by that.
    pub(crate) fn answered(&self, prober: &Prober, link: LinkId, took: Duration) {
        let figures = prober.nodes_of(link).iter().filter_map(|&node| self.figures(node));
        figures.for_each(|figures| figures.answered(took));
    }

    /// The statuses of a new view of this table; `None` if the last one is up to date.
    pub(crate) fn take(&mut self, table: &Arc<Table>, prober: &Prober) -> Option<Vec<Statuses>> {
        if !core::mem::take(&mut self.stale) {
            return None;
        }
        let nodes = core::mem::take(&mut self.nodes);
        if let Some(at) = self.loaded.take() {
            self.draw(table, prober, &nodes, at);
        } else {
            nodes.into_iter().for_each(|(node, news)| self.redraw(prober, node, news));
        }
        Some(self.clusters.clone())
    }

    fn draw(
        &mut self,
        table: &Arc<Table>,
        prober: &Prober,
        news: &BTreeMap<NodeKey, News>,
        loaded: UnixTime,
    ) {
        let status = |node: NodeKey| {
            let news = news.get(&node).copied().unwrap_or_default();
            status_of(prober, node, self.shown(node), news, loaded)
        };
        let draw = |cluster: &Cluster| cluster.peers().iter().map(|it| status(it.key())).collect();
        self.clusters = table.clusters().iter().map(draw).collect();
        self.table = table.clone();
    }

    fn redraw(&mut self, prober: &Prober, node: NodeKey, news: News) {
        let Some((cluster, position)) = self.place(node) else { return };
        if let Some(statuses) = self.clusters.get_mut(cluster)
            && let Some(shown) = statuses.get_mut(position)
        {
            *shown = status_of(prober, node, Some(shown), news, shown.since());
        }
    }

    fn place(&self, node: NodeKey) -> Option<(usize, usize)> {
        let cluster = self.table.position(node.cluster)?;
        Some((cluster, self.table.clusters().get(cluster)?.position(node.machine)?))
    }

    fn shown(&self, node: NodeKey) -> Option<&Status> {
        let (cluster, position) = self.place(node)?;
        self.clusters.get(cluster)?.get(position)
    }

    fn figures(&self, node: NodeKey) -> Option<&Figures> {
        self.shown(node)?.figures.as_deref()
    }
}

/// How a node is shown that was shown before, or is first shown with a table loaded then.
fn status_of(
    prober: &Prober,
    node: NodeKey,
    shown: Option<&Status>,
    news: News,
    loaded: UnixTime,
) -> Status {
    // The prober knows every node of the table; of another one, nothing would be sent there.
    const UNKNOWN: Availability = Availability {
        admin: AdminState::Down,
        reachability: Reachability::Up,
        no_tries: 0,
        last_attempt: UnixTime::ZERO,
    };
    let availability = prober.availability(node).copied().unwrap_or(UNKNOWN);
    let link = prober.link_of(node).and_then(|link| Some((link, prober.link_state(link)?)));
    let failure = shown.and_then(Status::last_failure);
    let draft = Draft {
        availability,
        link,
        since: news.since.or(shown.map(Status::since)).unwrap_or(loaded),
        last_failure: news.failure.or(failure),
        next_attempt: prober.next_attempt(node),
    };
    Status::new(&draft, figures_of(&draft, shown))
}

/// The figures of a node that is to be shown so: those that it had, or new ones if there is something to count.
/// One that was tried in vain needs none; what somebody with an older view counts for it in that very moment is
/// not shown.
fn figures_of(draft: &Draft, shown: Option<&Status>) -> Option<Arc<Figures>> {
    let counts = match draft.link {
        Some((_, LinkState::Open)) => draft.availability.admin == AdminState::Enabled,
        Some(_) => draft.availability.state() == State::Up,
        None => false,
    };
    let known = shown.and_then(|shown| shown.figures.clone());
    let figures = match known.filter(|known| counts || known.is_worth_keeping()) {
        Some(known) => known,
        None if counts => Arc::new(Figures::new()),
        None => return None,
    };
    figures.plan(draft.next_attempt);
    if shown.is_some_and(|shown| shown.link() != draft.link.map(|(link, _)| link)) {
        figures.forget_round_trip();
    }
    Some(figures)
}

/// Whether people would call it another state. What probing found means nothing while an administrator has a
/// node down.
fn is_another_state(from: &Availability, to: &Availability) -> bool {
    let (was, is) = (from.state(), to.state());
    was != is || is == State::Probing && from.reachability != to.reachability
}

#[cfg(test)]
mod tests {
    use crate::{Core, Input, NodeView, Settings};
    use alloc::format;
    use alloc::vec::Vec;
    use clusterer_node::{Cell, MachineId, Now, RawRow, ResolvedRow, Row, Table, UnixTime};

    #[test]
    fn nodes_that_are_left_alone_have_no_figures() {
        let rows = [(1, "bin", 1), (2, "bin", 1), (3, "bin", 0), (4, "udp", 1), (5, "udp", 2)];
        let rows = rows.map(|(id, protocol, state)| {
            let raw = RawRow {
                id: Cell::Int(id),
                cluster_id: Cell::Int(1),
                machine_id: Cell::Int(id),
                url: Cell::Text(format!("{protocol}:127.0.0.{id}:5566")),
                state: Cell::Int(state),
                ..RawRow::default()
            };
            let row = Row::parse(&raw, UnixTime::ZERO).unwrap().row;
            ResolvedRow { row, ip: format!("127.0.0.{id}").parse().unwrap() }
        });
        let own = MachineId::new(1).unwrap();
        let mut core = Core::new(own, Settings::default(), 0);
        let (table, _) = Table::build(own, rows.into());
        core.handle(Now::default(), Input::Loaded(table), &mut Vec::new());
        let view = core.take_view().unwrap();
        let those = |is: fn(&NodeView<'_>) -> bool| -> Vec<i32> {
            view.nodes().filter(is).map(|node| node.node.row.machine.get()).collect()
        };
        let planned = those(|node| node.next_attempt().is_some());
        assert_eq!(planned, [2, 5], "one is dialled, the other counts as up after its duration");
        assert_eq!(
            those(|node| node.status.figures.is_some()),
            [2],
            "nothing is sent to the others"
        );
    }
}
