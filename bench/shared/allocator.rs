//! The system's allocator, which calls `note` of the file that takes this one in whenever memory is asked for. How to
//! count is decided there: a program of one thread does it for less.

#![allow(unsafe_code, reason = "an allocator is")]

use super::note;
use std::alloc::{GlobalAlloc, Layout, System};

struct Noting;

#[global_allocator]
static ALLOCATOR: Noting = Noting;

// SAFETY: every call is passed on unchanged to the system's allocator; a note allocates nothing.
unsafe impl GlobalAlloc for Noting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}
