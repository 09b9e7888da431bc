//! The HTTP server: commands as JSON-RPC, and whatever pages and event streams a program mounts.

mod access;
mod activity;
mod body;
mod config;
mod connection;
mod connections;
mod events;
mod response;
mod routes;
mod server;
mod socket;
mod upload;

pub use access::HttpAccess;
pub use config::{HttpConfig, HttpError};
pub use events::{EventSender, ServerEvent, StreamClosed};
pub use response::HttpResponse;
pub use server::{HttpHandle, HttpServer};
