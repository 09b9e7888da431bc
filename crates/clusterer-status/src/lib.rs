//! What people and dashboards see of a cluster node: its state as JSON, what changes of it, a web page
//! that shows both, and what Prometheus reads ([`render_metrics`]).
//!
//! ```
//! use clusterer::{Cluster, ClusterId, MachineId, MemoryStore};
//! use clusterer_status::Status;
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (cluster, own, peer) =
//!     (ClusterId::new(1).unwrap(), MachineId::new(1).unwrap(), MachineId::new(2).unwrap());
//! let urls = [(own, "bin:127.0.0.1:5566"), (peer, "bin:127.0.0.2:5566")];
//! let node = Cluster::builder(own, Arc::new(MemoryStore::of(cluster, urls))).start().await?;
//!
//! let status = Status::builder("my-program", "1.0.0")
//!     .section("queue", || r#"{"waiting": 3}"#.to_owned())
//!     .watch(&node);
//! assert!(status.snapshot().contains(r#""queue":{"waiting": 3}"#));
//!
//! // One for each browser: the snapshot first, then what changes.
//! let mut updates = status.updates();
//! let first = updates.next().await.unwrap();
//! assert!(first.to_frame().starts_with("event: snapshot\ndata: {"));
//! # node.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! The fields of the JSON are documented in the repository's `docs/http.md`. [`ASSETS`] is the page: three
//! files that load nothing from elsewhere, to be served with [`CONTENT_SECURITY_POLICY`]. Any HTTP server
//! will do; this crate has none.
//!
//! # Threads
//! [`Builder::watch`] starts one task on the tokio runtime it is called on. It keeps the last [`EVENTS`]
//! events, and while somebody reads [`Updates`], it draws the node anew: at most five times a second when
//! something happens, and every [`BEAT`] for what changes all the time (traffic, round trips). Everything
//! else works on the thread of who calls it, any thread, and waits at most for another drawing, about a
//! microsecond a node.
//!
//! # What it costs
//! Memory: one drawing of the node and the last update, however many read, and neither while nobody does. An
//! update is made once for all who keep up. A reader that is slow gets fewer and later changes instead of a
//! queue. A change holds each node that changed, whole, about 0.7 kB: of a cluster of 1,000 nodes with traffic
//! a reader gets 0.7 MB each beat, and so many bytes more as nodes change their states.
//!
//! # Errors
//! None. A section whose source panics, or gives no JSON, is shown as an object with an `error`.
//!
//! # What it refuses to do
//! Listen, change anything, decide who may look. The page asks for a token only to hand it to the server.

#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod document;
mod drawing;
mod events;
mod exposition;
mod metrics;
mod page;
mod sections;
mod status;
mod updates;
mod wall;

pub use events::EVENTS;
pub use metrics::render_metrics;
pub use page::{ASSETS, Asset, CONTENT_SECURITY_POLICY};
pub use status::{BEAT, Builder, Status};
pub use updates::{Update, Updates};
