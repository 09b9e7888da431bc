//! The FIFO server: requests come in through one FIFO, each reply goes out through another that the
//! client made.

mod accounts;
mod config;
mod endpoint;
mod execute;
mod reply;
mod server;

pub use config::{FifoConfig, FifoError};
pub use server::{FifoHandle, FifoServer};
