//! What a received packet costs the module: time, instructions, and the memory a pipe takes.
//!
//! `cargo bench -p clusterer-ratelimit`. Instructions are counted where `valgrind` is installed. Pipes exist
//! before; their order and all counters change with every packet. Not included: reading, framing, parsing.
//! `-- ns 20 1000 1` times one case, to compare two builds by turns: pipes a packet, pipes in the table, senders.

#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "this is no library"
)]

mod instructions;
mod load;
mod memory;

use load::{Case, Load};
use std::time::Instant;

/// Each case is timed this often; the quickest counts.
const TIMES: usize = 7;

fn main() {
    // Cargo adds `--bench`.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match &args[..] {
        [] => measure(),
        [ns, case @ ..] if ns == "ns" => println!("{:.1}", nanoseconds(parse(case))),
        // By ourselves, below valgrind.
        case => under_measurement(&mut Load::new(parse(case))),
    }
}

fn parse(case: &[String]) -> Case {
    case.join(" ").parse().unwrap()
}

fn measure() {
    println!("{:<44}{:>12}{:>14}", "per packet", "ns", "instructions");
    for case in Case::all() {
        let counted = instructions::of(case).map_or("not counted".into(), |n| format!("{n:.0}"));
        println!("{:<44}{:>12.1}{counted:>14}", case.to_string(), nanoseconds(case));
    }
    memory::tell();
}

fn nanoseconds(case: Case) -> f64 {
    let mut load = Load::new(case);
    let once = |_| {
        let begun = Instant::now();
        under_measurement(&mut load);
        begun.elapsed().as_secs_f64() * 1e9 / load::PACKETS as f64
    };
    (0..TIMES).map(once).fold(f64::INFINITY, f64::min)
}

/// What is measured: valgrind counts between its begin and its end, by its name.
#[inline(never)]
fn under_measurement(load: &mut Load) {
    load.receive_all();
}
