//! A cluster on a virtual clock and a virtual network: the second driver of `clusterer-core`.
//!
//! A [`Scenario`] says who takes part and what goes wrong when, a [`World`] lets it happen, a [`Run`] says
//! what was found. All of it is given by a seed, to the byte. What is simulated, and which invariants are
//! checked with which bounds, is in the README.
//!
//! ```
//! use clusterer_sim::{Scenario, World};
//!
//! let run = World::new(Scenario::new(7, None)).run();
//! assert_eq!(run.broken, None);
//! assert_eq!(run.hash, World::new(Scenario::new(7, None)).run().hash);
//! ```
//!
//! # Threads and errors
//! A [`World`] has one owner. A broken invariant is a text in [`Run::broken`]; a panic is a bug.
//!
//! # What it refuses to do
//! Decide anything about nodes: that is what is being tested.

#![allow(
    clippy::indexing_slicing,
    reason = "a wrong index is a bug of the simulator, and a panic the right end of it"
)]

mod agenda;
mod beat;
mod bounds;
mod connection;
mod coverage;
mod env;
mod faults;
mod gates;
mod gateway;
mod inbox;
mod inject;
mod judge;
mod links;
mod old_node;
mod oracle;
mod process;
pub mod report;
mod rng;
mod scenario;
#[cfg(test)]
mod scripts;
mod store;
mod tamper;
mod terrain;
mod trace;
mod world;

pub use coverage::Coverage;
pub use rng::Rng;
pub use scenario::Scenario;
pub use tamper::Tamper;
pub use world::{Run, World};
