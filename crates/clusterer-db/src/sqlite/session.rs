//! A connection to the file. Nothing here ever waits but for a lock, which blocks the thread: it is
//! the database's own.

use super::cell::cell;
use super::database::{FileId, Sqlite};
use super::dialect::DIALECT;
use crate::backend::{Access, Backend as _, Missing, Session, Value};
use crate::dialect::Dialect;
use clusterer_node::{Cell, StoreError};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

pub(crate) struct SqliteSession {
    pub(super) database: Sqlite,
    pub(super) file: FileId,
    pub(super) connection: Connection,
    /// What [`SqliteSession::data_version`] was when the tables were last loaded.
    pub(super) loaded_at: Option<i64>,
}

impl Session for SqliteSession {
    const DIALECT: &'static Dialect = DIALECT;
    const REMEMBERS_CHEAPLY: bool = true;

    /// Unless the file has been replaced since.
    async fn is_usable(&mut self) -> bool {
        self.database.file_id().is_ok_and(|file| file == self.file)
    }

    async fn begin(&mut self, access: Access) -> Result<(), StoreError> {
        if access == Access::Read {
            return self.run("BEGIN DEFERRED");
        }
        // What could only be read when it was opened may be writable by now.
        if self.is_read_only()? {
            *self = self.database.connect(Missing::Refuse).await?;
        }
        self.run("BEGIN IMMEDIATE")
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        self.run("COMMIT")
    }

    async fn query<const N: usize>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<[Cell; N]>, StoreError> {
        let query = || -> rusqlite::Result<_> {
            let mut statement = self.connection.prepare(sql)?;
            let mut found = statement.query(params_from_iter(values))?;
            let mut rows = Vec::new();
            while let Some(row) = found.next()? {
                let mut cells = [const { Cell::Null }; N];
                for (at, slot) in cells.iter_mut().enumerate() {
                    *slot = cell(row.get_ref(at)?);
                }
                rows.push(cells);
            }
            Ok(rows)
        };
        query().map_err(|error| self.database.explain(&error))
    }

    async fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let done = self.connection.execute(sql, params_from_iter(values));
        done.map(count).map_err(|error| self.database.explain(&error))
    }

    async fn execute_each<const N: usize>(
        &mut self,
        sql: &str,
        values: &[[Value<'_>; N]],
    ) -> Result<Vec<u64>, StoreError> {
        let execute = || -> rusqlite::Result<_> {
            let mut statement = self.connection.prepare(sql)?;
            values
                .iter()
                .map(|of_one| statement.execute(params_from_iter(of_one)).map(count))
                .collect()
        };
        execute().map_err(|error| self.database.explain(&error))
    }

    async fn remember(&mut self) -> Result<(), StoreError> {
        self.loaded_at = Some(self.data_version()?);
        Ok(())
    }

    async fn is_changed(&mut self) -> Result<bool, StoreError> {
        Ok(Some(self.data_version()?) != self.loaded_at)
    }

    async fn close(self) {}
}

impl SqliteSession {
    /// Every commit of another connection to the file counts, one to another table too.
    fn data_version(&self) -> Result<i64, StoreError> {
        let version = self.connection.query_row("PRAGMA data_version", [], |row| row.get(0));
        version.map_err(|error| self.database.explain(&error))
    }

    fn is_read_only(&self) -> Result<bool, StoreError> {
        self.connection.is_readonly("main").map_err(|error| self.database.explain(&error))
    }

    fn run(&self, statement: &str) -> Result<(), StoreError> {
        let done = self.connection.execute_batch(statement);
        done.map_err(|error| self.database.explain(&error))
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Null => ValueRef::Null,
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
