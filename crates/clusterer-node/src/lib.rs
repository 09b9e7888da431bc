//! The node model of an OpenSIPS cluster: who belongs to which cluster, where each node listens and
//! in which state it is.
//!
//! Everything here is a value. A database driver delivers [`RawRow`]s, [`Row::parse`] turns each into
//! a typed [`Row`] or says which column is wrong, and [`Table::build`] keeps the clusters that this
//! machine belongs to. The crate opens no socket, reads no clock and resolves no name: time is a
//! [`Now`] handed in, names are resolved by the caller between parsing and building.
//!
//! ```
//! use clusterer_node::{Cell, MachineId, RawRow, Row, Table, UnixTime};
//!
//! let raw = RawRow {
//!     id: Cell::Int(2),
//!     cluster_id: Cell::Int(1),
//!     machine_id: Cell::Int(2),
//!     url: Cell::Text("bin:192.168.0.6:5566".into()),
//!     ..RawRow::default()
//! };
//! let row = Row::parse(&raw, UnixTime::ZERO).unwrap().row;
//! assert_eq!(row.url.port(), 5566);
//! assert_eq!(&*row.description, "none");
//! ```
//!
//! # Threads and errors
//! All types are plain data, `Send` and `Sync`. Errors are values that name the row and the column;
//! nothing panics, whatever the database holds.
//!
//! # What it refuses to do
//! Resolve host names, talk to a database ([`NodeStore`] is only the seam), judge who is reachable.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod endpoint;
mod id;
mod index;
mod link;
mod protocol;
mod raw_row;
mod row;
mod slot_timers;
mod state;
mod store;
mod table;
mod time;
mod timers;
mod url;

pub use endpoint::Endpoint;
pub use id::{ClusterId, DbId, IdError, MachineId, NodeKey};
pub use link::{Attempt, LinkEvent, LinkFailure, LinkId};
pub use protocol::{Protocol, UnknownProtocol};
pub use raw_row::{Cell, Column, RawRow};
pub use row::{Parsed, Problem, Row, RowError, RowWarning};
pub use slot_timers::SlotTimers;
pub use state::{AdminState, Availability, LinkState, Reachability, State, UnknownState};
pub use store::{BoxFuture, Change, Flushed, NodeStore, StoreError, StoredStatus};
pub use table::{Cluster, Node, ResolvedRow, Skip, SkippedRow, Table};
pub use time::{Moment, Now, UnixTime};
pub use timers::Timers;
pub use url::{Host, NodeUrl, UrlError};
