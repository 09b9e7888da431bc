//! What the transport counts. Everything is added up on the mio threads and handed to the recorder
//! once a turn.

use metrics::{Counter, Unit};

/// Why something was dropped: the `reason` of `clusterer_bin_dropped_total`. All but the connection
/// reasons count packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// A connection closed for bytes that are no packets.
    Framing,
    /// A connection accepted above the limit.
    ConnectionLimit,
    /// Queued packets of a link that was closed.
    LinkClosed,
    /// A packet whose header cannot be read.
    Malformed,
    /// A control packet or an answer whose connection is not there, or not any more.
    NotConnected,
    /// A connection closed over a packet that took too long.
    PacketTimeout,
    /// A packet that its queue had no room for.
    QueueFull,
    /// An answer to a peer that does not read its answers.
    ReplyFull,
    /// Queued packets when the transport stopped.
    Stopped,
}

/// The label values, in the order of the enum.
const REASONS: [&str; 9] = [
    "framing",
    "connection_limit",
    "link_closed",
    "malformed",
    "not_connected",
    "packet_timeout",
    "queue_full",
    "reply_full",
    "stopped",
];

/// Describes every metric of this crate to the recorder, and shows each of them with its zero. Call it once,
/// after installing one and before [`Bound::start`](crate::Bound::start), which picks the recorder up.
pub fn describe_metrics() {
    let counter = |name: &'static str, unit, text: &'static str| {
        metrics::describe_counter!(name, unit, text);
    };
    counter("clusterer_bin_received_packets_total", Unit::Count, "BIN packets received whole");
    counter("clusterer_bin_sent_packets_total", Unit::Count, "BIN packets written whole");
    counter("clusterer_bin_received_bytes_total", Unit::Bytes, "Bytes read from BIN connections");
    counter("clusterer_bin_sent_bytes_total", Unit::Bytes, "Bytes written to BIN connections");
    counter(
        "clusterer_bin_dropped_total",
        Unit::Count,
        "BIN packets dropped, and connections closed for what came over them, by reason",
    );
    metrics::describe_gauge!(
        "clusterer_bin_connections",
        Unit::Count,
        "Established BIN connections by direction"
    );
    metrics::describe_gauge!(
        "clusterer_bin_link_queue_bytes",
        Unit::Bytes,
        "Bytes waiting on all links"
    );
    drop(Meters::new());
}

/// The recorder's handles, taken once.
#[derive(Debug)]
pub(crate) struct Meters {
    packets_received: Counter,
    packets_sent: Counter,
    bytes_received: Counter,
    bytes_sent: Counter,
    dropped: [Counter; REASONS.len()],
}

impl Meters {
    pub(crate) fn new() -> Self {
        Self {
            packets_received: metrics::counter!("clusterer_bin_received_packets_total"),
            packets_sent: metrics::counter!("clusterer_bin_sent_packets_total"),
            bytes_received: metrics::counter!("clusterer_bin_received_bytes_total"),
            bytes_sent: metrics::counter!("clusterer_bin_sent_bytes_total"),
            dropped: REASONS
                .map(|name| metrics::counter!("clusterer_bin_dropped_total", "reason" => name)),
        }
    }

    /// Counts at once: for other threads than the mio threads.
    pub(crate) fn dropped(&self, reason: Reason, count: usize) {
        if let Some(counter) = self.dropped.get(reason as usize) {
            counter.increment(wide(count));
        }
    }
}

/// What one turn of a mio thread has counted so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) packets_received: usize,
    pub(crate) packets_sent: usize,
    pub(crate) bytes_received: usize,
    pub(crate) bytes_sent: usize,
    dropped: [usize; REASONS.len()],
}

impl Tally {
    pub(crate) fn dropped(&mut self, reason: Reason, count: usize) {
        if let Some(sum) = self.dropped.get_mut(reason as usize) {
            *sum += count;
        }
    }

    /// Hands everything over and starts again at zero.
    pub(crate) fn flush(&mut self, meters: &Meters) {
        let turn = std::mem::take(self);
        let sums = [
            (&meters.packets_received, turn.packets_received),
            (&meters.packets_sent, turn.packets_sent),
            (&meters.bytes_received, turn.bytes_received),
            (&meters.bytes_sent, turn.bytes_sent),
        ];
        for (counter, sum) in sums.into_iter().chain(meters.dropped.iter().zip(turn.dropped)) {
            if sum > 0 {
                counter.increment(wide(sum));
            }
        }
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
