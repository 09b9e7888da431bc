//! What a FIFO server needs to know, and what can be wrong with it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::accounts::AccountError;

/// The configuration of a [`FifoServer`](crate::FifoServer).
///
/// ```
/// use clusterer_mi::FifoConfig;
///
/// let mut config = FifoConfig::new("/run/clusterer/mi.fifo");
/// config.mode = 0o600;
/// assert_eq!(config.reply_dir.to_str(), Some("/tmp/"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FifoConfig {
    /// The command FIFO. Its directory must exist.
    pub path: PathBuf,
    /// Its permission bits, 0 to 0o777, whatever the umask. 0o660 by default.
    pub mode: u32,
    /// Its owner, a number or a name of `/etc/passwd`; `None`: whoever runs the program.
    pub user: Option<String>,
    /// Its group, a number or a name of `/etc/group`; `None`: that of whoever runs the program.
    pub group: Option<String>,
    /// The directory in which clients make their reply FIFOs. `/tmp/` by default.
    pub reply_dir: PathBuf,
    /// How often to look whether the command FIFO is still there, and make it again. At most 30 s in a
    /// node that wants to behave as 2.2 does; 10 s by default.
    pub check_interval: Duration,
    /// How long a request waits for somebody to read its reply FIFO before it is dropped. 320 ms by
    /// default.
    pub reader_wait: Duration,
    /// How long writing one reply may take. 5 s by default.
    pub reply_timeout: Duration,
    /// How long a command may take before its client is told that it failed. 30 s by default.
    pub command_timeout: Duration,
    /// How long a request may take to arrive whole. 10 s by default.
    pub request_timeout: Duration,
    /// How many requests may be under way at once, at least 1; further ones wait in the FIFO. 64 by
    /// default.
    pub max_requests: usize,
}

impl FifoConfig {
    /// A configuration with the defaults of a 2.2 node.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            mode: 0o660,
            user: None,
            group: None,
            reply_dir: PathBuf::from("/tmp/"),
            check_interval: Duration::from_secs(10),
            reader_wait: Duration::from_millis(320),
            reply_timeout: Duration::from_secs(5),
            command_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(10),
            max_requests: 64,
        }
    }
}

/// Why a FIFO server cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FifoError {
    /// `/etc/passwd` or `/etc/group` cannot be read.
    #[error("cannot read {path}, needed for the owner of the MI FIFO: {source}")]
    Accounts {
        /// The file.
        path: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The FIFO cannot be made.
    #[error("cannot make the MI FIFO {path}: {source}; its directory must exist and be writable")]
    Create {
        /// The FIFO.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another living process reads it.
    #[error(
        "the MI FIFO {path} is being read by another process: stop that one, or give this one \
         another fifo_name"
    )]
    InUse {
        /// The FIFO.
        path: PathBuf,
    },
    /// The mode is not made of permission bits.
    #[error("MI FIFO mode {mode:#o} is not one of 0 to 0777")]
    Mode {
        /// The mode.
        mode: u32,
    },
    /// The server was started outside a tokio runtime.
    #[error("the MI FIFO server needs a tokio runtime with IO and time enabled")]
    NoRuntime,
    /// Something else is at its path. It is left alone.
    #[error("{path} is there already and is no FIFO: move it away, or change fifo_name")]
    NotFifo {
        /// The path.
        path: PathBuf,
    },
    /// Its owner, group or mode cannot be set.
    #[error(
        "cannot set owner, group or mode of the MI FIFO {path}: {source}; only root may give it \
         away, and this program itself must be left able to read it"
    )]
    Owner {
        /// The FIFO.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The reply directory is none.
    #[error("the MI reply_dir {path} is not a directory that can be used: {source}")]
    ReplyDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No such group.
    #[error("there is no group {name:?} in /etc/group (fifo_group)")]
    UnknownGroup {
        /// Its name.
        name: String,
    },
    /// No such user.
    #[error("there is no user {name:?} in /etc/passwd (fifo_user)")]
    UnknownUser {
        /// Its name.
        name: String,
    },
}

impl FifoError {
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
