//! What is wrong with a table, as `clustererctl db check` tells it.

use crate::schema::TABLE_VERSION;
use clusterer_node::{
    Cell, DbId, RawRow, ResolvedRow, Row, RowWarning, Skip, SkippedRow, Table, UnixTime,
};
use std::fmt;
use std::net::Ipv4Addr;

/// Something about the tables or the rows that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The table has no such column.
    MissingColumn {
        /// The table.
        table: String,
        /// The column's name.
        column: String,
        /// The configuration key that gives it this name.
        key: &'static str,
    },
    /// A row that says nothing about the column gets NULL there, or is refused.
    MissingDefault {
        /// The table.
        table: String,
        /// The column's name.
        column: String,
        /// The default that OpenSIPS declares.
        want: i64,
    },
    /// There is no such table.
    MissingTable {
        /// The table.
        table: String,
    },
    /// Nothing keeps two rows from having one cluster and machine id.
    NoUniqueKey {
        /// The table.
        table: String,
        /// The two columns that together should be unique.
        columns: [String; 2],
    },
    /// The key does not number new rows by itself: none can be added with `db add`.
    NotNumbered {
        /// The table.
        table: String,
        /// The column's name.
        column: String,
    },
    /// The column takes no NULL and has no default, and `db add` gives it no value.
    Required {
        /// The table.
        table: String,
        /// The column's name.
        column: String,
    },
    /// A row is left out when the table is loaded.
    SkippedRow(SkippedRow),
    /// The table is of another version, or of none.
    Version {
        /// The table.
        table: String,
        /// What the `version` table holds for it, if it holds anything, as it stands there.
        found: Option<String>,
    },
    /// A row is used, but a value of it is not.
    Warning {
        /// The row.
        id: DbId,
        /// What was replaced.
        warning: RowWarning,
    },
    /// The column is declared as something else than OpenSIPS declares it.
    WrongType {
        /// The table.
        table: String,
        /// The column's name.
        column: String,
        /// How it is declared.
        found: String,
        /// What it should hold.
        want: &'static str,
    },
}

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Everything is used; something may surprise later.
    Warning,
    /// A row is not used.
    Error,
    /// The table cannot be used at all.
    Fatal,
}

impl Finding {
    /// How bad it is.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::MissingColumn { .. } | Self::MissingTable { .. } | Self::Version { .. } => {
                Severity::Fatal
            }
            Self::SkippedRow(_) => Severity::Error,
            Self::MissingDefault { .. }
            | Self::NoUniqueKey { .. }
            | Self::NotNumbered { .. }
            | Self::Required { .. }
            | Self::Warning { .. }
            | Self::WrongType { .. } => Severity::Warning,
        }
    }
}

impl Finding {
    /// What is wrong with these rows, by the rules of loading them.
    pub(crate) fn of_rows(rows: &[RawRow], now: UnixTime) -> Vec<Self> {
        let mut findings = Vec::new();
        let mut usable = Vec::with_capacity(rows.len());
        for raw in rows {
            match Row::parse(raw, now) {
                Ok(parsed) => {
                    let id = parsed.row.id;
                    findings.extend(parsed.warning.map(|warning| Self::Warning { id, warning }));
                    usable.push(unresolved(parsed.row));
                }
                Err(error) => {
                    let id = match raw.id {
                        Cell::Int(id) => Some(id),
                        _ => None,
                    };
                    findings.push(Self::SkippedRow(SkippedRow { id, why: Skip::Row(error) }));
                }
            }
        }
        // Which machine the table is built for makes no difference to what is left out.
        if let Some(own) = usable.first().map(|first| first.row.machine) {
            let (_, skipped) = Table::build(own, usable);
            findings.extend(skipped.into_iter().map(Self::SkippedRow));
        }
        findings
    }
}

/// Duplicates are found without the addresses: any will do.
fn unresolved(row: Row) -> ResolvedRow {
    ResolvedRow { row, ip: Ipv4Addr::UNSPECIFIED.into() }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingColumn { table, column, key } => {
                write!(f, "table {table} has no column {column} ({key} is set to that)")
            }
            Self::MissingDefault { table, column, want } => {
                write!(f, "table {table}: column {column} has no default, should have {want}")
            }
            Self::MissingTable { table } => write!(f, "there is no table {table}"),
            Self::NoUniqueKey { table, columns: [first, second] } => {
                write!(f, "table {table} has no unique index over ({first}, {second})")
            }
            Self::NotNumbered { table, column } => write!(
                f,
                "table {table}: column {column} does not number new rows by itself, so that none can \
                 be added without it"
            ),
            Self::Required { table, column } => write!(
                f,
                "table {table}: column {column} is NOT NULL, so that no row can be added without it"
            ),
            Self::SkippedRow(row) => row.fmt(f),
            Self::Version { table, found: Some(found) } => {
                write!(f, "table {table} has version {found}, version {TABLE_VERSION} is needed")
            }
            Self::Version { table, found: None } => write!(
                f,
                "the version table says nothing about table {table}, version {TABLE_VERSION} is \
                 needed"
            ),
            Self::Warning { id, warning } => write!(f, "row {id}: {warning}"),
            Self::WrongType { table, column, found, want } => {
                write!(f, "table {table}: column {column} is declared as {found}, should be {want}")
            }
        }
    }
}
