//! A laboratory of real processes: a temporary directory with a database, daemons on addresses of their
//! own, their management interface, and private database servers. The end-to-end tests and `cargo xtask
//! demo` are built on it. A browser without a window looks at the status page, `opensips-cli` manages the
//! daemons as it manages OpenSIPS, Prometheus scrapes them.
//! Where root runs it, daemons can have a host each, a network namespace on a wire of the test's own, or a
//! small file system that the test fills.
//!
//! What every store of nodes must do is here, too ([`mod@conformance`]), for the tests of each.
//!
//! Everything is read over MI from the separate processes, waits are for a condition with a deadline,
//! and dropping the lab ends its processes and removes its files.

mod address;
mod browser;
mod change;
mod complete;
pub mod conformance;
mod daemon;
mod guardian;
mod host;
mod http;
mod lab;
mod manager;
mod opensips_cli;
mod program;
mod prometheus;
mod pulse;
pub mod servers;
mod skip;
mod volume;
mod wait;
mod wire;

pub use address::free_address;
pub use browser::{Browser, Scheme};
pub use change::Change;
pub use complete::{Completed, complete};
pub use daemon::{Daemon, Place};
pub use guardian::Guardian;
pub use host::Host;
pub use http::{Response, request};
pub use lab::{Lab, NodeRow};
pub use manager::ServiceManager;
pub use opensips_cli::OpensipsCli;
pub use program::program;
pub use prometheus::{Prometheus, Scraper};
pub use pulse::Pulse;
pub use skip::skip;
pub use volume::Volume;
pub use wait::{PATIENCE, wait_for, wait_showing};
pub use wire::{Obstacle, Wire};
