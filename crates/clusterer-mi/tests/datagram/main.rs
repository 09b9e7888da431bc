//! The datagram server on real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod hostile;
mod lifecycle;
mod requests;
mod support;
#[path = "../shared/waiting.rs"]
mod waiting;
