//! From bytes to a tree.

use super::{FieldError, Reader, Record, Value, chunk_layout};
use crate::{CHUNK_MARKER, Element, Field, Kind};
use alloc::vec::Vec;

#[derive(Default)]
pub(super) struct Reading {
    /// Strings read as empty because the body had ended.
    pub(super) uncounted: usize,
}

impl Reading {
    pub(super) fn record(
        &mut self,
        fields: &[Field],
        body: &mut Reader<'_>,
    ) -> Result<Record, FieldError> {
        let mut record = Record::new();
        self.fields(fields, body, &mut record)?;
        Ok(record)
    }

    fn fields(
        &mut self,
        fields: &[Field],
        body: &mut Reader<'_>,
        record: &mut Record,
    ) -> Result<(), FieldError> {
        for field in fields {
            match field.kind {
                Kind::Flag(more) => {
                    let flag = body.int()?;
                    record.push(field.name, Value::Int(flag));
                    if flag != 0 {
                        self.fields(more, body, record)?;
                    }
                }
                Kind::Choice(cases) => {
                    let chosen = body.int()?;
                    record.push(field.name, Value::Int(chosen));
                    if let Some((_, more)) = cases.iter().find(|&&(case, _)| case == chosen) {
                        self.fields(more, body, record)?;
                    }
                }
                Kind::Chunks { by, known } => {
                    let layout = chunk_layout(record, by, known);
                    let chunks = chunks(layout, body)?;
                    record.push(field.name, Value::List(chunks));
                }
                Kind::Int => record.push(field.name, Value::Int(body.int()?)),
                Kind::Str => record.push(field.name, self.str(body)?),
                Kind::Counted(element) => record.push(field.name, self.counted(element, body)?),
                Kind::Repeat(element) => record.push(field.name, self.repeated(element, body)?),
            }
        }
        Ok(())
    }

    fn element(&mut self, element: Element, body: &mut Reader<'_>) -> Result<Value, FieldError> {
        match element {
            Element::Int => body.int().map(Value::Int),
            Element::Str => self.str(body),
            Element::Group(fields) => self.record(fields, body).map(Value::Record),
        }
    }

    fn counted(&mut self, element: Element, body: &mut Reader<'_>) -> Result<Value, FieldError> {
        let at = body.at();
        let count = body.int()?;
        let wrong = FieldError::BadCount { at, count };
        let mut elements = Vec::new();
        // Nothing is reserved by what the packet says, and where it has ended there is no element.
        for _ in 0..u32::try_from(count).map_err(|_| wrong)? {
            if body.is_empty() {
                return Err(wrong);
            }
            elements.push(self.element(element, body)?);
        }
        Ok(Value::List(elements))
    }

    fn repeated(&mut self, element: Element, body: &mut Reader<'_>) -> Result<Value, FieldError> {
        let mut elements = Vec::new();
        while !body.is_empty() {
            elements.push(self.element(element, body)?);
        }
        Ok(Value::List(elements))
    }

    fn str(&mut self, body: &mut Reader<'_>) -> Result<Value, FieldError> {
        let ended = body.is_empty();
        let read = body.str()?;
        if ended {
            self.uncounted += 1;
        }
        Ok(Value::Str(read.to_vec()))
    }
}

fn chunks(layout: Option<&[Field]>, body: &mut Reader<'_>) -> Result<Vec<Value>, FieldError> {
    let mut chunks = Vec::new();
    while !body.is_empty() {
        chunks.push(chunk(layout, body)?);
    }
    Ok(chunks)
}

fn chunk(layout: Option<&[Field]>, body: &mut Reader<'_>) -> Result<Value, FieldError> {
    let at = body.at();
    let size = body.int()?;
    let marker_at = body.at();
    let marker = body.int()?;
    if marker != CHUNK_MARKER {
        return Err(FieldError::BadChunk { at: marker_at, marker });
    }
    let size =
        usize::try_from(size).map_err(|_| FieldError::NegativeLength { at, length: size })?;
    let mut inside = body.sub(size)?;
    let bytes = inside.rest().to_vec();
    let mut reading = Reading::default();
    let record = layout.map(|fields| reading.record(fields, &mut inside));
    Ok(match record {
        // Only what is written back as it was read is shown as fields.
        Some(Ok(record)) if inside.is_empty() && reading.uncounted == 0 => Value::Record(record),
        _ => Value::Raw(bytes),
    })
}
