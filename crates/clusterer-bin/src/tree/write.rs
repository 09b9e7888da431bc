//! From a tree to bytes.

use super::{PacketWriter, Record, TreeError, TreeProblem, Value, chunk_layout};
use crate::{CHUNK_MARKER, Dialect, Element, Field, Kind};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

pub(super) struct Writing<'w> {
    writer: &'w mut PacketWriter,
    /// Empty strings not yet written, since a 2.2 body may end with some that it does not contain.
    empties: usize,
}

impl<'w> Writing<'w> {
    pub(super) fn new(writer: &'w mut PacketWriter) -> Self {
        Self { writer, empties: 0 }
    }

    pub(super) fn record(&mut self, fields: &[Field], record: &Record) -> Result<(), TreeError> {
        let mut written = Vec::new();
        self.fields(fields, record, &mut written)?;
        match record.iter().find(|(name, _)| !written.contains(name)) {
            Some((name, _)) => Err(problem(name, TreeProblem::Unknown)),
            None => Ok(()),
        }
    }

    /// Ends the body: bytes behind the fields, or some empty strings left out.
    pub(super) fn finish(mut self, left_over: &[u8], uncounted: usize) {
        if left_over.is_empty() {
            self.empties = self.empties.saturating_sub(uncounted);
        }
        self.settle().raw(left_over);
    }

    fn fields(
        &mut self,
        fields: &[Field],
        record: &Record,
        written: &mut Vec<&'static str>,
    ) -> Result<(), TreeError> {
        for field in fields {
            let value =
                record.get(field.name).ok_or_else(|| problem(field.name, TreeProblem::Missing))?;
            written.push(field.name);
            let more =
                self.field(field.kind, value, record).map_err(|error| within(field.name, error))?;
            self.fields(more, record, written)?;
        }
        Ok(())
    }

    /// Writes one field; the result is the fields that follow because of its value.
    fn field(
        &mut self,
        kind: Kind,
        value: &Value,
        siblings: &Record,
    ) -> Result<&'static [Field], TreeError> {
        match kind {
            Kind::Int => self.int(value).map(|_| ())?,
            Kind::Str => self.str(value)?,
            Kind::Flag(more) => {
                if self.int(value)? != 0 {
                    return Ok(more);
                }
            }
            Kind::Choice(cases) => {
                let chosen = self.int(value)?;
                if let Some(&(_, more)) = cases.iter().find(|&&(case, _)| case == chosen) {
                    return Ok(more);
                }
            }
            Kind::Counted(element) => {
                let elements = list(value)?;
                let count = i32::try_from(elements.len());
                self.settle().int(count.map_err(|_| problem("", TreeProblem::TooMany))?);
                each(elements, |value| self.element(element, value))?;
            }
            Kind::Repeat(element) => each(list(value)?, |value| self.element(element, value))?,
            Kind::Chunks { by, known } => {
                let layout = chunk_layout(siblings, by, known);
                each(list(value)?, |value| self.chunk(layout, value))?;
            }
        }
        Ok(&[])
    }

    fn element(&mut self, element: Element, value: &Value) -> Result<(), TreeError> {
        match (element, value) {
            (Element::Int, value) => self.int(value).map(|_| ()),
            (Element::Str, value) => self.str(value),
            (Element::Group(fields), Value::Record(record)) => self.record(fields, record),
            (Element::Group(_), _) => Err(not_a("an object")),
        }
    }

    fn chunk(&mut self, layout: Option<&[Field]>, chunk: &Value) -> Result<(), TreeError> {
        let begin = self.settle().begin_chunk(CHUNK_MARKER);
        match (layout, chunk) {
            (_, Value::Raw(bytes)) => {
                self.writer.raw(bytes);
            }
            (Some(fields), Value::Record(record)) => self.record(fields, record)?,
            (Some(_), _) => return Err(not_a("an object or raw bytes")),
            (None, _) => return Err(not_a("raw bytes, since what is in it is not known")),
        }
        self.settle().end_chunk(begin);
        Ok(())
    }

    fn int(&mut self, value: &Value) -> Result<i32, TreeError> {
        let &Value::Int(int) = value else { return Err(not_a("an integer")) };
        self.settle().int(int);
        Ok(int)
    }

    fn str(&mut self, value: &Value) -> Result<(), TreeError> {
        let Value::Str(bytes) = value else { return Err(not_a("a string")) };
        if bytes.is_empty() && self.writer.dialect() == Dialect::V22 {
            self.empties += 1;
        } else {
            self.settle().str(bytes);
        }
        Ok(())
    }

    /// The writer, after the empty strings that turned out not to be the last ones.
    fn settle(&mut self) -> &mut PacketWriter {
        for _ in 0..core::mem::take(&mut self.empties) {
            self.writer.str(&[]);
        }
        self.writer
    }
}

fn list(value: &Value) -> Result<&[Value], TreeError> {
    match value {
        Value::List(elements) => Ok(elements),
        _ => Err(not_a("a list")),
    }
}

fn each(
    elements: &[Value],
    mut write: impl FnMut(&Value) -> Result<(), TreeError>,
) -> Result<(), TreeError> {
    for (position, element) in elements.iter().enumerate() {
        write(element).map_err(|error| within(&format!("[{position}]"), error))?;
    }
    Ok(())
}

fn problem(path: &str, problem: TreeProblem) -> TreeError {
    TreeError { path: path.into(), problem }
}

fn not_a(kind: &'static str) -> TreeError {
    problem("", TreeProblem::NotA(kind))
}

/// The same error, seen from one level above.
fn within(outer: &str, TreeError { path: inner, problem }: TreeError) -> TreeError {
    let path = if inner.is_empty() || inner.starts_with('[') {
        String::from(outer) + &inner
    } else {
        format!("{outer}.{inner}")
    };
    TreeError { path, problem }
}
