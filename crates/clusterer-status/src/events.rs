//! The last events, for people who come later.

use crate::wall::{Seconds, Wall};
use clusterer::{Event, EventKind, Moment, NodeKey};
use serde::Serialize;
use std::collections::VecDeque;

/// How many events are kept.
pub const EVENTS: usize = 200;

/// The last [`EVENTS`] events, each with a number that grows.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    told: u64,
    kept: VecDeque<Told>,
}

/// An event as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    number: u64,
    time_unix_seconds: Seconds,
    kind: &'static str,
    cluster_id: Option<i32>,
    machine_id: Option<i32>,
    text: String,
}

impl Recent {
    pub(crate) fn tell(&mut self, wall: &Wall, event: &Event) {
        let (kind, node) = sort(&event.kind);
        self.push(wall.time(event.at), kind, node, event.kind.to_string());
    }

    pub(crate) fn tell_missed(&mut self, wall: &Wall, at: Moment, missed: u64) {
        let text = format!("{missed} events came too fast to be kept");
        self.push(wall.time(at), "missed", None, text);
    }

    /// The number of the last event; 0 before the first.
    pub(crate) const fn last(&self) -> u64 {
        self.told
    }

    /// Those after the one with this number, the oldest first.
    pub(crate) fn after(&self, number: u64) -> Vec<&Told> {
        self.kept.iter().filter(|told| told.number > number).collect()
    }

    fn push(&mut self, at: Seconds, kind: &'static str, node: Option<NodeKey>, text: String) {
        if self.kept.len() == EVENTS {
            self.kept.pop_front();
        }
        self.told = self.told.saturating_add(1);
        self.kept.push_back(Told {
            number: self.told,
            time_unix_seconds: at,
            kind,
            cluster_id: node.map(|node| node.cluster.get()),
            machine_id: node.map(|node| node.machine.get()),
            text,
        });
    }
}

fn sort(kind: &EventKind) -> (&'static str, Option<NodeKey>) {
    match kind {
        EventKind::LinkChanged { node, .. } => ("link_changed", Some(*node)),
        EventKind::ModuleRegistered(_) => ("module_registered", None),
        EventKind::ModuleTimeout { node, .. } => ("module_timeout", Some(*node)),
        EventKind::NodeAdded { node, .. } => ("node_added", Some(node.key())),
        EventKind::NodeRemoved(node) => ("node_removed", Some(node.key())),
        EventKind::NodeReplaced { to, .. } => ("node_replaced", Some(to.key())),
        EventKind::ReloadFailed(_) => ("reload_failed", None),
        EventKind::Reloaded(_) => ("reloaded", None),
        EventKind::StateChanged(transition) => ("state_changed", Some(transition.node)),
        _ => ("other", None),
    }
}
