//! The tables: how they are made, and whether those in a file are right.

use super::Database;
use crate::names::VERSION_TABLE;
use crate::schema::{COLUMNS, Kind, TABLE_VERSION};
use crate::{Created, Finding, Severity, TableNames};
use clusterer_node::{Column, StoreError};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Transaction};

/// What a file has, whatever it should have.
pub(super) struct Found {
    /// Is there a table of the versions?
    version_table: bool,
    /// What it holds for the table of the nodes.
    version: Option<Value>,
    /// The columns of the table of the nodes; empty if there is no such table.
    columns: Vec<FoundColumn>,
    /// Are cluster and machine id together unique?
    unique: bool,
}

struct FoundColumn {
    name: String,
    declared: String,
}

/// A name as SQL writes it. It has been checked to need no escaping.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

impl Found {
    pub(super) fn read(connection: &Connection, names: &TableNames) -> rusqlite::Result<Self> {
        let version_table = !columns(connection, VERSION_TABLE)?.is_empty();
        let version = if version_table {
            connection
                .query_row(
                    "SELECT table_version FROM version WHERE table_name = ?1",
                    [names.table()],
                    |row| row.get(0),
                )
                .optional()?
        } else {
            None
        };
        Ok(Self {
            version_table,
            version,
            columns: columns(connection, names.table())?,
            unique: has_unique_key(connection, names)?,
        })
    }

    /// Everything that is not as it should be, the worst first.
    pub(super) fn findings(&self, names: &TableNames) -> Vec<Finding> {
        let table = || names.table().to_owned();
        if self.columns.is_empty() {
            return vec![Finding::MissingTable { table: table() }];
        }
        let mut findings = Vec::new();
        if self.version != Some(Value::Integer(TABLE_VERSION)) {
            let found = self.version.as_ref().map(shown);
            findings.push(Finding::Version { table: table(), found });
        }
        for (column, kind) in COLUMNS {
            let name = names.column(column);
            match self.columns.iter().find(|found| found.name.eq_ignore_ascii_case(name)) {
                None => findings.push(Finding::MissingColumn {
                    table: table(),
                    column: name.to_owned(),
                    key: TableNames::key(column),
                }),
                Some(found) if !accepts(kind, &found.declared) => {
                    findings.push(Finding::WrongType {
                        table: table(),
                        column: name.to_owned(),
                        found: found.declared.clone(),
                        want: declared(kind),
                    });
                }
                Some(_) => {}
            }
        }
        if !self.unique {
            findings.push(Finding::NoUniqueKey { table: table(), columns: unique_key(names) });
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity()));
        findings
    }

    /// The first reason why the table cannot be used at all.
    pub(super) fn require(&self, database: &Database) -> Result<(), StoreError> {
        let fatal = self
            .findings(database.names())
            .into_iter()
            .find(|finding| finding.severity() == Severity::Fatal);
        let Some(finding) = fatal else { return Ok(()) };
        let advice = match &finding {
            Finding::MissingColumn { key, .. } => {
                format!("set {key} to the column's name, or add the column")
            }
            Finding::Version { found: Some(_), .. } => {
                "set db_url and db_table to a table of that version".to_owned()
            }
            _ => database.init_advice(),
        };
        Err(database.schema(&finding.to_string(), &advice))
    }
}

/// Creates the tables as far as they are missing. Whatever is wrong in the end is an error.
pub(super) fn create(tx: &Transaction<'_>, database: &Database) -> Result<Created, StoreError> {
    let names = database.names();
    let sql = |error| database.explain(&error);
    let found = Found::read(tx, names).map_err(sql)?;
    let created = Created {
        table: found.columns.is_empty(),
        version_table: !found.version_table,
        version_row: found.version.is_none(),
    };
    if created.version_table {
        tx.execute_batch(CREATE_VERSION_TABLE).map_err(sql)?;
    }
    if created.table {
        tx.execute_batch(&create_table(names)).map_err(sql)?;
    }
    if created.version_row {
        tx.execute(
            "INSERT INTO version (table_name, table_version) VALUES (?1, ?2)",
            (names.table(), TABLE_VERSION),
        )
        .map_err(sql)?;
    }
    Found::read(tx, names).map_err(sql)?.require(database)?;
    Ok(created)
}

const CREATE_VERSION_TABLE: &str = "CREATE TABLE version (
    table_name CHAR(32) NOT NULL,
    table_version INTEGER DEFAULT 0 NOT NULL,
    UNIQUE (table_name)
)";

fn create_table(names: &TableNames) -> String {
    let columns: String = COLUMNS
        .iter()
        .map(|&(column, kind)| {
            format!("    {} {}{},\n", quoted(names.column(column)), declared(kind), rest(kind))
        })
        .collect();
    let [cluster, machine] = unique_key(names).map(|name| quoted(&name));
    let table = quoted(names.table());
    format!("CREATE TABLE {table} (\n{columns}    UNIQUE ({cluster}, {machine})\n)")
}

const fn declared(kind: Kind) -> &'static str {
    match kind {
        Kind::Key | Kind::Number { .. } => "INTEGER",
        Kind::Text { .. } => "CHAR(64)",
        Kind::Time => "BIGINT(64)",
    }
}

/// What follows the type where a column is created.
fn rest(kind: Kind) -> String {
    match kind {
        Kind::Key => " PRIMARY KEY AUTOINCREMENT NOT NULL".to_owned(),
        Kind::Number { default: Some(value) } => format!(" DEFAULT {value} NOT NULL"),
        Kind::Number { default: None } | Kind::Text { nullable: false } => " NOT NULL".to_owned(),
        Kind::Text { nullable: true } => " DEFAULT NULL".to_owned(),
        Kind::Time => " DEFAULT 0 NOT NULL".to_owned(),
    }
}

/// Whether a column declared like this keeps what we write as what it is. SQLite goes by the words
/// in a declaration, in this order.
fn accepts(kind: Kind, declaration: &str) -> bool {
    let declaration = declaration.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| declaration.contains(word));
    let integer = has(&["INT"]);
    let text = !integer && has(&["CHAR", "CLOB", "TEXT"]);
    let other = declaration.is_empty() || has(&["BLOB", "REAL", "FLOA", "DOUB"]);
    match kind {
        Kind::Key | Kind::Number { .. } | Kind::Time => integer || !text && !other,
        Kind::Text { .. } => text,
    }
}

fn unique_key(names: &TableNames) -> [String; 2] {
    [Column::ClusterId, Column::MachineId].map(|column| names.column(column).to_owned())
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<FoundColumn>> {
    connection
        .prepare("SELECT name, type FROM pragma_table_info(?1)")?
        .query_map([table], |row| Ok(FoundColumn { name: row.get(0)?, declared: row.get(1)? }))?
        .collect()
}

fn has_unique_key(connection: &Connection, names: &TableNames) -> rusqlite::Result<bool> {
    let [cluster, machine] = unique_key(names);
    connection.query_row(
        "SELECT EXISTS (
            SELECT 1 FROM pragma_index_list(?1) AS list
            WHERE list.\"unique\" AND NOT list.partial AND (
                SELECT count(*) = 2 AND sum(lower(info.name) IN (lower(?2), lower(?3))) = 2
                FROM pragma_index_info(list.name) AS info
            )
        )",
        [names.table(), &cluster, &machine],
        |row| row.get(0),
    )
}

fn shown(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Null => "NULL".to_owned(),
        Value::Text(text) => format!("{text:?}"),
        other => format!("({})", other.data_type()),
    }
}
