//! A laboratory of real processes: a temporary directory with a database, daemons on addresses of their
//! own, and their management interface. The end-to-end tests and `cargo xtask demo` are built on it.
//!
//! Everything is read over MI from the separate processes, waits are for a condition with a deadline,
//! and dropping the lab ends its processes and removes its files.

mod address;
mod daemon;
mod lab;
mod program;
mod wait;

pub use address::free_address;
pub use daemon::Daemon;
pub use lab::{Lab, NodeRow};
pub use program::program;
pub use wait::{PATIENCE, wait_for, wait_showing};
