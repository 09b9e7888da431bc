//! What the fields of a known packet are called and how they follow each other.

use crate::layouts::LAYOUTS;
use crate::{Dialect, Packet};

/// The fields of one kind of packet, after the sender and before a trailer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Layout {
    /// The dialect it is written in.
    pub dialect: Dialect,
    /// The module (2.2) or capability (later).
    pub module: &'static str,
    /// The command of that module.
    pub command: i32,
    /// The version of the payload in which the packet has these fields.
    pub version: i16,
    /// What the packet is called: unique within its dialect and module.
    pub name: &'static str,
    /// The fields, in order.
    pub fields: &'static [Field],
}

/// A field: what it is called, and what it is.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The name, unique in its record.
    pub name: &'static str,
    /// What stands on the wire.
    pub kind: Kind,
}

/// What a field is on the wire.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// An integer.
    Int,
    /// A string: any bytes.
    Str,
    /// An integer; unless it is 0, these fields follow, as siblings.
    Flag(&'static [Field]),
    /// An integer; the fields that stand beside its value follow, as siblings. None do where its
    /// value is not among these.
    Choice(&'static [(i32, &'static [Field])]),
    /// A count, and as many elements.
    Counted(Element),
    /// Elements to the end of the body.
    Repeat(Element),
    /// To the end of the body: an integer size, [`CHUNK_MARKER`], and as many bytes.
    Chunks {
        /// The earlier string whose value tells what is in the chunks.
        by: &'static str,
        /// What is in them, by that string. Chunks of others are bytes.
        known: &'static [(&'static str, &'static [Field])],
    },
}

/// What a list repeats.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Element {
    /// Integers.
    Int,
    /// Strings.
    Str,
    /// Fields that belong together.
    Group(&'static [Field]),
}

/// The integer between the size and the bytes of a chunk.
pub const CHUNK_MARKER: i32 = 101_010_101;

impl Layout {
    /// All layouts.
    #[must_use]
    pub const fn all() -> &'static [Self] {
        LAYOUTS
    }

    /// The layout of a module's command.
    #[must_use]
    pub fn find(dialect: Dialect, module: &[u8], command: i32) -> Option<&'static Self> {
        let found = |layout: &&Self| {
            layout.dialect == dialect
                && layout.command == command
                && layout.module.as_bytes() == module
        };
        LAYOUTS.iter().find(found)
    }

    /// The layout of this packet. None where the packet's version is not the layout's: the fields of
    /// other versions differ.
    #[must_use]
    pub fn of(packet: &Packet<'_>) -> Option<&'static Self> {
        Self::find(packet.dialect, packet.module, packet.command)
            .filter(|layout| layout.version == packet.version)
    }
}
