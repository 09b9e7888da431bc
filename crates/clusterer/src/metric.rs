//! The names of what is measured here. The facade's recorder is the program's affair.

use crate::tally::CALLBACK_SECONDS;
use clusterer_core::{Cause, Outcomes};
use clusterer_node::Flushed;
use clusterer_registry::DropReason;
use metrics::{
    Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

const DB_UP: &str = "clusterer_db_up";
const DROPPED: &str = "clusterer_packets_dropped_total";
const FLUSHES: &str = "clusterer_flushes_total";
const FLUSH_CONFLICTS: &str = "clusterer_flush_conflicts_total";
const FLUSHED_ROWS: &str = "clusterer_flushed_rows_total";
const MODULE_PANICS: &str = "clusterer_module_panics_total";
const MODULE_TIMEOUTS: &str = "clusterer_module_timeouts_total";
const PROBES: &str = "clusterer_probes_total";
const TRANSITIONS: &str = "clusterer_node_transitions_total";
const RELOADS: &str = "clusterer_reloads_total";
const ROWS_SKIPPED: &str = "clusterer_rows_skipped";

/// What a packet that was admitted is dropped for all the same.
const MODULE_BUSY: &str = "module_busy";
pub(crate) const STOPPED: &str = "stopped";
pub(crate) const TEMPORARILY_DISABLED: &str = "temporarily_disabled";

/// Describes everything this crate measures, to the recorder that is installed. Call it after installing
/// one; without it the metrics are there, undescribed. From then on each of them is shown with its zero,
/// but for those of a module, which begin with its registration. What is known of each node is not among them:
/// it is in the [`View`](crate::View).
pub fn describe_metrics() {
    describe_gauge!(DB_UP, "1 if the last call of the database succeeded, else 0");
    describe_counter!(DROPPED, "Packets received and not delivered, by reason");
    describe_counter!(FLUSHES, "Writes of node states to the database, by outcome");
    describe_counter!(
        FLUSH_CONFLICTS,
        "Rows that were not written, since an administrator had changed them in the database"
    );
    describe_counter!(FLUSHED_ROWS, "Rows written to the database");
    describe_histogram!(
        CALLBACK_SECONDS,
        Unit::Seconds,
        "How long callbacks of modules took, by module; one that takes many packets is one"
    );
    describe_counter!(MODULE_PANICS, "Module callbacks that panicked, by module");
    describe_counter!(
        MODULE_TIMEOUTS,
        "How often a node was silent for longer than a module's timeout, by module"
    );
    describe_counter!(
        PROBES,
        "How often the link to a node was found well (success), or failed, by how"
    );
    describe_counter!(TRANSITIONS, "Changes of a node's state, by cause");
    describe_counter!(RELOADS, "Loads of the node table, by outcome");
    describe_gauge!(ROWS_SKIPPED, "Rows left out by the last load");
    show_zeros();
}

fn show_zeros() {
    for gauge in [gauge!(DB_UP), gauge!(ROWS_SKIPPED)] {
        gauge.increment(0);
    }
    for counter in [counter!(FLUSH_CONFLICTS), counter!(FLUSHED_ROWS)] {
        counter.increment(0);
    }
    let reasons = DropReason::all().iter().map(|reason| reason.name());
    for reason in reasons.chain([MODULE_BUSY, STOPPED, TEMPORARILY_DISABLED]) {
        counter!(DROPPED, "reason" => reason).increment(0);
    }
    for outcome in ["ok", "failed"] {
        counter!(FLUSHES, "outcome" => outcome).increment(0);
    }
    for outcome in ["ok", "unchanged", "failed"] {
        counter!(RELOADS, "outcome" => outcome).increment(0);
    }
    for cause in Cause::all() {
        counter!(TRANSITIONS, "cause" => cause.name()).increment(0);
    }
    drop(Probes::default());
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
        Self { reasons, disabled: counter!(DROPPED, "reason" => TEMPORARILY_DISABLED) }
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
    counter!(DROPPED, "reason" => MODULE_BUSY)
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

pub(crate) fn module_timeouts(module: &str) -> Counter {
    counter!(MODULE_TIMEOUTS, "module" => module.to_owned())
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

pub(crate) fn flushed(outcome: Option<&Flushed>) {
    let word = if outcome.is_some() { "ok" } else { "failed" };
    counter!(FLUSHES, "outcome" => word).increment(1);
    if let Some(Flushed { written, conflicts }) = outcome {
        counter!(FLUSHED_ROWS).increment(wide(*written));
        counter!(FLUSH_CONFLICTS).increment(wide(conflicts.len()));
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

pub(crate) fn load_failed() {
    counter!(RELOADS, "outcome" => "failed").increment(1);
}

/// What was told of the core's probes, so that the rest can be.
#[derive(Debug)]
pub(crate) struct Probes {
    told: Outcomes,
    /// In the order in which these come.
    counters: Vec<Counter>,
}

impl Probes {
    pub(crate) fn tell(&mut self, now: Outcomes) {
        let ends = now.iter().zip(self.told.iter()).zip(&self.counters);
        for (((_, now), (_, told)), counter) in ends {
            if now > told {
                counter.increment(now - told);
            }
        }
        self.told = now;
    }
}

impl Default for Probes {
    fn default() -> Self {
        let told = Outcomes::default();
        let counter = |(end, _): (Cause, u64)| counter!(PROBES, "outcome" => end.name());
        Self { told, counters: told.iter().map(counter).collect() }
    }
}
