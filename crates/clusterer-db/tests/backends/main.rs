//! Every kind of database that is built in, through the crate's public API. What all of them must do is in
//! `shared`, and in the tests' library what any store must; beside it stands what each has of its own.
//!
//! The servers are those that the environment variables `CLUSTERER_TEST_POSTGRES` and
//! `CLUSTERER_TEST_MYSQL` lead to. `cargo xtask test` starts them.
#![cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod server;
mod shared;
#[cfg(feature = "sqlite")]
mod sqlite;
