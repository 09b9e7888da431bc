//! The HTTP server from outside: exact bytes over TCP.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod crowds;
mod hostile;
mod lifecycle;
mod statuses;
mod streams;
mod support;
mod transcript;
