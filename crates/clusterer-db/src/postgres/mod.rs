//! PostgreSQL: one connection at a time, over TCP or a Unix socket, and one that listens where there is
//! somebody to listen to.

mod cell;
mod changes;
mod connect;
mod dialect;
mod explain;
mod listen;
mod session;
mod tls;

pub(crate) use connect::Postgres;
pub(crate) use dialect::DIALECT;
