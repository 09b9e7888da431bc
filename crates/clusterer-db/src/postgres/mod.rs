//! PostgreSQL: one connection at a time, over TCP or a Unix socket.

mod cell;
mod connect;
mod dialect;
mod explain;
mod session;
mod tls;

pub(crate) use connect::Postgres;
pub(crate) use dialect::DIALECT;
