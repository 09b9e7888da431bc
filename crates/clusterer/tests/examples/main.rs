//! The examples, driven: their code is included, and run against nodes on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
// Two programs share how they read their arguments.
#![allow(clippy::duplicate_mod)]

#[path = "../../examples/dialog_profiles/main.rs"]
mod dialog_profiles;
#[path = "../../examples/join.rs"]
mod join;
#[path = "../../examples/own_module.rs"]
mod own_module;

mod profiles;
mod programs;
mod support;
