//! SQLite: one file, read and written by one thread of ours and any number of other processes.

mod admin;
mod database;
mod rows;
mod schema;
mod store;

pub(crate) use database::Database;
pub(crate) use store::SqliteStore;
