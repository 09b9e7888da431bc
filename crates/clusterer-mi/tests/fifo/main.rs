//! The FIFO server and client on real FIFOs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod client;
mod hostile;
mod json;
mod lifecycle;
mod support;
mod transcripts;
#[path = "../shared/waiting.rs"]
mod waiting;
