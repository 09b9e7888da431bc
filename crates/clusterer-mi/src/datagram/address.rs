//! Where datagrams are received.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// A Unix socket or a UDP address.
///
/// ```
/// use clusterer_mi::DatagramAddress;
///
/// let address: DatagramAddress = "udp:127.0.0.1:8080".parse().unwrap();
/// assert_eq!(address, DatagramAddress::Udp(([127, 0, 0, 1], 8080).into()));
/// assert_eq!(address.to_string(), "udp:127.0.0.1:8080");
/// let address: DatagramAddress = "/run/clusterer/mi.sock".parse().unwrap();
/// assert!(matches!(address, DatagramAddress::Unix(_)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DatagramAddress {
    /// A UDP address. Port 0 is any free one.
    Udp(SocketAddr),
    /// The path of a Unix socket. Its directory must exist.
    Unix(PathBuf),
}

/// Why a text is no [`DatagramAddress`]. Says nothing of the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DatagramAddressError {
    /// Neither a path nor `udp:`.
    #[error("neither an absolute path nor udp:ADDRESS:PORT")]
    Neither,
    /// A path with a zero byte in it.
    #[error("a path that no file can have")]
    Path,
    /// No address and port after `udp:`. Names are not resolved.
    #[error("no IP address with a port behind udp: (an IPv6 address stands in brackets)")]
    Udp,
}

impl FromStr for DatagramAddress {
    type Err = DatagramAddressError;

    fn from_str(text: &str) -> Result<Self, DatagramAddressError> {
        if text.starts_with('/') {
            let path = (!text.contains('\0')).then(|| Self::Unix(text.into()));
            return path.ok_or(DatagramAddressError::Path);
        }
        match text.split_once(':') {
            Some((protocol, address)) if protocol.eq_ignore_ascii_case("udp") => {
                address.parse().map(Self::Udp).map_err(|_| DatagramAddressError::Udp)
            }
            _ => Err(DatagramAddressError::Neither),
        }
    }
}

impl fmt::Display for DatagramAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(address) => write!(f, "udp:{address}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_udp_addresses() {
        for good in ["/tmp/mi.sock", "udp:127.0.0.1:8080", "udp:[::1]:1"] {
            assert_eq!(good.parse::<DatagramAddress>().unwrap().to_string(), good);
        }
        assert!("UDP:0.0.0.0:1".parse::<DatagramAddress>().is_ok());
        let error = |text: &str| text.parse::<DatagramAddress>().unwrap_err();
        for text in ["", "mi.sock", "tcp:127.0.0.1:1", "127.0.0.1:8080", "udp"] {
            assert_eq!(error(text), DatagramAddressError::Neither, "{text}");
        }
        for text in ["udp:", "udp:localhost:1", "udp:::1:1", "udp:127.0.0.1", "udp:1.2.3.4:65536"] {
            assert_eq!(error(text), DatagramAddressError::Udp, "{text}");
        }
        assert_eq!(error("/a\0b"), DatagramAddressError::Path);
    }
}
