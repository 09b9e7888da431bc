//! What pipes and other nodes' counters take.

use crate::load::{context, limits, machine, packet};
use clusterer_node::Moment;
use clusterer_ratelimit::RateLimit;
use clusterer_registry::ClusterModule;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

static BYTES: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is passed on unchanged to the system's allocator; the counting touches atomics only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(taken(layout), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        BYTES.fetch_sub(taken(layout), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// With what glibc takes for itself.
fn taken(layout: Layout) -> usize {
    (layout.size() + 8).next_multiple_of(16).max(32)
}

const PIPES: usize = 10_000;

pub(crate) fn tell() {
    println!("\n{:<44}{:>12}", format!("per pipe, of {PIPES}"), "bytes");
    let packets: Vec<_> = (0..PIPES).map(|pipe| packet(&[pipe], 1)).collect();
    let row = |what: &str, fill: &dyn Fn(&RateLimit)| {
        let limits = limits();
        let before = BYTES.load(Ordering::Relaxed);
        fill(&limits);
        println!("{what:<44}{:>12}", (BYTES.load(Ordering::Relaxed) - before) / PIPES);
    };
    row("called here, received from nobody", &|limits| {
        for pipe in 0..PIPES {
            limits.check(Moment::ZERO, format!("p{pipe}").as_bytes(), 1, None).unwrap();
        }
    });
    for senders in [1, 2, 8, 64] {
        row(&format!("received from {senders}"), &|limits| {
            for sender in (0..senders).map(machine) {
                for packet in &packets {
                    limits.on_packet(&context(sender, Moment::ZERO), packet).unwrap();
                }
            }
        });
    }
}
