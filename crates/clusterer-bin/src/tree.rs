//! The fields of a packet as a tree: for tools that show packets or write them by hand.
//!
//! This allocates, and is kept apart from the path on which nodes read and write: they know their
//! fields and use [`Reader`](crate::Reader) and [`PacketWriter`].

mod read;
mod write;

use crate::{Field, FieldError, Layout, Packet, PacketWriter, Reader};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The body of a packet, field by field.
///
/// What [`FieldTree::read`] gives, [`FieldTree::write`] turns back into the same bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldTree {
    /// The fields that the layout names.
    pub fields: Record,
    /// Bytes behind the last field.
    pub left_over: Vec<u8>,
    /// How many of the empty strings that end the body are not in it: a 2.2 sender does not count
    /// them.
    pub uncounted: usize,
}

/// Named fields that stand together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    entries: Vec<(String, Value)>,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// An integer.
    Int(i32),
    /// A string: any bytes.
    Str(Vec<u8>),
    /// Elements; a count is not among them.
    List(Vec<Value>),
    /// Fields that belong together.
    Record(Record),
    /// The bytes of a chunk whose layout is not known, or which does not follow it.
    Raw(Vec<u8>),
}

/// The fields at hand are not those of the layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeError {
    /// Where: the names and positions that lead to the field, as in `pipes[0].limit`.
    pub path: String,
    /// What is wrong there.
    pub problem: TreeProblem,
}

/// What can be wrong with a field that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TreeProblem {
    /// The layout has this field, and it is not there.
    Missing,
    /// The layout does not have this field, or not beside this value of the integer before it.
    Unknown,
    /// It is of another kind. This is the kind it must be.
    NotA(&'static str),
    /// The list has more elements, or the chunk more bytes, than a count can tell.
    TooMany,
}

impl FieldTree {
    /// Reads the body of a packet by this layout.
    ///
    /// # Errors
    /// The body does not follow the layout. Bytes behind the last field are no error.
    pub fn read(layout: &Layout, packet: &Packet<'_>) -> Result<Self, FieldError> {
        let mut body = packet.body();
        let mut reading = read::Reading::default();
        let fields = reading.record(layout.fields, &mut body)?;
        let left_over = body.rest().to_vec();
        Ok(Self { fields, left_over, uncounted: reading.uncounted })
    }

    /// Writes the body of a packet by this layout. Lengths, counts and sizes are computed.
    ///
    /// # Errors
    /// The fields are not those of the layout; the packet is half written and worth nothing.
    pub fn write(&self, layout: &Layout, writer: &mut PacketWriter) -> Result<(), TreeError> {
        let mut writing = write::Writing::new(writer);
        writing.record(layout.fields, &self.fields)?;
        writing.finish(&self.left_over, self.uncounted);
        Ok(())
    }
}

impl Record {
    /// No fields.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Appends a field. The order matters to no one but a reader's eye.
    pub fn push(&mut self, name: impl Into<String>, value: Value) {
        self.entries.push((name.into(), value));
    }

    /// The field of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.iter().find(|&(found, _)| found == name).map(|(_, value)| value)
    }

    /// The field of this name, to be changed.
    #[must_use]
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.entries.iter_mut().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// All fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// What is in the chunks of a packet, as an earlier field of it tells.
fn chunk_layout(
    record: &Record,
    by: &str,
    known: &'static [(&'static str, &'static [Field])],
) -> Option<&'static [Field]> {
    let Some(Value::Str(by)) = record.get(by) else { return None };
    known.iter().find(|(name, _)| name.as_bytes() == by).map(|&(_, fields)| fields)
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path)?;
        match self.problem {
            TreeProblem::Missing => f.write_str("the field is missing"),
            TreeProblem::Unknown => f.write_str("the packet has no such field here"),
            TreeProblem::NotA(kind) => write!(f, "must be {kind}"),
            TreeProblem::TooMany => f.write_str("longer than any packet"),
        }
    }
}

impl core::error::Error for TreeError {}
