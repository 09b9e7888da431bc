//! What is said, in no codec's own terms.

use std::hint::black_box;

/// A packet of the ratelimit module.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) header: Header,
    pub(crate) pipes: Vec<Pipe>,
}

/// What every packet says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) module: &'static str,
    pub(crate) command: i32,
    pub(crate) version: i16,
    pub(crate) sender: i32,
}

/// A pipe and what was counted in it.
#[derive(Clone, Debug)]
pub(crate) struct Pipe {
    pub(crate) name: String,
    pub(crate) algorithm: i32,
    pub(crate) limit: i32,
    pub(crate) counter: i32,
}

impl Content {
    /// One of many that say the same of other counters, in another order.
    pub(crate) fn new(pipes: u16, turn: u16) -> Self {
        // A BIN packet of one pipe is 51 bytes long then, one of 20 is 403.
        let pipe = |number: u16| Pipe {
            name: format!("p{}", (number + turn) % pipes),
            algorithm: 1,
            limit: 100,
            counter: 1_000 + i32::from(number) * 100 + i32::from(turn),
        };
        let header = Header { module: "ratelimit", command: 0, version: 1, sender: 2 };
        Self { header, pipes: (0..pipes).map(pipe).collect() }
    }
}

/// Every field of a header is read once.
#[inline(always)]
pub(crate) fn read_header(module: &[u8], command: i32, version: i16, sender: i32) {
    black_box(module);
    black_box(command);
    black_box(version);
    black_box(sender);
}

/// Every field of a pipe is read once.
#[inline(always)]
pub(crate) fn read_pipe(name: &[u8], algorithm: i32, limit: i32, counter: i32) {
    black_box(name);
    black_box(algorithm);
    black_box(limit);
    black_box(counter);
}
