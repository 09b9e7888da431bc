//! How long it takes: in turns, so that what else the machine does meets all alike.

use crate::codec::Subject;
use crate::{RING, allocations};
use std::time::Instant;

const ROUNDS: usize = 301;
/// All messages so often between two looks at the clock.
const PASSES: u32 = 64;

/// Prints a line for each: pipes, name, bytes, then nanoseconds (median) and allocations of encoding, and
/// those of decoding.
pub(crate) fn tell(pipes: u16, subjects: &mut [Subject]) {
    let mut times = vec![(Vec::new(), Vec::new()); subjects.len()];
    for _ in 0..ROUNDS {
        for (subject, (encode, decode)) in subjects.iter_mut().zip(&mut times) {
            encode.push(nanoseconds(&mut subject.encode));
            decode.push(nanoseconds(&mut subject.decode));
        }
    }
    for (subject, (encode, decode)) in subjects.iter_mut().zip(times) {
        let Subject { name, bytes, .. } = *subject;
        let each = |work: &mut dyn FnMut()| allocations::of(work) as f64 / f64::from(RING);
        let (writing, reading) = (each(&mut subject.encode), each(&mut subject.decode));
        let (encode, decode) = (median(encode), median(decode));
        println!("{pipes}\t{name}\t{bytes}\t{encode:.1}\t{writing}\t{decode:.1}\t{reading}");
    }
}

/// A message.
fn nanoseconds(work: &mut dyn FnMut()) -> f64 {
    let begin = Instant::now();
    (0..PASSES).for_each(|_| work());
    begin.elapsed().as_nanos() as f64 / f64::from(PASSES * u32::from(RING))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
