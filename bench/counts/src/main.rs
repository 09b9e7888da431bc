//! What `cargo xtask bench --counts` counts the instructions of.
//!
//! Each operation is done once to warm it up and once more inside [`meter::measured`], between whose begin
//! and end valgrind counts. Its name goes to standard output before: the counts come in the same order.

mod cluster;
mod codec;
#[path = "../../shared/meter.rs"]
mod meter;
mod pipes;
mod same;
mod words;

fn main() {
    // What the way to an operation costs, which is taken off the others.
    meter::counted("nothing", || {});
    for count in [1, 20] {
        codec::decode(count);
    }
    for count in [1, 20] {
        codec::encode(count);
    }
    for count in [1, 20] {
        pipes::update(count);
    }
    for nodes in [1, 1_000, 100_000] {
        cluster::all(nodes);
    }
}
