//! Real sockets on the loopback interface.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

mod deadlines;
mod delivery;
mod drain;
mod ending;
mod hostile;
mod links;
mod passed;
mod support;
