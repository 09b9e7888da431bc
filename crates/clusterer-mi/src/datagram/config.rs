//! What a datagram server needs to know, and what can be wrong with it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::DatagramAddress;
use crate::accounts::AccountError;
use crate::remedy::remedy;

/// The configuration of a [`DatagramServer`](crate::DatagramServer).
///
/// ```
/// use clusterer_mi::{DatagramConfig, DatagramError};
///
/// let mut config = DatagramConfig::new("udp:192.0.2.7:8080".parse().unwrap());
/// assert!(matches!(config.check(), Err(DatagramError::Open { .. })));
/// config.insecure = true;
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatagramConfig {
    /// Where to receive.
    pub address: DatagramAddress,
    /// The permission bits of a Unix socket, 0 to 0o777, whatever the umask: who may write to it runs
    /// commands. 0o660 by default.
    pub mode: u32,
    /// The owner of a Unix socket, a number or a name of `/etc/passwd`; `None`: whoever runs the program.
    pub user: Option<String>,
    /// The group of a Unix socket, a number or a name of `/etc/group`; `None`: that of whoever runs the
    /// program.
    pub group: Option<String>,
    /// Receive at a UDP address that other hosts can reach. There is no authentication over UDP: whoever
    /// reaches it runs commands.
    pub insecure: bool,
    /// How long a client may leave no room for its reply before the reply is dropped. 320 ms by default.
    pub reply_timeout: Duration,
    /// How long a command may take before its client is told that it failed. 30 s by default.
    pub command_timeout: Duration,
    /// How many requests may be under way at once, at least 1; further ones wait in the socket, which drops
    /// what it cannot hold. 64 by default.
    pub max_requests: usize,
}

impl DatagramConfig {
    /// A configuration with the defaults.
    pub fn new(address: DatagramAddress) -> Self {
        Self {
            address,
            mode: 0o660,
            user: None,
            group: None,
            insecure: false,
            reply_timeout: Duration::from_millis(320),
            command_timeout: Duration::from_secs(30),
            max_requests: 64,
        }
    }

    /// Says what [`DatagramServer::bind`](crate::DatagramServer::bind) would refuse before it touches a
    /// socket.
    ///
    /// # Errors
    /// [`DatagramError::Open`] and [`DatagramError::Mode`].
    pub fn check(&self) -> Result<(), DatagramError> {
        match &self.address {
            DatagramAddress::Udp(address)
                if !address.ip().to_canonical().is_loopback() && !self.insecure =>
            {
                Err(DatagramError::Open { address: *address })
            }
            DatagramAddress::Unix(_) if self.mode > 0o777 => {
                Err(DatagramError::Mode { mode: self.mode })
            }
            _ => Ok(()),
        }
    }
}

/// Why a datagram server cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DatagramError {
    /// `/etc/passwd` or `/etc/group` cannot be read.
    #[error("cannot read {path}, needed for the owner of the MI socket: {source}")]
    Accounts {
        /// The file.
        path: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The UDP address cannot be received at.
    #[error("cannot receive at udp:{address}: {source}{}", remedy(source))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The Unix socket cannot be made.
    #[error("cannot make the MI socket {path}: {source}; its directory must exist and be writable")]
    Create {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another living process receives at the Unix socket.
    #[error(
        "another process receives at the MI socket {path}: stop that one, or give this one another \
         socket_name"
    )]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// The mode is not made of permission bits.
    #[error("MI socket mode {mode:#o} is not one of 0 to 0777")]
    Mode {
        /// The mode.
        mode: u32,
    },
    /// The server was started outside a tokio runtime.
    #[error("the MI datagram server needs a tokio runtime with IO and time enabled")]
    NoRuntime,
    /// Something else is at the path. It is left alone.
    #[error("{path} is there already and is no socket: move it away, or change socket_name")]
    NotSocket {
        /// The path.
        path: PathBuf,
    },
    /// Anybody on the network could run commands.
    #[error(
        "udp:{address} can be reached from other hosts, and there is no authentication over UDP: \
         receive on loopback or at a Unix socket, or say that it is to be insecure"
    )]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// Owner, group or mode of the Unix socket cannot be set.
    #[error(
        "cannot set owner, group or mode of the MI socket {path}: {source}; only root may give it \
         away"
    )]
    Owner {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No such group.
    #[error("there is no group {name:?} in /etc/group")]
    UnknownGroup {
        /// Its name.
        name: String,
    },
    /// No such user.
    #[error("there is no user {name:?} in /etc/passwd")]
    UnknownUser {
        /// Its name.
        name: String,
    },
}

impl DatagramError {
    pub(super) fn user(error: AccountError) -> Self {
        match error {
            AccountError::File { path, source } => Self::Accounts { path, source },
            AccountError::Unknown { name } => Self::UnknownUser { name },
        }
    }

    pub(super) fn group(error: AccountError) -> Self {
        match error {
            AccountError::File { path, source } => Self::Accounts { path, source },
            AccountError::Unknown { name } => Self::UnknownGroup { name },
        }
    }
}
