//! What `clustererctl db …` does to a SQLite file.

use super::Database;
use super::database::Missing;
use super::rows;
use super::schema::{self, Found, quoted};
use crate::admin::Backend;
use crate::{AdminError, Created, Finding, NewNode};
use clusterer_node::{Cell, Column, DbId, NodeKey, RawRow, StoreError, UnixTime};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

impl Backend for Database {
    fn init(&self) -> Result<Created, StoreError> {
        let mut connection = self.connect(Missing::Create)?;
        self.choose_journal(&connection)?;
        self.transaction(&mut connection, TransactionBehavior::Immediate, |tx| {
            schema::create(tx, self)
        })
    }

    fn add(&self, node: &NewNode, key: NodeKey) -> Result<DbId, AdminError> {
        self.change(|tx| {
            let sql = |error| self.explain(&error);
            if let Some(id) = self.row_of(tx, key).map_err(sql)? {
                return Err(AdminError::Duplicate { key, id });
            }
            let id = self.insert(tx, node).map_err(sql)?;
            id.and_then(DbId::new).ok_or_else(|| {
                let id = self.names().column(Column::Id);
                self.refused(&format!("column {id} does not number new rows by itself")).into()
            })
        })
    }

    fn remove(&self, key: NodeKey) -> Result<(), AdminError> {
        self.change(|tx| {
            let statement = format!("DELETE FROM {}", self.where_key());
            let removed = tx.execute(&statement, (key.cluster.get(), key.machine.get()));
            match removed.map_err(|error| self.explain(&error))? {
                0 => Err(AdminError::NotFound(key)),
                _ => Ok(()),
            }
        })
    }

    fn list(&self) -> Result<Vec<RawRow>, StoreError> {
        let mut connection = self.connect(Missing::Refuse)?;
        self.transaction(&mut connection, TransactionBehavior::Deferred, |tx| {
            let sql = |error| self.explain(&error);
            Found::read(tx, self.names()).map_err(sql)?.require(self)?;
            rows::read(tx, self.names()).map_err(sql)
        })
    }

    fn check(&self, now: UnixTime) -> Result<Vec<Finding>, StoreError> {
        let mut connection = self.connect(Missing::Refuse)?;
        self.transaction(&mut connection, TransactionBehavior::Deferred, |tx| {
            let sql = |error| self.explain(&error);
            let mut findings = Found::read(tx, self.names()).map_err(sql)?.findings(self.names());
            let readable = !findings.iter().any(|finding| {
                matches!(finding, Finding::MissingColumn { .. } | Finding::MissingTable { .. })
            });
            if readable {
                findings.extend(Finding::of_rows(&rows::read(tx, self.names()).map_err(sql)?, now));
            }
            Ok(findings)
        })
    }
}

impl Database {
    /// Lets a new file use a write-ahead log, so that nobody who reads waits for somebody who
    /// writes. A file that exists keeps what it has: others may rely on that.
    fn choose_journal(&self, connection: &Connection) -> Result<(), StoreError> {
        let sql = |error| self.explain(&error);
        let pages: i64 =
            connection.query_row("PRAGMA page_count", [], |row| row.get(0)).map_err(sql)?;
        if pages == 0 {
            connection
                .query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))
                .map_err(sql)?;
        }
        Ok(())
    }

    /// Changes rows of tables that have been checked.
    fn change<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, AdminError>,
    ) -> Result<T, AdminError> {
        let mut connection = self.connect(Missing::Refuse)?;
        self.transaction(&mut connection, TransactionBehavior::Immediate, |tx| {
            Found::read(tx, self.names()).map_err(|error| self.explain(&error))?.require(self)?;
            work(tx)
        })
    }

    fn row_of(&self, tx: &Transaction<'_>, key: NodeKey) -> rusqlite::Result<Option<Cell>> {
        let id = quoted(self.names().column(Column::Id));
        let statement = format!("SELECT {id} FROM {}", self.where_key());
        tx.query_row(&statement, (key.cluster.get(), key.machine.get()), |row| {
            Ok(rows::cell(row.get_ref(0)?))
        })
        .optional()
    }

    /// The id that the row got, if the column numbers its rows.
    fn insert(&self, tx: &Transaction<'_>, node: &NewNode) -> rusqlite::Result<Option<i64>> {
        let name = |column| quoted(self.names().column(column));
        let statement = format!(
            "INSERT INTO {} ({}, {}, {}, {}, {}, {}, {}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
             RETURNING {}",
            quoted(self.names().table()),
            name(Column::ClusterId),
            name(Column::MachineId),
            name(Column::Url),
            name(Column::State),
            name(Column::FailedAttempts),
            name(Column::Duration),
            name(Column::Description),
            name(Column::Id),
        );
        let values = (
            node.cluster_id,
            node.machine_id,
            &node.url,
            node.state,
            node.failed_attempts,
            node.duration,
            &node.description,
        );
        tx.query_row(&statement, values, |row| row.get(0))
    }

    /// The table and the condition that picks the node of `?1` and `?2`.
    fn where_key(&self) -> String {
        let name = |column| quoted(self.names().column(column));
        format!(
            "{} WHERE {} = ?1 AND {} = ?2",
            quoted(self.names().table()),
            name(Column::ClusterId),
            name(Column::MachineId),
        )
    }
}
