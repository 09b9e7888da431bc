//! The rows: read as they are, written by the rules of persistent mode.

use super::schema::quoted;
use crate::TableNames;
use clusterer_node::{Cell, Change, Column, Flushed, RawRow, State};
use rusqlite::Transaction;
use rusqlite::types::ValueRef;

/// A text of more bytes is nothing that a node's row holds; it is not copied.
const LONGEST_TEXT: usize = 65_536;

pub(super) fn read(tx: &Transaction<'_>, names: &TableNames) -> rusqlite::Result<Vec<RawRow>> {
    let columns = Column::ALL.map(|column| quoted(names.column(column))).join(", ");
    let mut statement = tx.prepare(&format!("SELECT {columns} FROM {}", quoted(names.table())))?;
    let mut found = statement.query([])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let mut cells: [Cell; 10] = Default::default();
        for (at, slot) in cells.iter_mut().enumerate() {
            *slot = cell(row.get_ref(at)?);
        }
        rows.push(RawRow::from_cells(cells));
    }
    Ok(rows)
}

/// Writes what may be written. State 0 is an administrator's: it is neither written nor replaced on
/// the word of anybody else.
pub(super) fn write(
    tx: &Transaction<'_>,
    names: &TableNames,
    changes: &[Change],
) -> rusqlite::Result<Flushed> {
    let name = |column| quoted(names.column(column));
    let (table, id, state) = (quoted(names.table()), name(Column::Id), name(Column::State));
    let mut statement = tx.prepare(&format!(
        "UPDATE {table} SET {state} = ?1, {} = ?2, {} = ?3 WHERE {id} = ?4 AND (?5 OR {state} <> 0)",
        name(Column::NoTries),
        name(Column::LastAttempt),
    ))?;
    let mut flushed = Flushed::default();
    for change in changes {
        let status = change.status;
        let allowed = change.by_administrator || status.state != State::Down;
        let written = allowed
            && statement.execute((
                status.state.number(),
                status.no_tries,
                // A time past what the column holds is as wrong as any: it is read back as 0.
                i64::try_from(status.last_attempt.as_secs()).unwrap_or(i64::MAX),
                change.id.get(),
                change.by_administrator,
            ))? > 0;
        if written {
            flushed.written += 1;
        } else {
            flushed.conflicts.push(change.id);
        }
    }
    Ok(flushed)
}

pub(super) fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Int(number.into()),
        ValueRef::Real(number) => whole(number).map_or(Cell::Other("a fraction"), Cell::Int),
        ValueRef::Text(bytes) if bytes.len() > LONGEST_TEXT => Cell::Other("a text too long"),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Cell::Text(text.to_owned()),
            Err(_) => Cell::Other("text that is no UTF-8"),
        },
        ValueRef::Blob(_) => Cell::Other("a blob"),
    }
}

/// SQLite keeps a whole number past 63 bits, such as a time with junk in it, as a floating-point
/// number: it is still a whole number.
fn whole(number: f64) -> Option<i128> {
    if number.fract() == 0.0 { format!("{number:.0}").parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_past_63_bits_is_still_whole() {
        assert_eq!(whole(18_446_744_073_709_551_616.0), Some(1 << 64));
        assert_eq!(whole(-3.0), Some(-3));
        assert_eq!(whole(0.5), None);
        assert_eq!(whole(f64::MAX), None);
        assert_eq!(whole(f64::INFINITY), None);
        assert_eq!(whole(f64::NAN), None);
    }
}
