//! The names of what is measured here. The facade's recorder is the program's affair.

use crate::tally::CALLBACK_SECONDS;
use clusterer_core::View;
use clusterer_node::{NodeKey, State};
use clusterer_registry::DropReason;
use metrics::{
    Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

const DB_UP: &str = "clusterer_db_up";
const DROPPED: &str = "clusterer_packets_dropped_total";
const MODULE_PANICS: &str = "clusterer_module_panics_total";
const MODULE_TIMEOUTS: &str = "clusterer_module_timeouts_total";
const NODE_STATE: &str = "clusterer_node_state";
const TRANSITIONS: &str = "clusterer_node_transitions_total";
const RELOADS: &str = "clusterer_reloads_total";
const ROWS_SKIPPED: &str = "clusterer_rows_skipped";

/// Describes everything this crate measures, to the recorder that is installed. Call it after installing
/// one; without it the metrics are there, undescribed. `clusterer_db_up` is shown from then on, as 0 until a
/// call of the store has succeeded.
pub fn describe_metrics() {
    describe_gauge!(DB_UP, "1 if the last call of the database succeeded, else 0");
    gauge!(DB_UP).increment(0);
    describe_counter!(DROPPED, "Packets received and not delivered, by reason");
    describe_histogram!(
        CALLBACK_SECONDS,
        Unit::Seconds,
        "How long callbacks of modules took, by module; one that takes many packets is one"
    );
    describe_counter!(MODULE_PANICS, "Module callbacks that panicked, by module");
    describe_counter!(MODULE_TIMEOUTS, "Nodes that were silent for longer than a module's timeout");
    describe_gauge!(
        NODE_STATE,
        "1 for the state a node is in: 0 down, 1 up, 2 probing or disabled"
    );
    describe_counter!(TRANSITIONS, "Changes of a node's state, by cause");
    describe_counter!(RELOADS, "Loads of the node table, by outcome");
    describe_gauge!(ROWS_SKIPPED, "Rows left out by the last load");
}

pub(crate) fn dropped(reason: &'static str, count: u64) {
    if count > 0 {
        counter!(DROPPED, "reason" => reason).increment(count);
    }
}

/// The counters of packets that are not delivered, taken from the recorder once.
#[derive(Debug)]
pub(crate) struct DropCounters {
    /// In the order of [`DropReason::all`].
    reasons: [Counter; REASONS],
    disabled: Counter,
}

const REASONS: usize = DropReason::all().len();

impl DropCounters {
    pub(crate) fn new() -> Self {
        let mut names = DropReason::all().iter().map(|reason| reason.name());
        let reasons = std::array::from_fn(|_| {
            names.next().map_or_else(Counter::noop, |name| counter!(DROPPED, "reason" => name))
        });
        Self { reasons, disabled: counter!(DROPPED, "reason" => "temporarily_disabled") }
    }
}

/// Packets that were read together and are not delivered.
#[derive(Debug, Default)]
pub(crate) struct DropTally {
    reasons: [u64; REASONS],
    pub(crate) disabled: u64,
}

impl DropTally {
    /// Returns whether these are the first of all, and so worth a look at whether to log.
    pub(crate) fn add(&mut self, reason: DropReason, count: u64) -> bool {
        let known = DropReason::all().iter().position(|&known| known == reason);
        let sum = known.and_then(|at| self.reasons.get_mut(at));
        sum.is_some_and(|sum| std::mem::replace(sum, *sum + count) == 0)
    }

    pub(crate) fn hand_over(&self, to: &DropCounters) {
        let reasons = to.reasons.iter().zip(self.reasons);
        for (counter, count) in reasons.chain([(&to.disabled, self.disabled)]) {
            if count > 0 {
                counter.increment(count);
            }
        }
    }
}

/// Of packets whose fields made no sense to their module.
pub(crate) fn malformed() -> Counter {
    counter!(DROPPED, "reason" => DropReason::Malformed.name())
}

/// Of packets for which a module's mailbox had no room.
pub(crate) fn module_busy() -> Counter {
    counter!(DROPPED, "reason" => "module_busy")
}

pub(crate) fn module_callbacks(module: &str) -> Histogram {
    histogram!(CALLBACK_SECONDS, "module" => module.to_owned())
}

pub(crate) fn module_panics(module: &str) -> Counter {
    counter!(MODULE_PANICS, "module" => module.to_owned())
}

pub(crate) fn transition(cause: &'static str) {
    counter!(TRANSITIONS, "cause" => cause).increment(1);
}

pub(crate) fn module_timeout() {
    counter!(MODULE_TIMEOUTS).increment(1);
}

pub(crate) fn loaded(skipped: usize) {
    counter!(RELOADS, "outcome" => "ok").increment(1);
    gauge!(ROWS_SKIPPED).set(u32::try_from(skipped).unwrap_or(u32::MAX));
}

/// Somebody wrote to the database, and changed nothing that matters here.
pub(crate) fn load_unchanged() {
    counter!(RELOADS, "outcome" => "unchanged").increment(1);
}

pub(crate) fn store_answered(well: bool) {
    gauge!(DB_UP).set(if well { 1 } else { 0 });
}

pub(crate) fn load_failed() {
    counter!(RELOADS, "outcome" => "failed").increment(1);
}

/// The view whose states are shown, so that only what has changed since is touched.
#[derive(Debug, Default)]
pub(crate) struct NodeStates {
    shown: Option<View>,
}

impl NodeStates {
    pub(crate) fn show(&mut self, view: &View) {
        match &self.shown {
            Some(shown) => show_changes(shown, view),
            None => view.nodes().for_each(|node| set(node.node.key(), Some(node.state()))),
        }
        self.shown = Some(view.clone());
    }
}

fn show_changes(former: &View, present: &View) {
    if let Some(changes) = present.changes_since(former) {
        let changes = changes.filter(|(from, to)| from.state() != to.state());
        return changes.for_each(|(_, to)| set(to.node.key(), Some(to.state())));
    }
    for node in present.nodes() {
        let (key, state) = (node.node.key(), Some(node.state()));
        if former.node(key).map(|node| node.state()) != state {
            set(key, state);
        }
    }
    for node in former.nodes() {
        let key = node.node.key();
        if present.node(key).is_none() {
            set(key, None);
        }
    }
}

fn set(node: NodeKey, state: Option<State>) {
    for each in [State::Down, State::Up, State::Probing] {
        let labels = [
            ("cluster_id", node.cluster.to_string()),
            ("machine_id", node.machine.to_string()),
            ("state", each.to_string()),
        ];
        gauge!(NODE_STATE, &labels).set(if state == Some(each) { 1 } else { 0 });
    }
}
