//! Real sockets on the loopback interface. `tests/threads` runs the same with several threads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

/// How many threads the transports of these tests have.
const THREADS: usize = 1;

mod deadlines;
mod delivery;
mod drain;
mod ending;
mod hostile;
mod links;
mod passed;
mod support;
mod threads;
