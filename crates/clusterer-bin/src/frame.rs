//! Cutting a stream of bytes into packets, in place.

use crate::dialect::MARKER;
use crate::{Dialect, FrameError};

/// How many zero words after a 2.2 packet are taken for its uncounted trailing empty strings. The
/// widest packet known has 26 fields.
pub const MAX_ZERO_WORDS: u8 = 32;

const WORD: usize = MARKER.len();

/// Finds the packets of one stream. It keeps no bytes: the caller's buffer holds what is not yet
/// consumed and is shown again, longer, when more has come.
///
/// A 2.2 sender does not count the four bytes of each empty string that ends a packet, so zero words
/// may follow a packet that belong to nothing. They are skipped, in the 2.2 dialect, after a packet,
/// and at most [`MAX_ZERO_WORDS`] of them.
///
/// What is found, errors included, depends on the bytes alone and never on how they were cut into
/// chunks: hence a marker is judged when all four of its bytes are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framer {
    dialect: Dialect,
    limit: usize,
    /// Zero words that may still be skipped; none may where no 2.2 packet has gone before.
    zeros_left: Option<u8>,
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
        /// more: never above the limit, so a buffer of that size is always enough.
        need: usize,
    },
}

impl Framer {
    /// A stream of this dialect, with the dialect's own limit on packet lengths.
    #[must_use]
    pub const fn new(dialect: Dialect) -> Self {
        Self { dialect, limit: dialect.max_packet(), zeros_left: None }
    }

    /// The same with a lower limit, bytes a packet. A limit above the dialect's has no effect, nor
    /// has one below the shortest packet: no stream would pass it.
    #[must_use]
    pub const fn with_limit(dialect: Dialect, limit: usize) -> Self {
        let mut framer = Self::new(dialect);
        if limit < dialect.min_packet() {
            framer.limit = dialect.min_packet();
        } else if limit < framer.limit {
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
    #[inline]
    pub fn next<'b>(&mut self, buffer: &'b [u8]) -> Result<Step<'b>, FrameError> {
        // Nearly always there is nothing to skip.
        let (consumed, rest) = match buffer.first_chunk::<WORD>() {
            Some(word) if *word == MARKER => (0, buffer),
            _ => self.skip_zeros(buffer)?,
        };
        if rest.len() < WORD {
            return Ok(Step::More { consumed, need: WORD });
        }
        let Some(length) = self.length(rest)? else {
            return Ok(Step::More { consumed, need: self.dialect.prefix_len() });
        };
        let Some(bytes) = rest.get(..length) else {
            return Ok(Step::More { consumed, need: length });
        };
        if self.dialect == Dialect::V22 {
            self.zeros_left = Some(MAX_ZERO_WORDS);
        }
        Ok(Step::Packet { bytes, consumed: consumed + length })
    }

    /// The packet at the buffer's begin and what is behind it, if it is whole and nothing is to be skipped before
    /// it: what [`Framer::next`] does for most packets, and no more. None: only that says what is there.
    ///
    /// Whoever does not want the packet now may look at the same buffer again.
    #[inline]
    pub fn at_once<'b>(&mut self, buffer: &'b [u8]) -> Option<(&'b [u8], &'b [u8])> {
        if *buffer.first_chunk::<WORD>()? != MARKER {
            return None;
        }
        let length = self.length(buffer).ok()??;
        let found = buffer.split_at_checked(length)?;
        if self.dialect == Dialect::V22 {
            self.zeros_left = Some(MAX_ZERO_WORDS);
        }
        Some(found)
    }

    /// The zero words' length, and what follows them: a marker, or less than a word.
    #[inline(never)]
    fn skip_zeros<'b>(&mut self, buffer: &'b [u8]) -> Result<(usize, &'b [u8]), FrameError> {
        let mut rest = buffer;
        while let Some((&word, behind)) = rest.split_first_chunk::<WORD>() {
            if word == MARKER {
                break;
            }
            match self.zeros_left.as_mut() {
                Some(left) if word == [0; WORD] => {
                    *left = left.checked_sub(1).ok_or(FrameError::TooManyZeros)?;
                }
                _ => return Err(FrameError::BadMarker(word)),
            }
            rest = behind;
        }
        Ok((buffer.len() - rest.len(), rest))
    }

    /// The length of the packet at the begin, where enough is there to know it.
    #[inline]
    fn length(&self, bytes: &[u8]) -> Result<Option<usize>, FrameError> {
        let length = match (self.dialect, bytes) {
            (Dialect::V22, &[_, _, _, _, a, b, ..]) => u16::from_le_bytes([a, b]).into(),
            (Dialect::V24, &[_, _, _, _, a, b, c, d, ..]) => u32::from_le_bytes([a, b, c, d]),
            _ => return Ok(None),
        };
        let size = usize::try_from(length).unwrap_or(usize::MAX);
        if size < self.dialect.min_packet() {
            return Err(FrameError::TooShort { length });
        }
        if size > self.limit {
            let limit = u32::try_from(self.limit).unwrap_or(u32::MAX);
            return Err(FrameError::TooLong { length, limit });
        }
        Ok(Some(size))
    }
}
