//! A node's URL: `[protocol:]host[:port]`.

use crate::Protocol;
use alloc::boxed::Box;
use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

/// The host of a URL: an address, or a name that somebody outside this crate resolves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Host<'u> {
    /// A literal IPv4 or IPv6 address.
    Address(IpAddr),
    /// A host name.
    Name(&'u str),
}

impl fmt::Display for Host<'_> {
    /// As in a URL: an IPv6 address stands in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Where a node listens. Keeps its text as it was written, since MI shows that.
///
/// Colons outside brackets decide: none is `host`; one is `host:port` if only digits follow it, else
/// `protocol:host`; two are `protocol:host:port`.
///
/// ```
/// use clusterer_node::{NodeUrl, Protocol};
///
/// let url: NodeUrl = "BIN:[::1]:5566".parse().unwrap();
/// assert_eq!(url.protocol(), Protocol::Bin);
/// assert_eq!(url.host().to_string(), "[::1]");
/// assert_eq!(url.port(), 5566);
/// assert_eq!(url.to_string(), "BIN:[::1]:5566");
/// assert_eq!("bin:example.org".parse::<NodeUrl>().unwrap().port(), 5555);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeUrl {
    /// It was read once: it has the parts of a URL, and its host is one.
    text: Box<str>,
    protocol: Protocol,
    port: u16,
}

/// Why a text is no node URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// The host is empty, or the whole text is.
    EmptyHost,
    /// A `[` without its `]`, text after the `]`, or no IPv6 address between them.
    Brackets,
    /// The port is not a number from 1 to 65535.
    Port,
    /// The protocol is none of those known.
    Protocol,
    /// More than two colons outside brackets, or a trailing one.
    TooManyColons,
    /// A character no host name has: a blank, a control character, a slash.
    HostCharacter,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyHost => "the host is empty (want [protocol:]host[:port])",
            Self::Brackets => "brackets hold an IPv6 address, as in bin:[2001:db8::1]:5566",
            Self::Port => "the port is not a number from 1 to 65535",
            Self::Protocol => {
                "unknown protocol (want bin, hep_tcp, hep_udp, sctp, tcp, tls, udp, ws or wss)"
            }
            Self::TooManyColons => {
                "too many colons (want [protocol:]host[:port], an IPv6 address in brackets)"
            }
            Self::HostCharacter => "the host has a character that no host name or address has",
        })
    }
}

impl core::error::Error for UrlError {}

impl NodeUrl {
    /// The protocol; udp if the URL names none.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The host, read from the text anew: it is asked for when a table is loaded, and hardly ever again.
    #[must_use]
    pub fn host(&self) -> Host<'_> {
        let host = Parts::split(&self.text).and_then(|parts| parse_host(parts.host));
        // There is no other: the text was read in the same way before.
        host.unwrap_or(Host::Name(&self.text))
    }

    /// The port; the protocol's default if the URL names none.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for NodeUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let parts = Parts::split(text)?;
        let protocol = match parts.protocol {
            Some(name) => name.parse().map_err(|_| UrlError::Protocol)?,
            None => Protocol::Udp,
        };
        let port = match parts.port {
            Some(digits) => parse_port(digits)?,
            None => protocol.default_port(),
        };
        parse_host(parts.host)?;
        Ok(Self { text: text.into(), protocol, port })
    }
}

/// The three pieces of a URL, not yet understood.
struct Parts<'a> {
    protocol: Option<&'a str>,
    host: &'a str,
    port: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, UrlError> {
        let mut fields: [&str; 3] = [""; 3];
        let mut count = 0;
        let mut rest = text;
        loop {
            let end = end_of_field(rest)?;
            let (field, tail) = rest.split_at(end);
            *fields.get_mut(count).ok_or(UrlError::TooManyColons)? = field;
            count += 1;
            match tail.strip_prefix(':') {
                Some("") => return Err(UrlError::TooManyColons),
                Some(next) => rest = next,
                None => break,
            }
        }
        let [first, second, third] = fields;
        Ok(match count {
            1 => Self { protocol: None, host: first, port: None },
            2 if second.bytes().all(|byte| byte.is_ascii_digit()) => {
                Self { protocol: None, host: first, port: Some(second) }
            }
            2 => Self { protocol: Some(first), host: second, port: None },
            _ => Self { protocol: Some(first), host: second, port: Some(third) },
        })
    }
}

