//! The rules of probing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bench;
mod judged;
mod links;
mod rows;
mod told;
