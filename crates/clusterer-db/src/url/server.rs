//! Where a database server is, and who asks: `//USER:PASSWORD@HOST:PORT/DATABASE?PARAMETERS`.
//!
//! By RFC 3986: what means something in a URL is written with percent signs where it is a part of a
//! name or a password. An `@` or a `/` that is not has no second meaning, it is an error: a guess
//! could take half of a password for the name of a host, and ask for it.

use super::percent::{decoded, encoded};
use crate::DbUrlError;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

/// A server, a database of it, and whose it is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    pub(crate) user: String,
    pub(crate) password: Option<Password>,
    pub(crate) host: Host,
    pub(crate) port: Option<u16>,
    pub(crate) database: String,
    pub(crate) tls: Tls,
}

/// Neither shown nor printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Password(String);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Host {
    /// A name or an address, without brackets.
    Tcp(String),
    /// An absolute path: MySQL's is the socket, PostgreSQL's the directory with it.
    Unix(PathBuf),
}

/// How the connection is protected.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tls {
    Disable,
    /// Encrypted, whoever is at the other end.
    Require,
    /// Encrypted, and the certificate is for the host, by an authority that this file has; without
    /// a file, one that the system trusts.
    VerifyFull {
        authorities: Option<PathBuf>,
    },
}

/// The parameters behind the question mark.
#[derive(Default)]
struct Parameters {
    host: Option<String>,
    mode: Option<String>,
    authorities: Option<String>,
}

impl Server {
    /// What follows `mysql:`.
    #[cfg(feature = "mysql")]
    pub(crate) fn mysql(rest: &str) -> Result<Self, DbUrlError> {
        let server = Self::parse(rest, "socket")?;
        if matches!(server.host, Host::Unix(_)) && server.port.is_some() {
            return Err(DbUrlError::PortOnSocket);
        }
        Ok(server)
    }

    /// What follows `postgres:`.
    #[cfg(feature = "postgres")]
    pub(crate) fn postgres(rest: &str) -> Result<Self, DbUrlError> {
        Self::parse(rest, "host")
    }

    /// The host may be in the parameter of this name.
    fn parse(rest: &str, host: &str) -> Result<Self, DbUrlError> {
        let rest = rest.strip_prefix("//").ok_or(DbUrlError::NoServer)?;
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = before.split_once('/').unwrap_or((before, ""));
        let (userinfo, address) = match authority.split_once('@') {
            Some(parts) => parts,
            None if rest.contains('@') => return Err(DbUrlError::Unencoded),
            None => return Err(DbUrlError::NoUser),
        };
        if rest.contains('#') || address.contains('@') || path.contains('@') {
            return Err(DbUrlError::Unencoded);
        }
        let (user, password) = match userinfo.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (userinfo, None),
        };
        let parameters = Parameters::parse(query, host)?;
        let (host, port) = host_and_port(address, parameters.host)?;
        let tls = Tls::chosen(parameters.mode, parameters.authorities, &host)?;
        let server = Self {
            user: text(user)?,
            password: password.map(decoded).transpose()?.map(Password),
            host,
            port,
            database: database(path)?,
            tls,
        };
        if server.user.is_empty() {
            return Err(DbUrlError::NoUser);
        }
        if server.password.as_ref().is_some_and(|password| password.0.contains('\0')) {
            return Err(DbUrlError::ControlCharacter);
        }
        Ok(server)
    }
}

impl Password {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Parameters {
    fn parse(query: &str, host: &str) -> Result<Self, DbUrlError> {
        let mut parameters = Self::default();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').ok_or(DbUrlError::UnknownParameter)?;
            let slot = match name {
                _ if name == host => &mut parameters.host,
                "sslmode" => &mut parameters.mode,
                "sslrootcert" => &mut parameters.authorities,
                _ => return Err(DbUrlError::UnknownParameter),
            };
            if slot.replace(text(value)?).is_some() {
                return Err(DbUrlError::RepeatedParameter);
            }
        }
        let is_path = |host: &String| host.starts_with('/');
        if host == "socket" && !parameters.host.as_ref().is_none_or(is_path) {
            return Err(DbUrlError::HostName);
        }
        Ok(parameters)
    }
}

