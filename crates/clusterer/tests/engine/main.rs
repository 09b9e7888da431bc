//! Whole engines: with stores that misbehave, on loopback, and on a transport and a clock of the test's own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod changes;
mod events;
mod figures;
mod halves;
mod handles;
mod heartbeat;
mod modules;
mod replay;
mod replication;
mod requests;
mod store;
mod support;
mod threads;
mod wires;
