//! An OpenSIPS cluster node to embed: the manual's developer functions as a Rust API.
//!
//! A node belongs to the clusters in which its `server_id` has a row. It keeps a connection to every
//! other BIN node, finds out who is reachable, and lets modules replicate data: they register under a
//! name, receive the packets of that name, send to all up nodes of a cluster and are told when a node
//! falls silent. A 2.2 node is a peer like any other.
//!
//! ```
//! use clusterer::{Cluster, ClusterId, MachineId, MemoryStore, Protocol};
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Two nodes of cluster 1. For a table in a database, take a store of `clusterer-db`.
//! let (cluster, own, peer) =
//!     (ClusterId::new(1).unwrap(), MachineId::new(1).unwrap(), MachineId::new(2).unwrap());
//! let urls = [(own, "bin:127.0.0.1:5566"), (peer, "bin:127.0.0.2:5566")];
//! let node = Cluster::builder(own, Arc::new(MemoryStore::of(cluster, urls))).start().await?;
//! assert_eq!(node.view().cluster(cluster).unwrap().nodes.len(), 1);
//! let report = node.send_to(cluster, Protocol::Bin, "hello", 0, |packet| {
//!     packet.str(b"hello from").int(1);
//! })?;
//! assert_eq!(report.queued + report.skipped.len(), 1);
//! node.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! [`Cluster`] has the rest: the manual's functions, [events](Cluster::subscribe), the end. The directory
//! `examples` has whole programs.
//!
//! # Threads
//! The control thread (`clusterer-ctl`) owns the state; the transport's thread, or [several](Builder::threads), receives and sends; the
//! store's calls run on the tokio runtime that the node was started on. Each module is called on a thread
//! of its own (`clusterer-` and as much of its name as fits), one call at a time, under no lock, unless it asks to
//! be called where things happen ([`Delivery::Inline`]): see [`Cluster::register_module`]. Handles work from any thread, also inside callbacks.
//!
//! # Errors
//! Typed, saying what was wrong and where. A peer's bytes cause none: they are counted and logged, with
//! limits. A module that panics is counted and logged, the node goes on. Should the control thread panic,
//! which would be a bug of this crate or of a store, clock or transport handed in, the node leaves its
//! clusters: requests say that it has been shut down, the view is empty, pings are not answered, an error is
//! logged.
//!
//! # What it refuses to do
//! Install a recorder, a subscriber or a signal handler; exit; keep globals: two nodes fit one process.
//!
//! # Features
//! `mi` (default): [`mi`], the node's MI commands for a `clusterer-mi` table.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod batch;
mod builder;
mod channel;
mod clock;
mod cluster;
mod control;
mod departure;
mod error;
mod event;
mod feed;
mod gateway;
mod guard;
mod heartbeat;
mod held;
mod imprint;
mod inbox;
mod inlet;
#[cfg(test)]
mod inlet_tests;
mod inline;
mod log_limit;
#[cfg(test)]
mod mail_tests;
mod mailbox;
mod memory;
mod metric;
#[cfg(feature = "mi")]
pub mod mi;
mod provisioning;
mod resolve;
mod send;
mod store;
mod subscription;
mod tally;
mod watch;
mod weak;
mod worker;
#[cfg(test)]
mod worker_tests;
mod workers;

pub use builder::{Builder, TransportMaker};
pub use clock::{Clock, SystemClock};
pub use cluster::Cluster;
pub use error::{
    RegisterModuleError, ReloadError, ReloadReport, SendReport, SendToError, SetStateError,
    SkipReason, StartError, Stopped,
};
pub use event::{Event, EventKind};
pub use memory::MemoryStore;
pub use metric::describe_metrics;
pub use provisioning::Provisioning;
pub use subscription::{Lagged, Subscription};
pub use tally::{CALLBACK_BUCKETS, CALLBACK_SECONDS};
pub use weak::WeakCluster;

pub use clusterer_bin::{Dialect, FieldError, Packet, PacketWriter, Reader};
pub use clusterer_core::{
    Cause, ClusterView, Failure, NodeView, Nodes, NodesIter, RoundTrip, StatusError, Traffic,
    Transition, View,
};
pub use clusterer_net::{BindError, Ingress, ListenerConfig, SendError, Transport};
pub use clusterer_node::{
    AdminState, Availability, BoxFuture, Cell, Change, ClusterId, DbId, Flushed, LinkFailure,
    LinkId, LinkState, MachineId, Moment, Node, NodeKey, NodeStore, NodeUrl, Protocol, RawRow,
    Reachability, Row, SkippedRow, State, StoreError, UnixTime,
};
pub use clusterer_registry::{
    ClusterModule, Delivery, Malformed, ModuleEvent, Modules, PacketContext, RegisterError,
    Registration, Run, Volume, Watched,
};
