//! What can be wrong with bytes, and with what is written.

use core::fmt;

/// The stream is lost: where the next packet begins cannot be known. Close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// A packet does not begin with `P4CK`.
    BadMarker([u8; 4]),
    /// The packet's length is more than is allowed. Nothing was reserved for it.
    TooLong {
        /// The length declared, bytes.
        length: u32,
        /// The limit, bytes.
        limit: u32,
    },
    /// The packet's length is less than its header takes.
    TooShort {
        /// The length declared, bytes.
        length: u32,
    },
    /// More zero words between two packets than trailing empty strings explain.
    TooManyZeros,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadMarker(found) => {
                write!(
                    f,
                    "no BIN packet: it begins with \"{}\", not \"P4CK\"",
                    found.escape_ascii()
                )
            }
            Self::TooLong { length, limit } => {
                write!(f, "packet length {length} is above the limit of {limit} bytes")
            }
            Self::TooShort { length } => {
                write!(f, "packet length {length} is less than a header takes")
            }
            Self::TooManyZeros => f.write_str("too many zero words after a packet"),
        }
    }
}

impl core::error::Error for FrameError {}

/// A field cannot be read. Drop the packet; the stream goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldError {
    /// A string's length is negative.
    NegativeLength {
        /// Where the length stands: bytes from the packet's begin.
        at: usize,
        /// The length declared.
        length: i32,
    },
    /// A field ends behind the packet.
    PastEnd {
        /// Where the field begins: bytes from the packet's begin.
        at: usize,
        /// How many bytes it takes.
        need: usize,
        /// How many bytes are left.
        left: usize,
    },
    /// A count is negative, or the body ends before so many elements.
    BadCount {
        /// Where the count stands: bytes from the packet's begin.
        at: usize,
        /// The count declared.
        count: i32,
    },
    /// A chunk does not begin with its size and [`CHUNK_MARKER`](crate::CHUNK_MARKER).
    BadChunk {
        /// Where the marker was expected: bytes from the packet's begin.
        at: usize,
        /// What stands there.
        marker: i32,
    },
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NegativeLength { at, length } => {
                write!(f, "at byte {at}: string length {length} is negative")
            }
            Self::PastEnd { at, need, left } => {
                write!(f, "at byte {at}: a field of {need} bytes where only {left} are left")
            }
            Self::BadCount { at, count } => {
                write!(f, "at byte {at}: count {count}, but fewer elements follow")
            }
            Self::BadChunk { at, marker } => {
                write!(f, "at byte {at}: {marker} is no chunk marker")
            }
        }
    }
}

impl core::error::Error for FieldError {}

/// A packet cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteError {
    /// The packet would be longer than its dialect's receivers take.
    TooLong {
        /// The limit, bytes.
        limit: usize,
    },
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit } => write!(f, "the packet would be longer than {limit} bytes"),
        }
    }
}

impl core::error::Error for WriteError {}
