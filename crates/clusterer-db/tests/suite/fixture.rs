//! A SQLite file in a temporary directory, and a connection beside the store under test.

use crate::conformance::{Provisioned, wait};
use clusterer_db::{Admin, DbUrl, Options, TableNames};
use clusterer_node::{Cell, Column, NodeStore, RawRow, StoreError};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

pub(crate) struct Fixture {
    directory: TempDir,
    pub(crate) options: Options,
}

impl Fixture {
    /// A directory without a file.
    pub(crate) fn empty() -> Self {
        // Patient: on a busy machine even closing a file holds its lock for a while.
        let options = Options::default().lock_timeout(Duration::from_secs(20));
        Self { directory: TempDir::new().unwrap(), options }
    }

    /// A file with the tables.
    pub(crate) fn new() -> Self {
        let fixture = Self::empty();
        fixture.admin().init().unwrap();
        fixture
    }

    /// A file with these rows.
    pub(crate) fn with(rows: &[RawRow]) -> Self {
        let fixture = Self::new();
        fixture.insert(rows);
        fixture
    }

    /// The same file, for whoever does not wait long for a lock.
    pub(crate) fn impatient(mut self) -> Self {
        self.options = self.options.lock_timeout(Duration::from_millis(100));
        self
    }

    /// A file whose table takes anything in every column, with this row.
    pub(crate) fn lax(row: &RawRow) -> Self {
        let fixture = Self::new();
        fixture.sql(
            "DROP TABLE clusterer;
             CREATE TABLE clusterer (id INTEGER, cluster_id INTEGER, machine_id INTEGER,
                url CHAR(64), state INTEGER DEFAULT 1, last_attempt BIGINT(64) DEFAULT 0,
                failed_attempts INTEGER DEFAULT 3, no_tries INTEGER DEFAULT 0,
                duration INTEGER DEFAULT 30, description CHAR(64))",
        );
        fixture.insert(std::slice::from_ref(row));
        fixture
    }

    pub(crate) fn named(settings: &[(&'static str, &'static str)]) -> Self {
        let mut fixture = Self::empty();
        let names = TableNames::new(settings.iter().copied()).unwrap();
        fixture.options = fixture.options.names(names);
        fixture
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory().join("cluster.db")
    }

    pub(crate) fn url(&self) -> DbUrl {
        DbUrl::sqlite(self.path().to_str().unwrap()).unwrap()
    }

    pub(crate) fn admin(&self) -> Admin {
        Admin::new(&self.url(), &self.options)
    }

    pub(crate) fn open(&self) -> Result<Box<dyn NodeStore>, StoreError> {
        wait(clusterer_db::open(&self.url(), &self.options))
    }

    /// Why the store does not open.
    pub(crate) fn open_error(&self) -> StoreError {
        match self.open() {
            Ok(_) => panic!("the store opened"),
            Err(error) => error,
        }
    }

    /// A text without the parts that differ from run to run.
    pub(crate) fn plain(&self, text: &impl ToString) -> String {
        text.to_string().replace(self.directory().to_str().unwrap(), "DIR")
    }

    /// What another process would use.
    pub(crate) fn connection(&self) -> Connection {
        let connection = Connection::open(self.path()).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection
    }

    pub(crate) fn sql(&self, statements: &str) {
        self.connection().execute_batch(statements).unwrap();
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
}

impl Provisioned for Fixture {
    fn store(&self) -> Box<dyn NodeStore> {
        self.open().unwrap()
    }

    fn set_state(&self, id: i64, state: i64) {
        self.sql(&format!("UPDATE clusterer SET state = {state} WHERE id = {id}"));
    }

    fn delete(&self, id: i64) {
        self.sql(&format!("DELETE FROM clusterer WHERE id = {id}"));
    }

    /// By another file in its place, as it is when one is restored.
    fn cut(&self) {
        let copy = self.path().with_extension("copy");
        self.sql(&format!("VACUUM INTO '{}'", copy.display()));
        std::fs::rename(copy, self.path()).unwrap();
    }

    fn row(&self, id: i64) -> Option<RawRow> {
        let rows = self.admin().list().unwrap();
        rows.into_iter().find(|row| row.id == Cell::Int(id.into()))
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
