//! `clustererctl db list`: the rows, for people and for scripts.

use crate::grid::{Field, Grid};
use crate::screen::Paint;
use clusterer_db::Admin;
use clusterer_node::{Cell, Column, RawRow};
use serde::{Serialize, Serializer};
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

pub(super) fn run(admin: &Admin, json: bool) -> anyhow::Result<ExitCode> {
    let rows = admin.list()?;
    let mut out = BufWriter::new(io::stdout().lock());
    if json {
        let rows: Vec<RowJson<'_>> = rows.iter().map(RowJson).collect();
        serde_json::to_writer_pretty(&mut out, &rows).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        out.write_all(table(&rows).render(Paint::OFF, 0).as_bytes())?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn table(rows: &[RawRow]) -> Grid {
    let mut table = Grid::new(Column::ALL.map(Column::name));
    for row in rows {
        table.push(row.cells().map(|cell| Field::text(&cell.to_string())));
    }
    table
}

/// A row by the default names of its columns, whatever they are called in the database: scripts stay
/// as they are when a column is renamed.
struct RowJson<'a>(&'a RawRow);

impl Serialize for RowJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = Column::ALL.into_iter().map(Column::name);
        serializer.collect_map(names.zip(self.0.cells().map(CellJson)))
    }
}

struct CellJson<'a>(&'a Cell);

impl Serialize for CellJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Cell::Null => serializer.serialize_unit(),
            Cell::Int(value) => serializer.serialize_i128(*value),
            Cell::Text(text) => serializer.serialize_str(text),
            // An object, so that it is not taken for a text.
            Cell::Other(kind) => serializer.collect_map([("unreadable", kind)]),
            other => serializer.collect_map([("unreadable", other.to_string())]),
        }
    }
}
