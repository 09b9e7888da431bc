//! The names of what is measured here. The facade's recorder is the program's affair.

use crate::report::Skip;
use metrics::{counter, describe_counter, describe_gauge, gauge};

const CALLS: &str = "clusterer_ratelimit_calls_total";
const PIPES: &str = "clusterer_ratelimit_pipes";
const RECEIVED: &str = "clusterer_ratelimit_received_total";
const SKIPPED: &str = "clusterer_ratelimit_skipped_total";
const STRANGERS_REFUSED: &str = "clusterer_ratelimit_strangers_refused_total";

/// Describes everything this crate measures, to the recorder that is installed, and shows each of it with its
/// zero. Call it after installing one; without it the metrics are there, undescribed.
pub fn describe_metrics() {
    describe_counter!(CALLS, "Calls decided, by decision; as of the last tick");
    describe_gauge!(PIPES, "Pipes there are; as of the last tick");
    describe_counter!(RECEIVED, "Counters of pipes taken from other nodes");
    describe_counter!(SKIPPED, "Counters of pipes not taken from other nodes, by reason");
    describe_counter!(
        STRANGERS_REFUSED,
        "Packets refused since too many senders are no nodes of the cluster"
    );
    called(0, 0);
    gauge!(PIPES).increment(0);
    received(0);
    for reason in Skip::ALL {
        skipped(reason, 0);
    }
    strangers_refused(0);
}

pub(crate) fn called(allowed: u64, limited: u64) {
    counter!(CALLS, "decision" => "allowed").increment(allowed);
    counter!(CALLS, "decision" => "limited").increment(limited);
}

pub(crate) fn pipes(count: usize) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge; exact up to 2^52 pipes")]
    gauge!(PIPES).set(count as f64);
}

pub(crate) fn received(count: u64) {
    // A literal, unlike the constant: its key is made when this is compiled, not with every run of packets.
    counter!("clusterer_ratelimit_received_total").increment(count);
}

pub(crate) fn skipped(reason: Skip, count: u64) {
    counter!(SKIPPED, "reason" => reason.reason()).increment(count);
}

pub(crate) fn strangers_refused(count: u64) {
    counter!(STRANGERS_REFUSED).increment(count);
}
