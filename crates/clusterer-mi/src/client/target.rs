//! Where a daemon takes commands.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// Where a daemon takes commands: `fifo:PATH`, `unix:PATH`, `udp:HOST:PORT` or `http://HOST[:PORT][/ROOT]`.
///
/// ```
/// use clusterer_mi::Target;
///
/// let target = Target::parse("http://localhost:8888")?;
/// assert_eq!(target.to_string(), "http://localhost:8888/mi");
/// # Ok::<(), clusterer_mi::TargetError>(())
/// ```
///
/// It holds no secret, and shows as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(pub(super) Place);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Fifo(PathBuf),
    Http { host: Host, path: String },
    Udp(Host),
    Unix(PathBuf),
}

/// A name or an address, an IPv6 address without brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) port: u16,
}

impl Target {
    /// Reads a target. Nothing is looked up, nothing is opened.
    ///
    /// # Errors
    /// What is wrong with it. The text is not repeated: it may hold a password.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let (scheme, rest) = text.split_once(':').ok_or(TargetError::Form)?;
        Ok(Self(match scheme {
            "fifo" | "unix" if rest.is_empty() => return Err(TargetError::NoPath),
            "fifo" => Place::Fifo(rest.into()),
            "unix" => Place::Unix(rest.into()),
            "udp" => Place::Udp(Host::parse(rest, None)?),
            "http" => http(rest)?,
            "https" => return Err(TargetError::Tls),
            _ => return Err(TargetError::Form),
        }))
    }

    /// The command FIFO at this path.
    pub fn fifo(path: impl Into<PathBuf>) -> Self {
        Self(Place::Fifo(path.into()))
    }

    /// The Unix datagram socket at this path.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self(Place::Unix(path.into()))
    }

    /// Whether it is reached over HTTP: then a token is shown, and there is no text form.
    pub fn is_http(&self) -> bool {
        matches!(self.0, Place::Http { .. })
    }
}

fn http(rest: &str) -> Result<Place, TargetError> {
    let rest = rest.strip_prefix("//").ok_or(TargetError::Form)?;
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    if authority.contains('@') {
        return Err(TargetError::Credentials);
    }
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#".contains(&byte);
    if !path.bytes().all(plain) {
        return Err(TargetError::HttpPath);
    }
    let path = if matches!(path, "" | "/") { "/mi" } else { path };
    Ok(Place::Http { host: Host::parse(authority, Some(80))?, path: path.to_owned() })
}

impl Host {
    fn parse(text: &str, default_port: Option<u16>) -> Result<Self, TargetError> {
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (name, port) = rest.split_once(']').ok_or(TargetError::Host)?;
                let port = match port {
                    "" => None,
                    port => Some(port.strip_prefix(':').ok_or(TargetError::Host)?),
                };
                name.parse::<std::net::Ipv6Addr>().map_err(|_| TargetError::Host)?;
                (name, port)
            }
            None => match text.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            },
        };
        let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
        if name.is_empty() || !name.bytes().all(of_name) {
            return Err(TargetError::Host);
        }
        let port = match port {
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().ok(),
            Some(_) => None,
            None => default_port,
        };
        let port = port.filter(|port| *port != 0).ok_or(TargetError::Port)?;
        Ok(Self { name: name.to_owned(), port })
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        Self::parse(text)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Fifo(path) => write!(f, "fifo:{}", path.display()),
            Place::Http { host, path } => write!(f, "http://{host}{path}"),
            Place::Udp(host) => write!(f, "udp:{host}"),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, port } = self;
        if name.contains(':') { write!(f, "[{name}]:{port}") } else { write!(f, "{name}:{port}") }
    }
}

/// Why a text is no target. It never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TargetError {
    /// A name and a password before the host.
    #[error("a URL has no user or password here: a token is given by itself")]
    Credentials,
    /// No scheme that is known.
    #[error("want fifo:PATH, unix:PATH, udp:HOST:PORT or http://HOST:PORT/mi")]
    Form,
    /// No host, or none that can be.
    #[error("want a host name or an address before the port, IPv6 in brackets")]
    Host,
    /// A path with a blank, a `?` or a `#` in it.
    #[error("the path of a URL is plain here, such as /mi: no blanks, no ? and no #")]
    HttpPath,
    /// Nothing after the scheme.
    #[error("want the path of a file after the colon")]
    NoPath,
    /// No port, or none from 1 to 65535.
    #[error("want a port from 1 to 65535 after the host")]
    Port,
    /// HTTP over TLS.
    #[error("there is no TLS here: use http:// on loopback, or through a tunnel")]
    Tls,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_show_as_they_are_written() {
        for same in [
            "fifo:/run/mi.fifo",
            "fifo:mi:1",
            "unix:/run/mi.sock",
            "udp:127.0.0.1:8080",
            "udp:[::1]:8080",
            "udp:node-a.example:65535",
            "http://127.0.0.1:8888/mi",
            "http://[::1]:8888/a/b",
        ] {
            assert_eq!(Target::parse(same).map(|it| it.to_string()), Ok(same.into()), "{same}");
        }
        for (text, shown) in [
            ("http://localhost:8888", "http://localhost:8888/mi"),
            ("http://localhost:8888/", "http://localhost:8888/mi"),
            ("http://localhost", "http://localhost:80/mi"),
            ("http://[::1]", "http://[::1]:80/mi"),
        ] {
            assert_eq!(Target::parse(text).map(|it| it.to_string()), Ok(shown.into()));
        }
    }

    #[test]
    fn what_is_no_target() {
        use TargetError as E;
        for (text, error) in [
            ("", E::Form),
            ("/tmp/mi", E::Form),
            ("ftp://h:1/", E::Form),
            ("http:localhost:8888", E::Form),
            ("fifo:", E::NoPath),
            ("unix:", E::NoPath),
            ("udp:8080", E::Port),
            ("udp:host", E::Port),
            ("udp:host:0", E::Port),
            ("udp:host:65536", E::Port),
            ("udp:host:+1", E::Port),
            ("udp::8080", E::Host),
            ("udp:a b:1", E::Host),
            ("udp:::1:8080", E::Host),
            ("udp:[::1", E::Host),
            ("udp:[x]:1", E::Host),
            ("udp:[::1]8080", E::Host),
            ("http://", E::Host),
            ("http://:8888/", E::Host),
            ("http://h:8888?x/", E::Port),
            ("http://h:8888/mi?x", E::HttpPath),
            ("http://h:8888/a b", E::HttpPath),
            ("http://h:8888/a\r\nb", E::HttpPath),
            ("http://root:secret@h:8888/mi", E::Credentials),
            ("https://h/mi", E::Tls),
        ] {
            assert_eq!(Target::parse(text), Err(error), "{text}");
        }
    }
}
