//! What the module does, seen from outside: its algorithms, its packets, and the bound it keeps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod algorithms;
mod bound;
mod cluster;
mod life;
mod metrics;
#[cfg(feature = "mi")]
mod mi;
mod runs;
mod wire;
