//! What a `listen` line says: a BIN listener as our configuration writes it, or one that is no business
//! of ours.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) enum Listener {
    /// A port that is not written is that of `bin_port`.
    Bin { address: IpAddr, port: Option<u16>, note: Option<&'static str> },
    /// Of another protocol.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ListenerError {
    #[error("no protocol (2.2 wants PROTOCOL:ADDRESS or PROTOCOL:ADDRESS:PORT)")]
    Protocol,
    #[error(
        "a host or interface name: write the address that peers know this node by, since what a \
         name means may change while they compare addresses"
    )]
    Name,
    #[error("no IPv6 address in the brackets")]
    Brackets,
    #[error("the port is not a number from 1 to 65535")]
    Port,
}

const EVERYWHERE: &str = "2.2 listens on each address of the machine, here it is the wildcard: \
                          connections to peers are then bound to no address";

impl Listener {
    pub(super) fn parse(text: &str) -> Result<Self, ListenerError> {
        let (protocol, rest) = text.split_once(':').ok_or(ListenerError::Protocol)?;
        if protocol.is_empty()
            || !protocol.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            return Err(ListenerError::Protocol);
        }
        // All of an address, without a protocol before it.
        if rest.is_empty() || protocol.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ListenerError::Protocol);
        }
        if !protocol.eq_ignore_ascii_case("bin") {
            return Ok(Self::Other);
        }
        let (address, port) = split(rest)?;
        let port = match port {
            // 2.2 means the default port with both.
            None | Some("any" | "0") => None,
            Some(digits)
                if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                Some(digits.parse().map_err(|_| ListenerError::Port)?)
            }
            Some(_) => return Err(ListenerError::Port),
        };
        let (address, note) = match address {
            Address::Ip(address) => (address, None),
            Address::All => (Ipv4Addr::UNSPECIFIED.into(), Some(EVERYWHERE)),
        };
        Ok(Self::Bin { address, port, note })
    }
}

enum Address {
    Ip(IpAddr),
    All,
}

/// Address and port.
fn split(text: &str) -> Result<(Address, Option<&str>), ListenerError> {
    if let Some(inside) = text.strip_prefix('[') {
        let (inside, after) = inside.split_once(']').ok_or(ListenerError::Brackets)?;
        let address: Ipv6Addr = inside.parse().map_err(|_| ListenerError::Brackets)?;
        let port = match after {
            "" => None,
            _ => Some(after.strip_prefix(':').ok_or(ListenerError::Port)?),
        };
        return Ok((Address::Ip(address.into()), port));
    }
    // As the scanner of 2.2 does: what can be an IPv6 address is one.
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Ok((Address::Ip(address.into()), None));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    if host == "*" {
        return Ok((Address::All, port));
    }
    let address: Ipv4Addr = host.parse().map_err(|_| ListenerError::Name)?;
    Ok((Address::Ip(address.into()), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<Option<&str>, ListenerError>) {
        let got = Listener::parse(text).map(|listener| match listener {
            Listener::Bin { address, port, .. } => Some(format!("{address} {port:?}")),
            Listener::Other => None,
        });
        let expected = expected.map(|text| text.map(str::to_owned));
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn a_protocol_an_address_and_perhaps_a_port() {
        check("bin:192.168.0.5:5566", Ok(Some("192.168.0.5 Some(5566)")));
        check("BIN:192.168.0.5", Ok(Some("192.168.0.5 None")));
        check("bin:192.168.0.5:any", Ok(Some("192.168.0.5 None")));
        check("bin:[::1]:5566", Ok(Some("::1 Some(5566)")));
        check("bin:[::1]", Ok(Some("::1 None")));
        check("bin:2001:db8::1", Ok(Some("2001:db8::1 None")));
        check("bin:*:5566", Ok(Some("0.0.0.0 Some(5566)")));
        check("udp:eth0:5060", Ok(None));
        check("hep_udp:10.0.0.1", Ok(None));
    }

    #[test]
    fn what_is_no_listener() {
        use ListenerError::*;
        check("192.168.0.5", Err(Protocol));
        check("192.168.0.5:5566", Err(Protocol));
        check("bin:", Err(Protocol));
        check("bin:eth0:5566", Err(Name));
        check("bin:node-a.example", Err(Name));
        check("bin:999.1.1.1", Err(Name));
        check("bin:[node]:5566", Err(Brackets));
        check("bin:[::1", Err(Brackets));
        check("bin:[::1]5566", Err(Port));
        check("bin:1.2.3.4:65536", Err(Port));
        check("bin:1.2.3.4:", Err(Port));
        check("bin:1.2.3.4:x", Err(Port));
    }
}
