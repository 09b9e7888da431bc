//! Decoding takes no memory: framing, headers and fields, of every captured packet.
#![allow(unsafe_code, clippy::panic, clippy::unwrap_used)]

use clusterer_bin::{Dialect, Framer, Packet, Step};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

thread_local! {
    /// Allocations of this thread: the test harness allocates on its own.
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is passed on unchanged to the system's allocator; counting touches a cell that
// is initialised at compile time and has no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }
}

fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

/// Everything a node does with a stream, short of what its modules do.
fn decode(dialect: Dialect, stream: &[u8]) -> usize {
    let mut framer = Framer::new(dialect);
    let mut rest = stream;
    let mut packets = 0;
    while let Ok(Step::Packet { bytes, consumed }) = framer.next(rest) {
        let packet = Packet::parse(dialect, bytes).unwrap();
        let mut body = packet.body();
        while let Ok(string) = body.str() {
            black_box(string);
            if body.is_empty() {
                break;
            }
        }
        let mut body = packet.body();
        while let Ok(int) = body.int() {
            black_box(int);
        }
        rest = rest.get(consumed..).unwrap();
        packets += 1;
    }
    packets
}

#[test]
fn decoding_allocates_nothing() {
    for (folder, dialect, expected) in [("2.2", Dialect::V22, 7), ("4.0", Dialect::V24, 21)] {
        let folder = format!("{}/tests/packets/{folder}", env!("CARGO_MANIFEST_DIR"));
        let mut stream = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ext| ext == "bin") {
                stream.extend(std::fs::read(path).unwrap());
                if dialect == Dialect::V22 {
                    stream.extend([0; 8]);
                }
            }
        }
        let mut packets = 0;
        assert_eq!(allocations(|| packets = decode(dialect, &stream)), 0);
        assert_eq!(packets, expected);
    }
}

/// Nothing is taken for a packet that only says it is long, nor for a lost stream.
#[test]
fn errors_and_waiting_allocate_nothing() {
    let spent = allocations(|| {
        let mut framer = Framer::new(Dialect::V24);
        let step = framer.next(black_box(b"P4CK\xe0\xff\0\0"));
        assert!(matches!(step, Ok(Step::More { need: 0xffe0, .. })));
        assert!(Framer::new(Dialect::V24).next(black_box(b"P4CK\xff\xff\xff\xff")).is_err());
        assert!(Framer::new(Dialect::V22).next(black_box(b"GET / HTTP/1.1")).is_err());
        assert!(Packet::parse(Dialect::V22, black_box(b"P4CK\x10\0")).is_err());
    });
    assert_eq!(spent, 0);
}

#[test]
fn the_count_counts() {
    assert!(allocations(|| drop(black_box(vec![1_u8; 100]))) > 0);
}
