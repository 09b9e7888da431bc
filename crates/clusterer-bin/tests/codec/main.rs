//! The codec from outside: cuts, captured packets and their listings, malformed bytes, round trips.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod captured;
mod cuts;
mod follow;
mod hostile;
mod listings;
mod roundtrip;
