//! Types of string values, each with what is wrong about a text that is none.
//!
//! None of the errors repeats the text: the place is known, and the text may hold a password.

use std::fmt;
use std::net::{AddrParseError, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The name of a table or of a column, as it can stand unquoted in SQL.
#[derive(Hash)]
pub(crate) struct SqlName(pub(crate) String);

#[derive(Debug, thiserror::Error)]
#[error("not a plain name")]
pub(crate) struct SqlNameError;

impl FromStr for SqlName {
    type Err = SqlNameError;

    fn from_str(text: &str) -> Result<Self, SqlNameError> {
        let first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
        let other = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if text.len() <= 63 && text.as_bytes().first().is_some_and(first) && text.bytes().all(other)
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(SqlNameError)
        }
    }
}

/// A path that does not depend on where the daemon was started.
#[derive(Hash)]
pub(crate) struct AbsolutePath(pub(crate) PathBuf);

#[derive(Debug, thiserror::Error)]
#[error("no absolute path")]
pub(crate) struct AbsolutePathError;

impl FromStr for AbsolutePath {
    type Err = AbsolutePathError;

    fn from_str(text: &str) -> Result<Self, AbsolutePathError> {
        if Path::new(text).is_absolute() && !text.contains('\0') {
            Ok(Self(text.into()))
        } else {
            Err(AbsolutePathError)
        }
    }
}

/// A user or a group of the system. Names are looked up when they are needed.
#[derive(Hash)]
pub(crate) enum Account {
    Name(String),
    Id(u32),
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Id(id) => id.fmt(f),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    #[error("no name")]
    Name,
    #[error("an id that is too large")]
    Id,
}

impl FromStr for Account {
    type Err = AccountError;

    fn from_str(text: &str) -> Result<Self, AccountError> {
        let graphic = |byte: u8| byte.is_ascii_graphic() && byte != b':';
        if text.is_empty() || !text.bytes().all(graphic) {
            Err(AccountError::Name)
        } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
            // The largest id is "no change" to chown, which is not what was meant.
            let id = text.parse().ok().filter(|id| *id != u32::MAX);
            id.map(Self::Id).ok_or(AccountError::Id)
        } else {
            Ok(Self::Name(text.to_owned()))
        }
    }
}

/// An address and a port other than 0.
#[derive(Hash)]
pub(crate) struct TcpAddress(pub(crate) SocketAddr);

#[derive(Debug, thiserror::Error)]
pub(crate) enum TcpAddressError {
    #[error("no address with a port")]
    Syntax(#[from] AddrParseError),
    #[error("port 0")]
    Port,
}

impl FromStr for TcpAddress {
    type Err = TcpAddressError;

    fn from_str(text: &str) -> Result<Self, TcpAddressError> {
        let address: SocketAddr = text.parse()?;
        if address.port() == 0 { Err(TcpAddressError::Port) } else { Ok(Self(address)) }
    }
}

/// A name that may stand in a URL, without a port.
#[derive(Hash)]
pub(crate) struct HostName(pub(crate) String);

#[derive(Debug, thiserror::Error)]
#[error("no host name")]
pub(crate) struct HostNameError;

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, HostNameError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if (1..=253).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(HostNameError)
        }
    }
}

/// An algorithm that decides locally, in capitals.
#[derive(Hash)]
pub(crate) struct Algorithm(pub(crate) String);

#[derive(Debug, thiserror::Error)]
pub(crate) enum AlgorithmError {
    #[error("this algorithm needs what only a SIP server measures")]
    Foreign,
    #[error("unknown algorithm")]
    Unknown,
}

impl FromStr for Algorithm {
    type Err = AlgorithmError;

    fn from_str(text: &str) -> Result<Self, AlgorithmError> {
        match text.to_ascii_uppercase().as_str() {
            name @ ("RED" | "SBT" | "TAILDROP") => Ok(Self(name.to_owned())),
            "FEEDBACK" | "NETWORK" => Err(AlgorithmError::Foreign),
            _ => Err(AlgorithmError::Unknown),
        }
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Json,
    Text,
}

#[derive(Debug, thiserror::Error)]
#[error("unknown format")]
pub(crate) struct LogFormatError;

impl FromStr for LogFormat {
    type Err = LogFormatError;

    fn from_str(text: &str) -> Result<Self, LogFormatError> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(LogFormatError),
        }
    }
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(crate) struct LogLevel(pub(crate) tracing::Level);

#[derive(Debug, thiserror::Error)]
#[error("unknown level")]
pub(crate) struct LogLevelError;

impl FromStr for LogLevel {
    type Err = LogLevelError;

    fn from_str(text: &str) -> Result<Self, LogLevelError> {
        use tracing::Level;
        Ok(Self(match text {
            "error" => Level::ERROR,
            "warn" => Level::WARN,
            "info" => Level::INFO,
            "debug" => Level::DEBUG,
            "trace" => Level::TRACE,
            _ => return Err(LogLevelError),
        }))
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use tracing::Level;
        f.write_str(match self.0 {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        })
    }
}
