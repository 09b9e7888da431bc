//! Where the daemon listens for BIN: `bin:ADDRESS[:PORT]`.

use clusterer_node::{Host, NodeUrl, Protocol, UrlError};
use std::net::SocketAddr;

/// Why a text is no BIN listener. Says nothing of the text itself.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ListenError {
    #[error("{}", url_error(.0))]
    Url(UrlError),
    #[error("no protocol")]
    NoProtocol,
    #[error("the protocol is {0}")]
    Protocol(Protocol),
    #[error("a host name where an address must be (0.0.0.0 or [::] for all)")]
    Name,
}

/// In the words of a listener, of which fewer are right than of the URLs of all nodes.
fn url_error(error: &UrlError) -> String {
    match error {
        UrlError::Protocol => "unknown protocol".to_owned(),
        UrlError::TooManyColons => {
            "too many colons (an IPv6 address stands in brackets)".to_owned()
        }
        UrlError::EmptyHost => "no address".to_owned(),
        UrlError::Brackets => "no IPv6 address in the brackets".to_owned(),
        other => other.to_string(),
    }
}

/// Reads a listener. A wildcard address is one; a name is none, since what it resolves to may change
/// while peers compare addresses.
pub(crate) fn parse(text: &str) -> Result<SocketAddr, ListenError> {
    let url: NodeUrl = text.parse().map_err(ListenError::Url)?;
    match (url.protocol(), url.host()) {
        (Protocol::Bin, Host::Address(address)) => Ok(SocketAddr::new(address, url.port())),
        (Protocol::Bin, _) => Err(ListenError::Name),
        (Protocol::Udp, _) if !names_udp(text) => Err(ListenError::NoProtocol),
        (other, _) => Err(ListenError::Protocol(other)),
    }
}

/// A URL without a protocol means udp.
fn names_udp(text: &str) -> bool {
    text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("udp:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_the_bin_protocol() {
        let address = |text| parse(text).map(|address| address.to_string());
        assert_eq!(address("bin:127.0.0.1:5566"), Ok("127.0.0.1:5566".into()));
        assert_eq!(address("BIN:[::]:5566"), Ok("[::]:5566".into()));
        assert_eq!(address("bin:0.0.0.0"), Ok("0.0.0.0:5555".into()));
        assert_eq!(address("tcp:127.0.0.1:1"), Err(ListenError::Protocol(Protocol::Tcp)));
        assert_eq!(address("127.0.0.1:5566"), Err(ListenError::NoProtocol));
        assert_eq!(address("udp:127.0.0.1"), Err(ListenError::Protocol(Protocol::Udp)));
        assert_eq!(address("bin:node-a:5566"), Err(ListenError::Name));
        assert_eq!(address("bin:*:5566"), Err(ListenError::Url(UrlError::HostCharacter)));
        assert_eq!(address("bin:127.0.0.1:0"), Err(ListenError::Url(UrlError::Port)));
    }
}
