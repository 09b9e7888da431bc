//! Our codec beside others on the same content: what a packet of the ratelimit module says.
//!
//! `cargo xtask bench --codecs` runs this twice: by itself, when it prints a line for each codec, and under
//! valgrind with the argument `count`, when it does each thing once.
//!
//! Decoding is from bytes to every field read once, borrowed where the codec can. Ours finds the packet in
//! a stream first; the others are given exactly one message, without a frame. Ours ends encoding with a packet
//! of its own that any number of receivers share; the others write into a buffer that they are given again.

mod allocations;
mod codec;
mod content;
#[path = "../../shared/meter.rs"]
mod meter;
mod others;
mod ours;
mod timing;

use codec::{Codec, Subject};
use content::Content;
use others::{Bitcode, Postcard, Prost, Rkyv};
use ours::Ours;

/// So many different messages in turn, or any processor would know them by heart.
const RING: u16 = 64;

fn main() {
    let is_counted = std::env::args().nth(1).is_some_and(|word| word == "count");
    if is_counted {
        meter::counted("nothing", || {});
    }
    for pipes in [1, 20] {
        let ring = if is_counted { 1 } else { RING };
        let contents: Vec<Content> = (0..ring).map(|turn| Content::new(pipes, turn)).collect();
        let mut subjects = [
            subject::<Ours>(&contents),
            subject::<Bitcode>(&contents),
            subject::<Rkyv>(&contents),
            subject::<Postcard>(&contents),
            subject::<Prost>(&contents),
        ];
        if is_counted {
            subjects.iter_mut().for_each(Subject::count);
        } else {
            timing::tell(pipes, &mut subjects);
        }
    }
}

fn subject<C: Codec>(contents: &[Content]) -> Subject {
    Subject::new::<C>(contents)
}
