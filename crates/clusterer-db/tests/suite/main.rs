//! The SQLite backend, through the crate's public API.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod admin;
mod changes;
#[path = "../conformance/mod.rs"]
mod conformance;
mod fixture;
mod malformed;
mod processes;
mod schema;
mod store;
mod upgrade;

conformance::conformance!(fixture::Fixture::with);
