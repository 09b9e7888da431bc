//! Walking the fields of a packet without copying them.

use crate::{Dialect, FieldError};

/// Reads fields one after the other. A failed read leaves it where it was.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    dialect: Dialect,
    /// From the packet's begin to the end of what may be read, so that positions are the packet's.
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(dialect: Dialect, bytes: &'a [u8], at: usize) -> Self {
        Self { dialect, bytes, at }
    }

    /// The dialect of the packet.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Where the next field begins: bytes from the packet's begin.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }

    /// What is left, unread.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The next field as an integer.
    ///
    /// # Errors
    /// Fewer than four bytes are left.
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
    pub fn raw(&mut self, length: usize) -> Result<&'a [u8], FieldError> {
        let taken = self.at.checked_add(length).and_then(|end| self.bytes.get(self.at..end));
        let left = self.rest().len();
        let taken = taken.ok_or(FieldError::PastEnd { at: self.at, need: length, left })?;
        self.at += length;
        Ok(taken)
    }

    /// A string whose length must be there.
    pub(crate) fn counted(&mut self) -> Result<&'a [u8], FieldError> {
        let begin = self.at;
        let length = match self.dialect {
            Dialect::V22 => self.int()?,
            Dialect::V24 => self.array().map(u16::from_le_bytes)?.into(),
        };
        let result = match usize::try_from(length) {
            Ok(length) => self.raw(length),
            Err(_) => Err(FieldError::NegativeLength { at: begin, length }),
        };
        if result.is_err() {
            self.at = begin;
        }
        result
    }

    /// A reader of the next `length` bytes alone, which are skipped here.
    pub(crate) fn sub(&mut self, length: usize) -> Result<Self, FieldError> {
        let at = self.at;
        self.raw(length)?;
        let bytes = self.bytes.get(..self.at).unwrap_or_default();
        Ok(Self { dialect: self.dialect, bytes, at })
    }

    pub(crate) fn short(&mut self) -> Result<i16, FieldError> {
        self.array().map(i16::from_le_bytes)
    }

    pub(crate) fn skip(&mut self, length: usize) -> Result<(), FieldError> {
        self.raw(length).map(|_| ())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FieldError> {
        let left = self.rest();
        let Some(&array) = left.first_chunk::<N>() else {
            return Err(FieldError::PastEnd { at: self.at, need: N, left: left.len() });
        };
        self.at += N;
        Ok(array)
    }
}
