//! The FIFO server: requests come in through one FIFO, in the text form or as JSON-RPC, each reply goes
//! out through another that the client made.

mod config;
mod endpoint;
mod execute;
mod parse;
mod reply;
mod scan;
mod server;

pub use config::{FifoConfig, FifoError};
pub use server::{FifoHandle, FifoServer};
