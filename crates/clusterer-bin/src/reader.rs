//! Walking the fields of a packet without copying them.

use crate::{Dialect, FieldError};

/// Reads fields one after the other. A failed read leaves it where it was.
///
/// What is called for every field is inlined into the caller's crate: then a field costs a comparison and a
/// load, else a call that returns its result by memory.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    dialect: Dialect,
    rest: &'a [u8],
    /// Where the rest ends: bytes from the packet's begin, so that positions are the packet's.
    end: usize,
}

impl<'a> Reader<'a> {
    /// Of the bytes that end so far from the packet's begin.
    #[inline]
    pub(crate) const fn new(dialect: Dialect, rest: &'a [u8], end: usize) -> Self {
        Self { dialect, rest, end }
    }

    /// The dialect of the packet.
    #[inline]
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Where the next field begins: bytes from the packet's begin.
    #[inline]
    #[must_use]
    pub const fn at(&self) -> usize {
        // The rest is a part of what ends there.
        self.end.saturating_sub(self.rest.len())
    }

    /// What is left, unread.
    #[inline]
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Nothing is left.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next field as an integer.
    ///
    /// # Errors
    /// Fewer than four bytes are left.
    #[inline]
    pub fn int(&mut self) -> Result<i32, FieldError> {
        self.array().map(i32::from_le_bytes)
    }

    /// The next field as a string: any bytes, borrowed from the packet.
    ///
    /// In the 2.2 dialect a string that begins exactly at the end is empty, since a 2.2 sender does
    /// not count the empty strings that end a packet. Hence a loop over repeated fields asks
    /// [`Reader::is_empty`] first.
    ///
    /// # Errors
    /// The length is negative, or the string ends behind the packet.
    #[inline]
    pub fn str(&mut self) -> Result<&'a [u8], FieldError> {
        if self.dialect == Dialect::V22 && self.is_empty() {
            return Ok(&[]);
        }
        self.counted()
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// Fewer are left.
    #[inline]
    pub fn raw(&mut self, length: usize) -> Result<&'a [u8], FieldError> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(past_end(self.at(), length, self.rest.len()));
        };
        self.rest = rest;
        Ok(taken)
    }

    /// A string whose length must be there.
    #[inline]
    pub(crate) fn counted(&mut self) -> Result<&'a [u8], FieldError> {
        let (at, before) = (self.at(), self.rest);
        let length = match self.dialect {
            Dialect::V22 => self.int()?,
            Dialect::V24 => self.array().map(u16::from_le_bytes)?.into(),
        };
        let taken = match usize::try_from(length) {
            Ok(length) => self.raw(length),
            Err(_) => Err(FieldError::NegativeLength { at, length }),
        };
        if taken.is_err() {
            self.rest = before;
        }
        taken
    }

    /// A reader of the next `length` bytes alone, which are skipped here.
    pub(crate) fn sub(&mut self, length: usize) -> Result<Self, FieldError> {
        let rest = self.raw(length)?;
        Ok(Self { dialect: self.dialect, rest, end: self.at() })
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], FieldError> {
        let Some((&array, rest)) = self.rest.split_first_chunk() else {
            return Err(past_end(self.at(), N, self.rest.len()));
        };
        self.rest = rest;
        Ok(array)
    }
}

/// Apart from the reading, which it would make too long to be inlined; and of values, so that a reader need
/// not be in memory.
#[cold]
#[inline(never)]
const fn past_end(at: usize, need: usize, left: usize) -> FieldError {
    FieldError::PastEnd { at, need, left }
}
