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
    body: &'a [u8],
    /// Where the body ends: bytes from the packet's begin.
    body_end: usize,
}

impl<'a> Packet<'a> {
    /// Reads the header of a whole packet, as a [`Framer`](crate::Framer) found it.
    ///
    /// # Errors
    /// A part of the header, or the sender, lies behind the packet's end.
    #[inline]
    pub fn parse(dialect: Dialect, bytes: &'a [u8]) -> Result<Self, FieldError> {
        let mut header = Reader::new(dialect, bytes, bytes.len());
        let [.., a, b] = header.array::<8>()?;
        let version = header.array().map(i16::from_le_bytes)?;
        let reserved = match dialect {
            Dialect::V22 => {
                let [c, d] = header.array()?;
                [a, b, c, d]
            }
            Dialect::V24 => [0; 4],
        };
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
            reserved,
            bytes,
            body: &[],
            body_end: bytes.len(),
        };
        match dialect {
            Dialect::V22 => packet.sender = header.int()?,
            Dialect::V24 => packet.address(&mut header)?,
        }
        packet.body = header.rest();
        Ok(packet)
    }

    /// Becomes the packet of these bytes, if its header says the same: what is the same needs only be
    /// compared, which is cheaper than to read it. Else it stays as it is, and [`Packet::parse`] says what
    /// the bytes are. Packets of the later dialect, which are addressed behind their body, never do.
    #[inline]
    pub fn follow(&mut self, bytes: &'a [u8]) -> bool {
        let head = self.bytes.len() - self.body.len();
        let (Some((own, _)), Some((theirs, body))) =
            (self.bytes.split_at_checked(head), bytes.split_at_checked(head))
        else {
            return false;
        };
        let (&[_, _, _, _, _, _, _, _, v0, v1, _, _, ref own @ ..], Dialect::V22) =
            (own, self.dialect)
        else {
            return false;
        };
        let &[_, _, _, _, _, _, a, b, w0, w1, c, d, ref theirs @ ..] = theirs else { return false };
        // Module, command and sender, with the module's length.
        if [v0, v1] != [w0, w1] || !is_same(own, theirs) {
            return false;
        }
        (self.reserved, self.bytes) = ([a, b, c, d], bytes);
        (self.body, self.body_end) = (body, bytes.len());
        true
    }

    /// Reads for whom a packet of the later dialect is, and from whom: behind the body, for most. Leaves the
    /// reader at the body.
    fn address(&mut self, header: &mut Reader<'a>) -> Result<(), FieldError> {
        if !self.dialect.has_trailer(self.module) {
            self.cluster = Some(header.int()?);
            self.sender = header.int()?;
            return Ok(());
        }
        let (at, left) = (header.at(), header.rest().len());
        let Some(body) = left.checked_sub(TRAILER_LEN) else {
            return Err(FieldError::PastEnd { at, need: TRAILER_LEN, left });
        };
        let mut trailer = *header;
        *header = trailer.sub(body)?;
        self.body_end = trailer.at();
        self.cluster = Some(trailer.int()?);
        self.sender = trailer.int()?;
        self.destination = Some(trailer.int()?);
        Ok(())
    }

    /// The whole packet, from marker to end.
    #[inline]
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// A reader at the begin of what the module wrote, which ends where that ends.
    #[inline]
    #[must_use]
    pub fn body(&self) -> Reader<'a> {
        Reader::new(self.dialect, self.body, self.body_end)
    }
}

/// Whether some tens of bytes are the same. Words are compared here: a call would take longer than that.
#[inline]
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let (Some(end), Some(others)) = (one.last_chunk::<8>(), other.last_chunk::<8>()) else {
        return one == other;
    };
    // The last word, which may begin within the one before it, and then those before.
    one.len() == other.len()
        && end == others
        && one.as_chunks::<8>().0.iter().eq(other.as_chunks::<8>().0)
}
