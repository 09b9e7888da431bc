//! Finds out which nodes of a cluster are reachable.
//!
//! A [`Prober`] is told what happens to the outbound connections ([`LinkEvent`]s, pongs), what an
//! administrator wants and what time it is; it answers with [`Action`]s: dial, ping, hang up, and which
//! node changed its state and why. It opens no socket and reads no clock, so a test or a simulator
//! drives it exactly as the daemon does.
//!
//! The rules, in short. Every enabled BIN peer that is up or being probed keeps one connection and is
//! pinged every `ping_interval`. A failure (refused, reset, timed out, no pong) makes an up node
//! *probing*; `failed_attempts` failures in a row make it *disabled* for its `duration`, after which it
//! counts as up again. A connection closed in order is no failure: it is dialled again at once, and
//! only a refusal then is one. Peers that never answered a ping (2.2 nodes ignore them) are well as
//! long as their connection stays open. Traffic is no evidence: only pings are.
//!
//! ```
//! use clusterer_node::{ClusterId, LinkEvent, LinkFailure, MachineId, NodeKey, Now};
//! use clusterer_node::{State, StoredStatus, UnixTime};
//! use clusterer_probe::{Action, Prober, Settings, Target};
//! use core::time::Duration;
//!
//! let mut prober = Prober::new(Settings::default(), 0);
//! let node = NodeKey { cluster: ClusterId::new(1).unwrap(), machine: MachineId::new(2).unwrap() };
//! let target = Target {
//!     node,
//!     address: Some(([127, 0, 0, 2], 5566).into()),
//!     bind: None,
//!     max_failures: 3,
//!     duration: Duration::from_secs(30),
//! };
//! let up = StoredStatus { state: State::Up, no_tries: 0, last_attempt: UnixTime::ZERO };
//! let now = Now::default();
//! let mut actions = Vec::new();
//! prober.load(now, [(target, up)], &mut actions);
//! let [Action::Open { .. }, Action::Dial(attempt)] = actions[..] else { panic!("{actions:?}") };
//!
//! prober.link_event(now, attempt, LinkEvent::Failed(LinkFailure::Refused), &mut actions);
//! assert_eq!(prober.availability(node).unwrap().state(), State::Probing);
//! ```
//!
//! # Threads and errors
//! One owner, `&mut self`. The only error is a node that is not there. Nothing panics.
//!
//! # What it refuses to do
//! Send anything, resolve names, look at traffic, remember states beyond what [`Prober::load`] is told.
//!
//! [`LinkEvent`]: clusterer_node::LinkEvent

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod action;
mod link;
mod nodes;
mod outcomes;
mod prober;
mod schedule;
mod transition;
mod way;

pub use action::{Action, Cause, Transition};
pub use outcomes::Outcomes;
pub use prober::{Heard, Prober, Settings, Target, UnknownNode};
pub use transition::{Event, next};
