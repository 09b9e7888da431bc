//! A node as one state machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bench;
mod deadlines;
mod pieces;
mod told;
