//! MySQL and MariaDB: one connection at a time, over TCP or a Unix socket.

mod cell;
mod connect;
mod dialect;
mod explain;
mod session;
mod tls;

pub(crate) use connect::Mysql;
pub(crate) use dialect::DIALECT;
