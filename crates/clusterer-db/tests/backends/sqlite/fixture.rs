//! A SQLite file in a temporary directory, and a connection beside the store under test.

use crate::shared::TestDatabase;
use clusterer_db::{DbUrl, Options};
use clusterer_node::{Cell, Column, NodeStore, RawRow};
use clusterer_tests::conformance::{Provisioned, Telling};
use rusqlite::Connection;
use rusqlite::types::{Value, ValueRef};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) struct Fixture {
    directory: TempDir,
    options: Options,
}

impl Fixture {
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory().join("cluster.db")
    }

    /// What another process would use.
    pub(crate) fn connection(&self) -> Connection {
        let connection = Connection::open(self.path()).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection
    }
}

impl TestDatabase for Fixture {
    const LAX: &'static str =
        "CREATE TABLE clusterer (id INTEGER, cluster_id INTEGER, machine_id INTEGER,
        url CHAR(64), state INTEGER DEFAULT 1, last_attempt BIGINT(64) DEFAULT 0,
        failed_attempts INTEGER DEFAULT 3, no_tries INTEGER DEFAULT 0,
        duration INTEGER DEFAULT 30, description CHAR(64))";
    const TABLES: &'static str =
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
    const QUOTE: char = '"';

    fn runs_here(_: &str) -> bool {
        true
    }

    /// A directory without a file.
    fn empty() -> Self {
        // Patient: on a busy machine even closing a file holds its lock for a while.
        let options = Options::default().lock_timeout(Duration::from_secs(20));
        Self { directory: TempDir::new().unwrap(), options }
    }

    fn url(&self) -> DbUrl {
        DbUrl::sqlite(self.path().to_str().unwrap()).unwrap()
    }

    fn options(&self) -> &Options {
        &self.options
    }

    fn with_options(self, change: impl FnOnce(Options) -> Options) -> Self {
        Self { options: change(self.options), ..self }
    }

    fn sql(&self, statements: &str) {
        self.connection().execute_batch(statements).unwrap();
    }

    fn texts(&self, query: &str) -> Vec<String> {
        let connection = self.connection();
        let mut statement = connection.prepare(query).unwrap();
        let shown = |row: &rusqlite::Row<'_>| {
            Ok(match row.get_ref(0)? {
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                other => other.as_i64()?.to_string(),
            })
        };
        statement.query_map([], shown).unwrap().map(Result::unwrap).collect()
    }

    fn insert(&self, rows: &[RawRow]) {
        let columns = Column::ALL.map(Column::name).join(", ");
        let statement =
            format!("INSERT INTO clusterer ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        let mut connection = self.connection();
        let tx = connection.transaction().unwrap();
        for row in rows {
            tx.execute(&statement, row.cells().map(value)).unwrap();
        }
        tx.commit().unwrap();
    }

    /// Every column takes everything.
    fn make_text(&self, _: &str) {}

    fn plain(&self, text: &impl ToString) -> String {
        let text = text.to_string().replace(&self.url().to_string(), "URL");
        text.replace(self.directory().to_str().unwrap(), "DIR")
    }
}

impl Provisioned for Fixture {
    fn store(&self) -> Arc<dyn NodeStore> {
        self.open().unwrap().into()
    }

    fn set_state(&self, id: i64, state: i64) {
        self.sql(&format!("UPDATE clusterer SET state = {state} WHERE id = {id}"));
    }

    fn delete(&self, id: i64) {
        self.sql(&format!("DELETE FROM clusterer WHERE id = {id}"));
    }

    fn row(&self, id: i64) -> Option<RawRow> {
        let rows = self.admin().list().unwrap();
        rows.into_iter().find(|row| row.id == Cell::Int(id.into()))
    }
}

impl Telling for Fixture {
    /// By another file in its place, as it is when one is restored.
    fn cut(&self) {
        let copy = self.path().with_extension("copy");
        self.sql(&format!("VACUUM INTO '{}'", copy.display()));
        std::fs::rename(copy, self.path()).unwrap();
    }
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(number) => Value::Integer((*number).try_into().unwrap()),
        Cell::Text(text) => Value::Text(text.clone()),
        other => panic!("cannot be stored: {other:?}"),
    }
}
