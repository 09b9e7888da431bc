//! The protocols a node's URL may name.

use core::fmt;
use core::str::FromStr;

/// The protocol of a node's URL. Only [`Protocol::Bin`] nodes are dialled, pinged and sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// BIN over TCP: the replication protocol of OpenSIPS.
    Bin,
    /// HEP over TCP.
    HepTcp,
    /// HEP over UDP.
    HepUdp,
    /// SIP over SCTP.
    Sctp,
    /// SIP over TCP.
    Tcp,
    /// SIP over TLS.
    Tls,
    /// SIP over UDP: what a URL without a protocol means.
    Udp,
    /// SIP over WebSocket.
    Ws,
    /// SIP over secure WebSocket.
    Wss,
}

/// A word that names no protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownProtocol;

impl fmt::Display for UnknownProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the protocols are bin, hep_tcp, hep_udp, sctp, tcp, tls, udp, ws, wss")
    }
}

impl core::error::Error for UnknownProtocol {}

impl Protocol {
    const NAMES: [(&'static str, Self); 9] = [
        ("bin", Self::Bin),
        ("hep_tcp", Self::HepTcp),
        ("hep_udp", Self::HepUdp),
        ("sctp", Self::Sctp),
        ("tcp", Self::Tcp),
        ("tls", Self::Tls),
        ("udp", Self::Udp),
        ("ws", Self::Ws),
        ("wss", Self::Wss),
    ];

    /// The name as URLs and MI commands write it, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bin => "bin",
            Self::HepTcp => "hep_tcp",
            Self::HepUdp => "hep_udp",
            Self::Sctp => "sctp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Udp => "udp",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// The port a URL without one means.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Bin => 5555,
            Self::HepTcp | Self::HepUdp => 9060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
            Self::Sctp | Self::Tcp | Self::Udp => 5060,
        }
    }
}

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    /// Any case is accepted.
    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        Self::NAMES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
            .map(|&(_, protocol)| protocol)
            .ok_or(UnknownProtocol)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_in_any_case() {
        for (name, protocol) in Protocol::NAMES {
            assert_eq!(name.parse(), Ok(protocol));
            assert_eq!(name.to_uppercase().parse(), Ok(protocol));
            assert_eq!(protocol.name(), name);
        }
        assert_eq!("bins".parse::<Protocol>(), Err(UnknownProtocol));
        assert_eq!("".parse::<Protocol>(), Err(UnknownProtocol));
    }
}
