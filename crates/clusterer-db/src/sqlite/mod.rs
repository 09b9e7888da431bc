//! SQLite: one file, read and written by one thread of ours and any number of other processes.

mod cell;
mod database;
mod dialect;
mod session;

pub(crate) use database::Sqlite;
pub(crate) use dialect::DIALECT;
