//! A packet's header, read in place.

use crate::dialect::TRAILER_LEN;
use crate::{Dialect, FieldError, Reader};

/// A packet whose header has been read. Borrows the bytes it was parsed from.
///
/// Sender, cluster and destination stand in different places in the two dialects; here they are
/// fields, and the body is what the module wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packet<'a> {
    /// The dialect it was read in.
    pub dialect: Dialect,
    /// The module (2.2) or capability (later) it is for: not necessarily text.
    pub module: &'a [u8],
    /// The command, whose meaning depends on the module.
    pub command: i32,
    /// The version of the payload's format. Always 1 in 2.2.
    pub version: i16,
    /// The machine id of the node that wrote it.
    pub sender: i32,
    /// The cluster it is meant for, where the dialect says so.
    pub cluster: Option<i32>,
    /// The node it is meant for, where the dialect says so.
    pub destination: Option<i32>,
    /// The four header bytes that a 2.2 sender leaves unset: those after the length, those after the
    /// version. Zeros in the other dialect.
    pub reserved: [u8; 4],
    bytes: &'a [u8],
    body: (usize, usize),
}

impl<'a> Packet<'a> {
    /// Reads the header of a whole packet, as a [`Framer`](crate::Framer) found it.
    ///
    /// # Errors
    /// A part of the header, or the sender, lies behind the packet's end.
    pub fn parse(dialect: Dialect, bytes: &'a [u8]) -> Result<Self, FieldError> {
        let mut header = Reader::new(dialect, bytes, 0);
        header.skip(8)?;
        let version = header.short()?;
        if dialect == Dialect::V22 {
            header.skip(2)?;
        }
        debug_assert_eq!(header.at(), dialect.name_at());
        let module = header.counted()?;
        let command = header.int()?;
        let mut packet = Self {
            dialect,
            module,
            command,
            version,
            sender: 0,
            cluster: None,
            destination: None,
            reserved: reserved(dialect, bytes),
            bytes,
            body: (header.at(), bytes.len()),
        };
        match dialect {
            Dialect::V22 => packet.sender = header.int()?,
            Dialect::V24 if !dialect.has_trailer(module) => {
                packet.cluster = Some(header.int()?);
                packet.sender = header.int()?;
            }
            Dialect::V24 => {
                let left = bytes.len() - header.at();
                let end = bytes.len().checked_sub(TRAILER_LEN).filter(|&end| end >= header.at());
                let end =
                    end.ok_or(FieldError::PastEnd { at: header.at(), need: TRAILER_LEN, left })?;
                let mut trailer = Reader::new(dialect, bytes, end);
                packet.cluster = Some(trailer.int()?);
                packet.sender = trailer.int()?;
                packet.destination = Some(trailer.int()?);
                packet.body.1 = end;
            }
        }
        packet.body.0 = header.at();
        Ok(packet)
    }

    /// The whole packet, from marker to end.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// A reader at the begin of what the module wrote, which ends where that ends.
    #[must_use]
    pub fn body(&self) -> Reader<'a> {
        let (begin, end) = self.body;
        Reader::new(self.dialect, self.bytes.get(..end).unwrap_or_default(), begin)
    }
}

fn reserved(dialect: Dialect, bytes: &[u8]) -> [u8; 4] {
    match (dialect, bytes) {
        (Dialect::V22, &[_, _, _, _, _, _, a, b, _, _, c, d, ..]) => [a, b, c, d],
        _ => [0; 4],
    }
}
