//! The module registry of a cluster node: which module takes which packets, from whom, and what it is
//! told when a node falls silent.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod module;

pub use module::{ClusterModule, Malformed, ModuleEvent, PacketContext};
