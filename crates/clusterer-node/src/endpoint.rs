//! Where a node listens.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

/// An address and a port: as much of a [`SocketAddr`] as a URL can name, which is no interface.
///
/// ```
/// use clusterer_node::Endpoint;
/// use core::net::SocketAddr;
///
/// let endpoint = Endpoint::from(([127, 0, 0, 2], 5566));
/// assert_eq!(endpoint.to_string(), "127.0.0.2:5566");
/// assert_eq!(SocketAddr::from(endpoint).port(), 5566);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The address.
    pub ip: IpAddr,
    /// The port.
    pub port: u16,
}

impl<I: Into<IpAddr>> From<(I, u16)> for Endpoint {
    fn from((ip, port): (I, u16)) -> Self {
        Self { ip: ip.into(), port }
    }
}

impl From<Endpoint> for SocketAddr {
    fn from(endpoint: Endpoint) -> Self {
        Self::new(endpoint.ip, endpoint.port)
    }
}

impl fmt::Display for Endpoint {
    /// As a [`SocketAddr`]: an IPv6 address stands in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::from(*self).fmt(f)
    }
}
