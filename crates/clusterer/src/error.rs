//! What can go wrong with a request to the engine.

use clusterer_core::StatusError;
use clusterer_net::{BindError, SendError};
use clusterer_node::{ClusterId, MachineId, SkippedRow, State, StoreError};
use clusterer_registry::RegisterError;
use std::error::Error;
use std::{fmt, io};

/// The engine has been shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the cluster node has been shut down")
    }
}

impl Error for Stopped {}

/// Why an engine did not start. Nothing of it is left running.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A listener's address cannot be listened on.
    Bind(BindError),
    /// The store could not be read; the last attempt's error.
    Store(StoreError),
    /// A thread could not be started.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Thread(error) => write!(f, "a thread could not be started: {error}"),
        }
    }
}

impl Error for StartError {}

/// Why a reload failed. What was in memory stays.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReloadError {
    /// The engine has been shut down.
    Stopped,
    /// The store could not be read.
    Store(StoreError),
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => Stopped.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl Error for ReloadError {}

impl From<StoreError> for ReloadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What a reload brought.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReloadReport {
    /// Clusters this machine belongs to.
    pub clusters: usize,
    /// Peers in them.
    pub nodes: usize,
    /// Rows left out, each with its reason.
    pub skipped: Vec<SkippedRow>,
}

/// Why a state was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetStateError {
    /// There is no such node, or it has another protocol.
    Status(StatusError),
    /// The engine has been shut down.
    Stopped,
}

impl fmt::Display for SetStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(error) => error.fmt(f),
            Self::Stopped => Stopped.fmt(f),
        }
    }
}

impl Error for SetStateError {}

/// Why a module was not registered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterModuleError {
    /// The registration makes no sense.
    Register(RegisterError),
    /// The engine has been shut down.
    Stopped,
    /// The system gives no thread for the module.
    Thread(io::ErrorKind),
}

impl fmt::Display for RegisterModuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register(error) => error.fmt(f),
            Self::Stopped => Stopped.fmt(f),
            Self::Thread(error) => {
                write!(
                    f,
                    "no thread could be started for the module: {error}; raise the limit of threads"
                )
            }
        }
    }
}

impl Error for RegisterModuleError {}

/// Why nothing was sent to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendToError {
    /// What the closure wrote is longer than a packet may be.
    TooLong(clusterer_bin::WriteError),
    /// This machine does not belong to the cluster.
    UnknownCluster(ClusterId),
}

impl fmt::Display for SendToError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(error) => error.fmt(f),
            Self::UnknownCluster(cluster) => {
                write!(f, "this machine does not belong to cluster {cluster}")
            }
        }
    }
}

impl Error for SendToError {}

/// What became of a packet that was sent to a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendReport {
    /// Nodes it was queued for.
    pub queued: usize,
    /// Nodes it was not queued for, and why.
    pub skipped: Vec<(MachineId, SkipReason)>,
}

/// Why a packet was not queued for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// The node's link did not take it.
    Link(SendError),
    /// The node is of a protocol that nothing can be sent over.
    NoLink,
    /// The node is not up.
    State(State),
}