/// Where the next colon outside brackets is, or the end.
fn end_of_field(text: &str) -> Result<usize, UrlError> {
    let mut inside = false;
    for (at, character) in text.char_indices() {
        match character {
            '[' if inside => return Err(UrlError::Brackets),
            '[' => inside = true,
            ']' if !inside => return Err(UrlError::Brackets),
            ']' => inside = false,
            ':' if !inside => return Ok(at),
            _ => {}
        }
    }
    if inside { Err(UrlError::Brackets) } else { Ok(text.len()) }
}

fn parse_port(digits: &str) -> Result<u16, UrlError> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UrlError::Port);
    }
    match digits.parse() {
        Ok(0) | Err(_) => Err(UrlError::Port),
        Ok(port) => Ok(port),
    }
}

fn parse_host(text: &str) -> Result<Host<'_>, UrlError> {
    if text.is_empty() {
        return Err(UrlError::EmptyHost);
    }
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or(UrlError::Brackets)?;
        return inner
            .parse()
            .map(|address| Host::Address(IpAddr::V6(address)))
            .map_err(|_| UrlError::Brackets);
    }
    if text.contains(['[', ']']) {
        return Err(UrlError::Brackets);
    }
    if let Ok(address) = text.parse() {
        return Ok(Host::Address(IpAddr::V4(address)));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if text.bytes().all(allowed) { Ok(Host::Name(text)) } else { Err(UrlError::HostCharacter) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use proptest::prelude::*;

    fn check(text: &str, expected: &str) {
        let got = match text.parse::<NodeUrl>() {
            Ok(url) => format!("{} {} {}", url.protocol(), url.host(), url.port()),
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(got, expected, "{text:?}");
    }

    #[test]
    fn colons_outside_brackets_decide() {
        check("127.0.0.1", "udp 127.0.0.1 5060");
        check("127.0.0.4:5599", "udp 127.0.0.4 5599");
        check("bin:127.0.0.5", "bin 127.0.0.5 5555");
        check("bin:localhost", "bin localhost 5555");
        check("BIN:localhost:5566", "bin localhost 5566");
        check("bin:[::1]:5566", "bin [::1] 5566");
        check("bin:[::1]", "bin [::1] 5555");
        check("[2001:db8::7]:5060", "udp [2001:db8::7] 5060");
        check("hep_tcp:10.0.0.1", "hep_tcp 10.0.0.1 9060");
    }

    #[test]
    fn what_is_no_url_says_why() {
        check("", "EmptyHost");
        check("bin:", "TooManyColons");
        check("bin::5566", "EmptyHost");
        check(":5566", "EmptyHost");
        check("bin:a:1:", "TooManyColons");
        check("bin:a:1:2", "TooManyColons");
        check("bin:::1:5566", "TooManyColons");
        check("bin:a:0", "Port");
        check("bin:a:65536", "Port");
        check("bin:a:+1", "Port");
        check("bin:a:b", "Port");
        check("bins:a:1", "Protocol");
        check("bin:[::1:5566", "Brackets");
        check("bin:[127.0.0.1]:1", "Brackets");
        check("bin:::1]:5566", "Brackets");
        check("bin:x[::1]:1", "Brackets");
        check("bin:a b:1", "HostCharacter");
        check("bin:a/b:1", "HostCharacter");
    }

    proptest! {
        #[test]
        fn any_text_is_a_url_or_an_error(text in "\\PC{0,80}") {
            if let Ok(url) = text.parse::<NodeUrl>() {
                prop_assert_eq!(url.as_str(), text);
                prop_assert!(url.port() > 0);
            }
        }
    }
}
