//! The datagram server: a request is a datagram, in the text form or as JSON-RPC, and so is its reply.

mod address;
mod config;
mod endpoint;
mod reply;
mod request;
mod server;

pub use address::{DatagramAddress, DatagramAddressError};
pub use config::{DatagramConfig, DatagramError};
pub use server::{DatagramHandle, DatagramServer};
