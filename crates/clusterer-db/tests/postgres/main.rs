//! The PostgreSQL backend, through the crate's public API, on the server that the environment variable
//! `CLUSTERER_TEST_POSTGRES` leads to. `cargo xtask test` starts one.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::print_stderr)]

mod admin;
mod changes;
#[path = "../conformance/mod.rs"]
mod conformance;
mod errors;
mod fixture;
mod malformed;
mod reaching;
mod schema;
mod store;
mod tls;
mod upgrade;

conformance::conformance!(fixture::Fixture::with, fixture::server_is_there);

/// The same with triggers.
mod telling {
    crate::conformance::conformance!(
        crate::fixture::Fixture::telling,
        crate::fixture::server_is_there
    );
}
