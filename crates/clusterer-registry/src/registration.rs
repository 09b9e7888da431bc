//! What a module says of itself when it registers.

use alloc::string::{String, ToString};
use clusterer_node::{ClusterId, Protocol};
use core::fmt;
use core::time::Duration;

/// A module's registration: unique per name and cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registration {
    /// The module name its packets carry.
    pub name: String,
    /// The cluster it replicates with; `None` (cluster 0) takes packets from anybody and has no nodes
    /// to watch.
    pub cluster: Option<ClusterId>,
    /// The protocol of the nodes it replicates with.
    pub protocol: Protocol,
    /// How long a node may be silent. In the manual's seconds or any other whole milliseconds, not zero.
    pub timeout: Duration,
    /// Take packets only from a node of the cluster, at its address.
    pub auth_check: bool,
}

impl Registration {
    /// A registration over BIN, without auth check (as the manual's default).
    #[must_use]
    pub fn new(name: &str, cluster: impl Into<Option<ClusterId>>, timeout: Duration) -> Self {
        Self {
            name: name.to_string(),
            cluster: cluster.into(),
            protocol: Protocol::Bin,
            timeout,
            auth_check: false,
        }
    }

    /// The same with the auth check on or off.
    #[must_use]
    pub fn auth_check(mut self, on: bool) -> Self {
        self.auth_check = on;
        self
    }

    /// The same for nodes of another protocol.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }
}

/// Why a module cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// The auth check needs a cluster to look the sender up in.
    AuthWithoutCluster,
    /// The name is empty, or one that the node itself uses.
    BadName(String),
    /// The name is registered for this cluster already.
    Duplicate {
        /// The name.
        name: String,
        /// The cluster; `None` is cluster 0.
        cluster: Option<ClusterId>,
    },
    /// The timeout is less than a millisecond.
    ZeroTimeout,
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AuthWithoutCluster => {
                f.write_str("an auth check needs a cluster: give a cluster id other than 0")
            }
            Self::BadName(name) => write!(f, "{name:?} cannot be a module's name"),
            Self::Duplicate { name, cluster } => {
                let cluster = cluster.map_or(0, ClusterId::get);
                write!(f, "module {name:?} is registered for cluster {cluster} already")
            }
            Self::ZeroTimeout => f.write_str("the timeout must be at least a millisecond"),
        }
    }
}

impl core::error::Error for RegisterError {}
