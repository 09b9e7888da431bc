//! Cutting a stream of bytes into packets, in place.

use crate::dialect::MARKER;
use crate::{Dialect, FrameError};

/// How many zero words after a 2.2 packet are taken for its uncounted trailing empty strings. The
/// widest packet known has 26 fields.
pub const MAX_ZERO_WORDS: u8 = 32;

const WORD: usize = 4;

/// Finds the packets of one stream. It keeps no bytes: the caller's buffer holds what is not yet
/// consumed and is shown again, longer, when more has come.
///
/// A 2.2 sender does not count the four bytes of each empty string that ends a packet, so zero words
/// may follow a packet that belong to nothing. They are skipped, in the 2.2 dialect, after a packet,
/// and at most [`MAX_ZERO_WORDS`] of them.
#[derive(Clone, Debug)]
pub struct Framer {
    dialect: Dialect,
    limit: usize,
    /// Zero words that may still be skipped.
    zeros_left: u8,
}

/// What a look at the buffer found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'b> {
    /// A whole packet. Drop `consumed` bytes of the buffer before the next look.
    Packet {
        /// The packet, from its marker to its end.
        bytes: &'b [u8],
        /// The packet's bytes and the zero words before it.
        consumed: usize,
    },
    /// Not enough bytes. Drop `consumed` bytes, and look again when there are at least `need`.
    More {
        /// Zero words that belong to nothing.
        consumed: usize,
        /// How many bytes the buffer must hold, counted after dropping, before another look can find
        /// more: never above the limit.
        need: usize,
    },
}

impl Framer {
    /// A stream of this dialect, with the dialect's own limit on packet lengths.
    #[must_use]
    pub const fn new(dialect: Dialect) -> Self {
        Self { dialect, limit: dialect.max_packet(), zeros_left: 0 }
    }

    /// The same with a lower limit, bytes a packet. A limit above the dialect's has no effect.
    #[must_use]
    pub const fn with_limit(dialect: Dialect, limit: usize) -> Self {
        let mut framer = Self::new(dialect);
        if limit < framer.limit {
            framer.limit = limit;
        }
        framer
    }

    /// The stream's dialect.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Looks for the next packet at the buffer's begin.
    ///
    /// # Errors
    /// The stream is lost; every later look is meaningless.
    pub fn next<'b>(&mut self, buffer: &'b [u8]) -> Result<Step<'b>, FrameError> {
        let skipped = self.skip_zeros(buffer)?;
        let rest = buffer.get(skipped..).unwrap_or_default();
        let length = match self.length(rest)? {
            Ok(length) => length,
            Err(need) => return Ok(Step::More { consumed: skipped, need }),
        };
        match rest.get(..length) {
            Some(bytes) => {
                if self.dialect == Dialect::V22 {
                    self.zeros_left = MAX_ZERO_WORDS;
                }
                Ok(Step::Packet { bytes, consumed: skipped + length })
            }
            None => Ok(Step::More { consumed: skipped, need: length }),
        }
    }

    fn skip_zeros(&mut self, buffer: &[u8]) -> Result<usize, FrameError> {
        if self.dialect != Dialect::V22 {
            return Ok(0);
        }
        let mut skipped = 0;
        while buffer.get(skipped..skipped + WORD) == Some(&[0; WORD]) {
            self.zeros_left = match self.zeros_left.checked_sub(1) {
                Some(left) => left,
                None if skipped == 0 => break,
                None => return Err(FrameError::TooManyZeros),
            };
            skipped += WORD;
        }
        Ok(skipped)
    }

    /// The length of the packet at the begin, or how many bytes are needed to know it.
    fn length(&self, bytes: &[u8]) -> Result<Result<usize, usize>, FrameError> {
        let seen = bytes.len().min(MARKER.len());
        let zeros = self.zeros_left > 0 && bytes.iter().take(seen).all(|&byte| byte == 0);
        if bytes.get(..seen) != MARKER.get(..seen) && !(zeros && seen < MARKER.len()) {
            let mut found = [0; 4];
            for (to, from) in found.iter_mut().zip(bytes) {
                *to = *from;
            }
            return Err(FrameError::BadMarker(found));
        }
        let length = match (self.dialect, bytes) {
            (Dialect::V22, &[_, _, _, _, a, b, ..]) => u16::from_le_bytes([a, b]).into(),
            (Dialect::V24, &[_, _, _, _, a, b, c, d, ..]) => u32::from_le_bytes([a, b, c, d]),
            _ if zeros => return Ok(Err(WORD)),
            _ => return Ok(Err(self.dialect.prefix_len())),
        };
        let size = usize::try_from(length).unwrap_or(usize::MAX);
        if size < self.dialect.min_packet() {
            return Err(FrameError::TooShort { length });
        }
        if size > self.limit {
            let limit = u32::try_from(self.limit).unwrap_or(u32::MAX);
            return Err(FrameError::TooLong { length, limit });
        }
        Ok(Ok(size))
    }
}
