//! A cluster node as one state machine: node table, probing and module registry, without any I/O.
//!
//! A driver (the engine of the `clusterer` crate, or a simulator) feeds [`Input`]s to [`Core::handle`]
//! and carries out the [`Action`]s that come back; it calls again when [`Core::deadline`] has come. What
//! other threads need to know is an immutable [`View`], to be published when [`Core::take_view`] gives a
//! new one. [`View::admit`] decides about every packet received.
//!
//! ```
//! use clusterer_core::{Core, Input, Settings};
//! use clusterer_node::{MachineId, Now, Table};
//!
//! let own = MachineId::new(1).unwrap();
//! let mut core = Core::new(own, Settings::default(), 0);
//! let mut actions = Vec::new();
//! core.handle(Now::default(), Input::Loaded(Table::empty(own)), &mut actions);
//! assert!(actions.is_empty(), "there is nobody to dial");
//! let view = core.take_view().expect("a table was loaded");
//! assert_eq!(view.clusters().count(), 0);
//! assert_eq!(core.deadline(), None);
//! ```
//!
//! # Threads and errors
//! [`Core`] has one owner, `&mut self`; a [`View`] is shared freely. Errors are values; nothing panics.
//!
//! # What it refuses to do
//! Open sockets, read clocks, talk to databases, call modules: it says what to do, and to whom.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod action;
mod core;
mod failure;
mod figures;
mod persistence;
mod picture;
mod ping;
mod settings;
mod shown;
mod statuses;
mod view;

pub use crate::action::{Action, Input};
pub use crate::core::{Core, StatusError};
pub use crate::failure::Failure;
pub use crate::figures::RoundTrip;
pub use crate::ping::{PING, PONG, ping, pong};
pub use crate::settings::Settings;
pub use crate::shown::{ClusterView, NodeView, Nodes, NodesIter};
pub use crate::view::{Admission, Traffic, View};
pub use clusterer_probe::{Cause, Outcomes, Transition};
