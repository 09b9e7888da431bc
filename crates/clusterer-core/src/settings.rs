//! What a node is told once, at its start.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

/// The settings of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// From one ping to the next: 1 s by default.
    pub ping_interval: Duration,
    /// How long a connect, or a pong, may take: 500 ms by default, at most `ping_interval`.
    pub ping_timeout: Duration,
    /// Write changed states back to the database: off by default.
    pub persistent: bool,
    /// Where this node listens. Outbound connections come from there, since peers compare addresses.
    pub listeners: Vec<SocketAddr>,
}

impl Default for Settings {
    fn default() -> Self {
        let clusterer_probe::Settings { ping_interval, ping_timeout } = Default::default();
        Self { ping_interval, ping_timeout, persistent: false, listeners: Vec::new() }
    }
}

impl Settings {
    pub(crate) fn probing(&self) -> clusterer_probe::Settings {
        clusterer_probe::Settings {
            ping_interval: self.ping_interval,
            ping_timeout: self.ping_timeout,
        }
    }

    /// The address a connection to `peer` must come from: that of one's own row if it is listened on,
    /// else that of the first listener of the peer's family. A wildcard leaves it to the system.
    pub(crate) fn bind_for(&self, own_row: IpAddr, peer: IpAddr) -> Option<IpAddr> {
        let same_family = |ip: &IpAddr| ip.is_ipv4() == peer.is_ipv4();
        let listened = || self.listeners.iter().map(SocketAddr::ip).filter(same_family);
        listened()
            .find(|&ip| ip == own_row)
            .or_else(|| listened().next())
            .filter(|ip| !ip.is_unspecified())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(listeners: &[&str], own_row: &str, peer: &str, expected: Option<&str>) {
        let listeners = listeners.iter().map(|text| text.parse().unwrap()).collect();
        let settings = Settings { listeners, ..Settings::default() };
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(settings.bind_for(ip(own_row), ip(peer)), expected.map(ip));
    }

    #[test]
    fn the_source_address_is_ones_own_row_or_the_first_listener_of_the_family() {
        let two = ["127.0.0.1:1", "127.0.0.2:1", "[::1]:1"];
        check(&two, "127.0.0.2", "127.0.0.9", Some("127.0.0.2"));
        check(&two, "127.0.0.7", "127.0.0.9", Some("127.0.0.1"));
        check(&two, "127.0.0.2", "::9", Some("::1"));
        check(&["127.0.0.1:1"], "127.0.0.1", "::9", None);
        check(&["0.0.0.0:1"], "127.0.0.2", "127.0.0.9", None);
        check(&[], "127.0.0.2", "127.0.0.9", None);
    }
}
