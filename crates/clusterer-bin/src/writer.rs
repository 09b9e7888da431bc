//! Writing packets.

use crate::dialect::{MARKER, TRAILER_LEN};
use crate::{Dialect, WriteError};
use alloc::vec::Vec;
use bytes::Bytes;

/// Who writes a packet, and for which cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The writer's machine id.
    pub sender: i32,
    /// The cluster; not written in the 2.2 dialect.
    pub cluster: i32,
}

/// A few bytes that end a packet and differ from one receiver to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    bytes: [u8; TRAILER_LEN],
    len: usize,
}

impl Tail {
    /// No bytes.
    pub const NONE: Self = Self { bytes: [0; TRAILER_LEN], len: 0 };

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// A packet ready to be sent: bytes that all receivers share, and this receiver's tail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// What all receivers get. Cloning it copies no bytes.
    pub shared: Bytes,
    /// What only this one gets.
    pub tail: Tail,
}

impl Outgoing {
    /// A packet that is the same for every receiver.
    #[must_use]
    pub const fn new(shared: Bytes) -> Self {
        Self { shared, tail: Tail::NONE }
    }

    /// Its length, bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.len() + self.tail.as_slice().len()
    }

    /// It has no bytes at all: never true of a written packet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole packet in one piece.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        bytes.extend_from_slice(&self.shared);
        bytes.extend_from_slice(self.tail.as_slice());
        bytes
    }
}

/// A packet whose body is complete, not yet addressed: encoded once, sent to many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    dialect: Dialect,
    shared: Bytes,
    trailer: Option<Origin>,
}

impl Encoded {
    /// The packet for one receiver: cheap, no bytes are copied.
    #[must_use]
    pub fn to(&self, destination: i32) -> Outgoing {
        let tail = match self.trailer {
            None => Tail::NONE,
            Some(Origin { sender, cluster }) => {
                let mut bytes = [0; TRAILER_LEN];
                let ints = [cluster, sender, destination];
                for (to, int) in bytes.chunks_exact_mut(4).zip(ints) {
                    to.copy_from_slice(&int.to_le_bytes());
                }
                Tail { bytes, len: TRAILER_LEN }
            }
        };
        Outgoing { shared: self.shared.clone(), tail }
    }

    /// The dialect it was written in.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }
}

/// Writes one packet. What is written beyond the limit is left out, and [`PacketWriter::encode`] says so:
/// a half-written packet is never sent.
#[derive(Clone, Debug)]
pub struct PacketWriter {
    dialect: Dialect,
    bytes: Vec<u8>,
    /// How long `bytes` may become: with a trailer the packet is longer.
    most: usize,
    trailer: Option<Origin>,
    overrun: bool,
}

impl PacketWriter {
    /// A packet of format version 1.
    #[must_use]
    pub fn new(dialect: Dialect, module: &str, command: i32, origin: Origin) -> Self {
        Self::with_version(dialect, module.as_bytes(), command, 1, origin)
    }

    /// A packet of another format version (the later generation has some).
    #[must_use]
    pub fn with_version(
        dialect: Dialect,
        module: &[u8],
        command: i32,
        version: i16,
        origin: Origin,
    ) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&MARKER);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&version.to_le_bytes());
        if dialect == Dialect::V22 {
            bytes.extend_from_slice(&[0; 2]);
        }
        let most = dialect.max_packet();
        let mut writer = Self { dialect, bytes, most, trailer: None, overrun: false };
        writer.str(module).int(command);
        match dialect {
            Dialect::V22 => writer.int(origin.sender),
            Dialect::V24 if !dialect.has_trailer(module) => {
                writer.int(origin.cluster).int(origin.sender)
            }
            Dialect::V24 => {
                writer.trailer = Some(origin);
                writer.most -= TRAILER_LEN;
                &mut writer
            }
        };
        writer
    }

    /// The dialect to write for: a module's fields may differ between them.
    #[inline]
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Appends an integer.
    #[inline]
    pub fn int(&mut self, value: i32) -> &mut Self {
        self.put(&value.to_le_bytes())
    }

    /// Appends a string: any bytes.
    #[inline]
    pub fn str(&mut self, value: &[u8]) -> &mut Self {
        match self.dialect {
            Dialect::V22 => match i32::try_from(value.len()) {
                Ok(length) => self.int(length),
                Err(_) => self.overrun(),
            },
            Dialect::V24 => match u16::try_from(value.len()) {
                Ok(length) => self.put(&length.to_le_bytes()),
                Err(_) => self.overrun(),
            },
        };
        self.put(value)
    }

    /// Appends bytes as they are.
    #[inline]
    pub fn raw(&mut self, value: &[u8]) -> &mut Self {
        self.put(value)
    }

    /// Sets the four header bytes that a 2.2 sender leaves unset, for tools that write what they have
    /// read ([`Packet::reserved`](crate::Packet::reserved)). The later dialect has none.
    pub fn reserved(&mut self, [a, b, c, d]: [u8; 4]) -> &mut Self {
        if self.dialect == Dialect::V22 {
            self.set(6, &[a, b]);
            self.set(10, &[c, d]);
        }
        self
    }

    /// How long the packet is so far, bytes, a trailer included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() + self.trailer.map_or(0, |_| TRAILER_LEN)
    }

    /// Never true: there is always a header.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// How many more bytes fit.
    #[inline]
    #[must_use]
    pub fn room(&self) -> usize {
        self.most.saturating_sub(self.bytes.len())
    }

    /// Completes the packet, for any number of receivers.
    ///
    /// # Errors
    /// More was written than a packet of this dialect holds.
    pub fn encode(mut self) -> Result<Encoded, WriteError> {
        let limit = self.dialect.max_packet();
        let length = self.len();
        if self.overrun || length > limit {
            return Err(WriteError::TooLong { limit });
        }
        let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        match self.dialect {
            Dialect::V22 => self.set(MARKER.len(), &[a, b]),
            Dialect::V24 => self.set(MARKER.len(), &[a, b, c, d]),
        }
        Ok(Encoded { dialect: self.dialect, shared: self.bytes.into(), trailer: self.trailer })
    }

    /// Completes the packet for one receiver.
    ///
    /// # Errors
    /// As [`PacketWriter::encode`].
    pub fn finish(self, destination: i32) -> Result<Outgoing, WriteError> {
        self.encode().map(|encoded| encoded.to(destination))
    }

    /// Begins a chunk whose size is not known yet; the result is for [`PacketWriter::end_chunk`].
    pub(crate) fn begin_chunk(&mut self, marker: i32) -> usize {
        let begin = self.bytes.len();
        self.int(0).int(marker);
        begin
    }

    pub(crate) fn end_chunk(&mut self, begin: usize) {
        let inside = self.bytes.len().saturating_sub(begin + 8);
        // A size that does not fit was not written either: the packet is overrun.
        let size = i32::try_from(inside).unwrap_or(i32::MAX);
        self.set(begin, &size.to_le_bytes());
    }

    fn set(&mut self, at: usize, value: &[u8]) {
        for (to, &from) in self.bytes.iter_mut().skip(at).zip(value) {
            *to = from;
        }
    }

    #[inline]
    fn put(&mut self, value: &[u8]) -> &mut Self {
        if value.len() > self.room() {
            return self.overrun();
        }
        self.bytes.extend_from_slice(value);
        self
    }

    #[cold]
    fn overrun(&mut self) -> &mut Self {
        self.overrun = true;
        self
    }
}
