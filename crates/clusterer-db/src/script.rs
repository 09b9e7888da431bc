//! The tables as a script for the database's own client.

use crate::dialect::{Dialect, Sql};
use crate::schema::TABLE_VERSION;
use crate::{DbUrlError, Scheme, TableNames};
use std::fmt::Write;

/// What [`Admin::init`](crate::Admin::init) executes on an empty database of this kind, as a script that
/// the database's own client reads. It refuses to run, and changes nothing, where the table exists; a
/// `version` table that exists is used.
///
/// ```
/// use clusterer_db::{Scheme, TableNames, schema_script};
///
/// # #[cfg(feature = "sqlite")] {
/// let script = schema_script(Scheme::Sqlite, &TableNames::default()).unwrap();
/// assert!(script.contains("CREATE TABLE \"clusterer\""));
/// # }
/// ```
///
/// # Errors
/// [`DbUrlError::UnsupportedScheme`] if the build has no support for that database.
pub fn schema_script(scheme: Scheme, names: &TableNames) -> Result<String, DbUrlError> {
    let dialect = crate::open::dialect(scheme).ok_or(DbUrlError::UnsupportedScheme { scheme })?;
    let sql = Sql { names, dialect };
    let mut script = Script::begin(dialect);
    script.statement(&sql.create_version());
    for statement in sql.create() {
        script.statement(&statement);
    }
    script.statement(&sql.insert_version_literally(names.table(), TABLE_VERSION));
    Ok(script.end())
}

/// Statements and comments, in one transaction where the database takes tables back.
pub(crate) struct Script {
    text: String,
    in_transaction: bool,
}

impl Script {
    pub(crate) fn begin(dialect: &'static Dialect) -> Self {
        let mut script = Self { text: String::new(), in_transaction: false };
        if dialect.takes_tables_back {
            script.begin_transaction();
        }
        script
    }

    pub(crate) fn statement(&mut self, statement: &str) {
        self.line(format_args!("{statement};"));
    }

    /// Whatever it says stays on its line: it may repeat what stands in a row.
    pub(crate) fn comment(&mut self, text: &str) {
        let escaped = |c: char| match c {
            c if c.is_control() => c.escape_default().to_string(),
            c => c.to_string(),
        };
        let line: String = text.chars().map(escaped).collect();
        self.line(format_args!("-- {line}"));
    }

    /// For a database that has made its tables for good: the rest is one transaction all the same.
    pub(crate) fn tables_made(&mut self) {
        if !self.in_transaction {
            self.begin_transaction();
        }
    }

    fn begin_transaction(&mut self) {
        self.statement("BEGIN");
        self.in_transaction = true;
    }

    pub(crate) fn end(mut self) -> String {
        if self.in_transaction {
            self.statement("COMMIT");
        }
        self.text
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}
