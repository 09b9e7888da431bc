//! The node at one moment, with what was last told of it.

use crate::sections::Drawn;
use clusterer::{
    Cluster, Moment, NodeView, Provisioning, Registration, RoundTrip, View, Volume, Watched,
};
use std::sync::Arc;

/// The node as it was drawn last. Everything in it has the version at which it changed last, so that a
/// reader needs to keep nothing but the version that it has seen.
#[derive(Debug)]
pub(crate) struct Drawing {
    pub(crate) at: Moment,
    pub(crate) version: u64,
    /// When a cluster, node, module or section came or went: a reader begins anew.
    pub(crate) layout_version: u64,
    pub(crate) view: Arc<View>,
    /// One for each of the view's nodes, in its order.
    pub(crate) nodes: Vec<ShownNode>,
    pub(crate) modules: Vec<ShownModule>,
    pub(crate) sections: Arc<Drawn>,
    pub(crate) sections_version: u64,
    pub(crate) provisioning: Arc<Provisioning>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ShownNode {
    pub(crate) figures: Figures,
    pub(crate) version: u64,
}

/// What changes all the time, and is told with the beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) next_attempt: Option<Moment>,
    pub(crate) round_trip: Option<RoundTrip>,
    pub(crate) received: Volume,
    pub(crate) sent: Volume,
    pub(crate) queued_bytes: usize,
}

#[derive(Debug)]
pub(crate) struct ShownModule {
    pub(crate) registration: Registration,
    pub(crate) watched: Vec<Watched>,
    pub(crate) version: u64,
}

/// How much of a new drawing is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// What happened.
    Facts,
    /// Figures too.
    Everything,
}

impl Drawing {
    /// Draws the node, all of it as this version.
    pub(crate) fn of(cluster: &Cluster, at: Moment, sections: Arc<Drawn>, version: u64) -> Self {
        let view = cluster.view();
        let modules = view.modules();
        let nodes = view.nodes().map(|node| {
            let key = node.node.key();
            let figures = Figures {
                next_attempt: node.next_attempt(),
                round_trip: node.round_trip(),
                received: modules.received(key),
                sent: modules.sent(key).plus(node.sent_by_others()),
                queued_bytes: node.link.map_or(0, |link| cluster.queued_bytes(link)),
            };
            ShownNode { figures, version }
        });
        let registrations = modules.registrations().map(|registration| ShownModule {
            registration: registration.clone(),
            watched: modules.watched(registration, at).collect(),
            version,
        });
        Self {
            at,
            version,
            layout_version: version,
            nodes: nodes.collect(),
            modules: registrations.collect(),
            sections,
            sections_version: version,
            provisioning: cluster.provisioning(),
            view,
        }
    }

    /// Becomes `new`, in which what does not differ gets the version it had. Figures that are not to be told
    /// yet stay as they were told. Everything is the new version also if nothing differs: then that is what is
    /// told.
    pub(crate) fn take(&mut self, mut new: Self, depth: Depth) {
        let version = new.version;
        if self.has_layout(&new) {
            let is_told = self.compare(&mut new, depth) || depth == Depth::Everything;
            new.layout_version = self.layout_version;
            new.version = if is_told { version } else { self.version };
        }
        *self = new;
    }

    /// Gives what does not differ in `new` its version. Returns whether something does.
    fn compare(&mut self, new: &mut Self, depth: Depth) -> bool {
        let everything = depth == Depth::Everything;
        let mut differs = !Arc::ptr_eq(&self.provisioning, &new.provisioning);
        let views = self.view.nodes().zip(new.view.nodes());
        for ((from, to), (old, new)) in views.zip(self.nodes.iter().zip(&mut new.nodes)) {
            if is_same(&from, &to) && (!everything || old.figures == new.figures) {
                *new = *old;
            } else {
                differs = true;
            }
        }
        for (old, new) in self.modules.iter_mut().zip(&mut new.modules) {
            if (everything && old.watched != new.watched) || gates(old).ne(gates(new)) {
                differs = true;
            } else {
                (new.watched, new.version) = (std::mem::take(&mut old.watched), old.version);
            }
        }
        if !everything || has_same_text(&self.sections, &new.sections) {
            new.sections = self.sections.clone();
            new.sections_version = self.sections_version;
        }
        differs
    }

    /// Whether the same things are shown, in the same order.
    fn has_layout(&self, new: &Self) -> bool {
        let clusters = |it: &Self| it.view.clusters().map(|it| it.id).collect::<Vec<_>>();
        let key = |it: NodeView<'_>| it.node.key();
        let registrations = self.modules.iter().map(|it| &it.registration);
        clusters(self) == clusters(new)
            && self.view.nodes().map(key).eq(new.view.nodes().map(key))
            && registrations.eq(new.modules.iter().map(|it| &it.registration))
            && self.sections.keys().eq(new.sections.keys())
    }
}

fn is_same(old: &NodeView<'_>, new: &NodeView<'_>) -> bool {
    (std::ptr::eq(old.node, new.node) || old.node == new.node)
        && old.availability == new.availability
        && old.link.is_some() == new.link.is_some()
        && old.link_state == new.link_state
        && old.since == new.since
        && old.last_failure() == new.last_failure()
}

/// Until when each node is shut out, which is no figure.
fn gates(module: &ShownModule) -> impl Iterator<Item = Option<Moment>> {
    module.watched.iter().map(|watched| watched.shut_until)
}

fn has_same_text(old: &Drawn, new: &Drawn) -> bool {
    old.values().map(|text| text.get()).eq(new.values().map(|text| text.get()))
}
