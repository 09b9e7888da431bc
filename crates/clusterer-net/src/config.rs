//! What a transport listens on, and its limits.

use clusterer_bin::Dialect;
use std::net::SocketAddr;
use std::time::Duration;

/// One address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    /// Address and port. Port 0 lets the system choose; see
    /// [`Bound::local_addresses`](crate::Bound::local_addresses). An IPv6 address takes IPv6 only.
    pub address: SocketAddr,
    /// The dialect of everything that arrives there.
    pub dialect: Dialect,
}

/// Listeners and limits of one [`Net`](crate::Net).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Where to listen; none is fine for a node that only sends.
    pub listeners: Vec<ListenerConfig>,
    /// Most bytes queued for one link, traffic only. Default 4 MiB. A packet longer than this can
    /// never be sent, so stay above the dialect's longest packet.
    pub link_queue_bytes: usize,
    /// Most packets queued for one link, traffic only. Default 65536.
    pub link_queue_packets: usize,
    /// How many threads there are, 1 to [`Config::MOST_THREADS`]; what is outside counts as the nearest. Each
    /// has connections, links and 256 KiB to read into of its own. Default 1, which is enough until one processor
    /// is not.
    pub threads: usize,
    /// Most inbound connections at a time, those of all threads together. One more closes the stranger that
    /// has been silent the longest, or is itself closed if only known senders are connected. Never more than
    /// three quarters of the descriptors that the process may open when it starts to listen. With several
    /// threads, 16 more may be there until those that had to go are closed. Default 1024.
    pub max_connections: usize,
    /// A packet that is not complete this long after its first byte closes its connection.
    /// Default 10 s.
    pub packet_timeout: Duration,
    /// An inbound connection on which no known sender ever spoke is closed this long after its last
    /// packet. Default 120 s.
    pub stranger_idle: Duration,
}

impl Config {
    /// More threads than this nobody needs, and each costs memory.
    pub const MOST_THREADS: usize = 64;

    /// These listeners, with the default limits.
    #[must_use]
    pub const fn new(listeners: Vec<ListenerConfig>) -> Self {
        Self {
            listeners,
            link_queue_bytes: 4 << 20,
            link_queue_packets: 65_536,
            threads: 1,
            max_connections: 1024,
            packet_timeout: Duration::from_secs(10),
            stranger_idle: Duration::from_secs(120),
        }
    }
}
