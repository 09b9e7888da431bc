//! Database servers of the tests' own: private, unprivileged, gone when they are dropped.
//!
//! `cargo xtask test` starts one of each [`Kind`] and names them to all tests by environment variable;
//! [`Access::for_test`] is the way in. A test that kills or stops a server starts one for itself.

mod access;
mod account;
mod client;
mod data;
mod database;
mod kind;
mod mariadb;
mod postgres;
mod process;
mod server;

pub use access::Access;
pub use database::Database;
pub use kind::Kind;
pub use server::Server;
