//! A cluster on a virtual clock and a virtual network: the second driver of `clusterer-core`.
//!
//! ```
//! use clusterer_sim::{Scenario, World};
//!
//! let run = World::new(Scenario::new(7, None)).run();
//! assert_eq!(run.broken, None);
//! assert_eq!(run.hash, World::new(Scenario::new(7, None)).run().hash);
//! ```

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
