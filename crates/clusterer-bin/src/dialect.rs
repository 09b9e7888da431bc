//! The two header dialects.

use core::fmt;

/// How headers and strings are written. A value of every listener and every link, never a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// OpenSIPS 2.2: u16 length and i16 version with two unused bytes after each, i32 string lengths,
    /// the sender's machine id first in the body.
    V22,
    /// OpenSIPS 2.4 to 4.x: u32 length, i16 version, u16 string lengths, a trailer of cluster,
    /// source and destination (`clusterer-internal` packets begin with cluster and source instead).
    V24,
}

/// The four bytes every packet begins with.
pub(crate) const MARKER: [u8; 4] = *b"P4CK";
/// The capability of the later generation whose packets have no trailer.
const INTERNAL: &[u8] = b"clusterer-internal";
/// Cluster, source, destination.
pub(crate) const TRAILER_LEN: usize = 12;

impl Dialect {
    /// Packets for this module end with cluster, source and destination, and so differ from one
    /// receiver to the next.
    #[inline]
    #[must_use]
    pub fn has_trailer(self, module: &[u8]) -> bool {
        self == Self::V24 && module != INTERNAL
    }

    /// Where the module name's length stands.
    pub(crate) const fn name_at(self) -> usize {
        match self {
            Self::V22 => 12,
            Self::V24 => 10,
        }
    }

    /// How many bytes must be there before a packet's length is known.
    #[inline]
    pub(crate) const fn prefix_len(self) -> usize {
        match self {
            Self::V22 => 6,
            Self::V24 => 8,
        }
    }

    /// The shortest packet, bytes: a header with an empty module name (2.2), with one of a single
    /// character (later ones refuse the empty name).
    #[inline]
    #[must_use]
    pub const fn min_packet(self) -> usize {
        match self {
            Self::V22 => 20,
            Self::V24 => 17,
        }
    }

    /// The longest packet, bytes, that this dialect's receivers take: 65535, and 65515 for 4.0.
    #[inline]
    #[must_use]
    pub const fn max_packet(self) -> usize {
        match self {
            Self::V22 => 65_535,
            Self::V24 => 65_515,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V22 => "2.2",
            Self::V24 => "2.4",
        })
    }
}
