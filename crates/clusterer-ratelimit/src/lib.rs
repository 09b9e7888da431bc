//! The ratelimit module of a cluster node: calls are counted into named pipes, decided by a limit, and
//! the counts are shared with the other nodes of a cluster, packet for packet as OpenSIPS 2.2 does.
//!
//! The crate starts no thread, reads no clock and opens no socket. Its owner
//! - asks [`RateLimit::check`] for every call,
//! - calls [`RateLimit::run_due`] when [`RateLimit::deadline`] has come, and sends the packets it gets,
//! - registers the [`RateLimit`] as the [`ClusterModule`](clusterer_registry::ClusterModule) called
//!   [`MODULE`], with the cluster, timeout and auth check of its [`Config`].
//!
//! ```
//! use clusterer_bin::{Dialect, Origin, Packet, PacketWriter};
//! use clusterer_node::{ClusterId, MachineId, Moment};
//! use clusterer_ratelimit::{COMMAND, Decision, MODULE, Parameters, RateLimit};
//! use clusterer_registry::{ClusterModule, PacketContext};
//!
//! let parameters = Parameters {
//!     timer_interval: 1,
//!     replicate_pipes_to: 1,
//!     accept_pipes_from: 1,
//!     ..Parameters::default()
//! };
//! let config = parameters.validate().unwrap();
//! let at = Moment::from_millis;
//! let (here, there) = (RateLimit::new(config.clone(), at(0)), RateLimit::new(config, at(0)));
//!
//! // Two calls a second may pass: the third may not.
//! let calls = [(); 3].map(|()| here.check(at(10), b"gateway", 2, None).unwrap());
//! assert_eq!(calls, [Decision::Allowed, Decision::Allowed, Decision::Limited]);
//!
//! // After the tick, the other node is told ...
//! let cluster = ClusterId::new(1).unwrap();
//! let machine = MachineId::new(1).unwrap();
//! let context = PacketContext::new(Some(cluster), machine, true, [127, 0, 0, 1].into(), at(1000));
//! here.run_due(at(1000), &mut |batch| {
//!     let origin = Origin { sender: machine.get(), cluster: cluster.get() };
//!     let mut writer = PacketWriter::new(Dialect::V22, MODULE, COMMAND, origin);
//!     batch.write(&mut writer);
//!     let bytes = writer.finish(2).unwrap().to_vec();
//!     let packet = Packet::parse(Dialect::V22, &bytes).unwrap();
//!     there.on_packet(&context, &packet).unwrap();
//! });
//! // ... and lets nothing pass, since the cluster's calls of the last second were above the limit.
//! assert_eq!(there.check(at(1001), b"gateway", 2, None), Ok(Decision::Limited));
//! ```
//!
//! # Threads and errors
//! [`RateLimit`] is `Send + Sync`; all methods take `&self` and any thread may call them. A call waits
//! for other calls into the same sixteenth of the pipes at most, and for a tick or replication that
//! visits some hundred of them.
//!
//! Packets are taken on the thread that received them ([`Delivery::Inline`](clusterer_registry::Delivery)). A
//! pipe that its sender has sent before is found and updated without a lock of its own, so that it never
//! waits for calls, nor for packets of other senders. Two threads with packets of one sender take turns,
//! some ten microseconds each. Locks come in one order: machines by id, then pipes. A tick drops a
//! counter under the lock of its sender, so that no packet is lost to it.
//!
//! Nothing panics, whatever a packet holds: a pipe that makes no sense is skipped and counted.
//!
//! # What it refuses to do
//! Measure the machine's load: FEEDBACK and NETWORK pipes of other nodes are kept and listed, but a
//! call into one is an error. Keep more than `max_pipes` pipes, or the counters of more than
//! [`MAX_STRANGERS`] senders outside the table. Promise more than [`bound`] derives.
//!
//! # Where it differs from 2.2
//! - An SBT pipe has its window in place of a count: the window's own sum is what is sent and listed.
//!   2.2 sends own plus remotes, so that two nodes amplify each other.
//! - Only pipes called here within `expire_time` are sent, and only a call or a received counter above 0
//!   is use. 2.2 sends all it knows, so that pipes never expire.
//! - All pipes arrive, over as many packets as they need. 2.2 loses what is beyond the threshold.
//! - A negative limit, a `timer_interval` of 0 and an unknown algorithm are errors; a pipe received
//!   with an empty name, a negative number or an unknown algorithm is skipped.
//! - SBT slots lie on multiples of `slot_period`, so a window reaches back between `window_size` less
//!   one slot and `window_size`.
//!
//! # Features
//! - `mi`: `mi_commands`, the management commands `rl_list`, `rl_reset_pipe` and `rl_check`.
//!
//! # Metrics
//! `clusterer_ratelimit_calls_total{decision}` and `clusterer_ratelimit_pipes`, both as of the last
//! tick; `clusterer_ratelimit_received_total` (pipes), `clusterer_ratelimit_skipped_total{reason}` (pipes),
//! `clusterer_ratelimit_strangers_refused_total` (packets).

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod algorithm;
#[cfg(all(feature = "engine", feature = "mi"))]
mod bin_status;
mod config;
#[cfg(feature = "engine")]
mod engine;
mod error;
mod heard;
mod metric;
#[cfg(feature = "mi")]
mod mi;
mod module;
mod name;
mod peers;
mod pipe;
mod pipes;
mod ratelimit;
mod remote;
mod replicate;
mod report;
mod shorts;
mod window;

#[doc = include_str!("../docs/bound.md")]
pub mod bound {}

pub use algorithm::{Algorithm, UnknownAlgorithm};
#[cfg(all(feature = "engine", feature = "mi"))]
pub use bin_status::bin_status_command;
pub use config::{Config, ConfigError, Parameters};
#[cfg(feature = "engine")]
pub use engine::Running;
pub use error::{CheckError, UnknownPipe};
pub use metric::describe_metrics;
#[cfg(feature = "mi")]
pub use mi::mi_commands;
pub use peers::{MAX_STRANGERS, PeerStatus};
pub use pipe::{Decision, PipeStatus, RemoteCount};
pub use pipes::MAX_NAME;
pub use ratelimit::RateLimit;
pub use replicate::{Batch, CAPABILITY, COMMAND, MODULE, module_name};
