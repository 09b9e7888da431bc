//! The tests of `tests/net`, all of them, on transports of three threads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

const THREADS: usize = 3;

#[path = "../net/deadlines.rs"]
mod deadlines;
#[path = "../net/delivery.rs"]
mod delivery;
#[path = "../net/drain.rs"]
mod drain;
#[path = "../net/ending.rs"]
mod ending;
#[path = "../net/hostile.rs"]
mod hostile;
#[path = "../net/links.rs"]
mod links;
#[path = "../net/passed.rs"]
mod passed;
#[path = "../net/support.rs"]
mod support;
#[path = "../net/threads.rs"]
mod threads;