impl Tls {
    /// Without a word about it, nothing leaves the machine unprotected.
    fn chosen(
        mode: Option<String>,
        authorities: Option<String>,
        host: &Host,
    ) -> Result<Self, DbUrlError> {
        let authorities = authorities.map(PathBuf::from);
        let tls = match mode.as_deref() {
            None if authorities.is_none() && host.is_here() => Self::Disable,
            Some("disable") => Self::Disable,
            Some("require") => Self::Require,
            None | Some("verify-full") => Self::VerifyFull { authorities: authorities.clone() },
            Some(_) => return Err(DbUrlError::TlsMode),
        };
        let verifies = matches!(tls, Self::VerifyFull { .. });
        if authorities.is_some() && !verifies {
            return Err(DbUrlError::UnusedAuthorities);
        }
        if matches!(host, Host::Unix(_)) && tls != Self::Disable {
            return Err(DbUrlError::TlsOnSocket);
        }
        Ok(tls)
    }
}

impl Host {
    /// Whether what is sent to it stays on this machine.
    fn is_here(&self) -> bool {
        match self {
            Self::Tcp(name) => match name.parse::<IpAddr>() {
                Ok(address) => address.is_loopback(),
                Err(_) => name.eq_ignore_ascii_case("localhost"),
            },
            Self::Unix(_) => true,
        }
    }

    fn from_name(name: String) -> Result<Self, DbUrlError> {
        if name.starts_with('/') {
            return Ok(Self::Unix(name.into()));
        }
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if name.is_empty() || !name.bytes().all(in_name) {
            return Err(DbUrlError::HostName);
        }
        Ok(Self::Tcp(name))
    }
}

/// From `HOST`, `HOST:PORT` or `[IPV6]:PORT`; the host may be a parameter instead.
fn host_and_port(
    address: &str,
    parameter: Option<String>,
) -> Result<(Host, Option<u16>), DbUrlError> {
    let bracketed = match address.strip_prefix('[') {
        Some(inside) => Some(inside.split_once(']').ok_or(DbUrlError::HostName)?),
        None => None,
    };
    let (host, port) = match bracketed {
        Some((inside, after)) => {
            let address: Ipv6Addr = inside.parse().map_err(|_| DbUrlError::HostName)?;
            let port = match after {
                "" => None,
                _ => Some(after.strip_prefix(':').ok_or(DbUrlError::HostName)?),
            };
            (Some(Host::Tcp(address.to_string())), port)
        }
        None => {
            let (name, port) = match address.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (address, None),
            };
            let host = match name {
                "" => None,
                _ => Some(Host::from_name(text(name)?)?),
            };
            (host, port)
        }
    };
    let host = match (host, parameter) {
        (Some(host), None) => host,
        (None, Some(name)) => Host::from_name(name)?,
        (None, None) => return Err(DbUrlError::HostName),
        (Some(_), Some(_)) => return Err(DbUrlError::TwoHosts),
    };
    Ok((host, port.map(port_number).transpose()?))
}

fn port_number(digits: &str) -> Result<u16, DbUrlError> {
    let only_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse() {
        Ok(port) if only_digits && port > 0 => Ok(port),
        _ => Err(DbUrlError::Port),
    }
}

fn database(path: &str) -> Result<String, DbUrlError> {
    if path.is_empty() || path.contains('/') {
        return Err(DbUrlError::NoDatabase);
    }
    text(path)
}

/// Something that is shown.
fn text(encoded: &str) -> Result<String, DbUrlError> {
    let text = decoded(encoded)?;
    if text.contains(char::is_control) { Err(DbUrlError::ControlCharacter) } else { Ok(text) }
}

impl fmt::Display for Server {
    /// What follows the scheme and its colon, three stars for a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = if self.password.is_some() { ":***" } else { "" };
        write!(f, "//{}{password}@{}", encoded(&self.user, ""), self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", encoded(&self.database, ""))?;
        match &self.tls {
            Tls::Disable if self.host.is_here() => Ok(()),
            Tls::Disable => f.write_str("?sslmode=disable"),
            Tls::Require => f.write_str("?sslmode=require"),
            Tls::VerifyFull { authorities: None } if !self.host.is_here() => Ok(()),
            Tls::VerifyFull { authorities: None } => f.write_str("?sslmode=verify-full"),
            Tls::VerifyFull { authorities: Some(file) } => {
                let file = file.to_string_lossy();
                write!(f, "?sslmode=verify-full&sslrootcert={}", encoded(&file, "/"))
            }
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(name) if name.contains(':') => write!(f, "[{name}]"),
            Self::Tcp(name) => f.write_str(name),
            Self::Unix(path) => f.write_str(&encoded(&path.to_string_lossy(), "")),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
#[cfg(feature = "mysql")]
mod mysql_tests;
#[cfg(test)]
#[cfg(feature = "postgres")]
mod tests;
