//! The programs as their users run them: processes, sockets, a database, signals.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod activation;
mod away;
mod bad_bytes;
mod bad_config;
mod carriers;
mod container;

mod ctl;
mod databases;
mod demo;
mod disk;
mod hosts;
mod http;
mod import;
mod lifecycle;
mod manager;
mod manual;
mod membership;
mod metrics;
mod mi;
mod outage;
mod page;
mod reconfigured;
mod reload;
mod replay;
mod rolling;
mod second;
mod servers;
mod shared;
mod start;
mod tables;
mod unit;
mod watch;
