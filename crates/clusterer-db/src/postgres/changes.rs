//! Has somebody else changed the table? The server tells, if the triggers are there that do; else the
//! table is looked at. Which of both it is, is found out with every look.

use super::dialect::{self, DIALECT};
use super::listen::{COUNT_TRIGGERS, Listener, TRIGGERS, install};
use super::session::PostgresSession;
use crate::backend::{Session as _, Value};
use crate::dialect::Sql;
use clusterer_node::{Cell, StoreError};

/// What is known of changes over one connection.
#[derive(Default)]
pub(super) struct Watch {
    listener: Option<Listener>,
    /// How often it had told of a change before the transaction began; `None` if nobody listened then.
    at_begin: Option<u64>,
    loaded: Option<Mark>,
}

/// What the table was like when it was loaded.
enum Mark {
    /// Its checksum.
    Looked(Cell),
    /// As it was after this many changes that the listener was told of.
    Told(u64),
}

impl Watch {
    /// Before the server takes the picture that the transaction sees.
    pub(super) fn begin(&mut self) {
        self.at_begin = self.listener.as_ref().and_then(Listener::told);
    }

    pub(super) async fn told(&mut self) {
        match (&mut self.listener, &self.loaded) {
            (Some(listener), Some(Mark::Told(count))) => listener.told_since(*count).await,
            _ => std::future::pending().await,
        }
    }
}

impl PostgresSession {
    pub(super) async fn remember_tables(&mut self) -> Result<(), StoreError> {
        let told = self.at_begin().await?;
        self.watch.loaded = Some(match told {
            Some(count) => Mark::Told(count),
            None => Mark::Looked(self.checksum().await?),
        });
        Ok(())
    }

    /// Listens, if there is something to listen to. Where it may not, the table is looked at.
    pub(super) async fn attend_to_triggers(&mut self) -> Result<(), StoreError> {
        if self.watch.listener.as_ref().and_then(Listener::told).is_some() {
            return Ok(());
        }
        if let Some(Mark::Told(_)) = self.watch.loaded {
            // Another listener counts from the start.
            self.watch.loaded = None;
        }
        self.watch.listener = if self.are_triggers_there().await? {
            let own = self.own_process().await?;
            self.postgres.listen(own).await.ok()
        } else {
            None
        };
        if self.watch.listener.is_none() {
            self.postgres.say_once_that_it_looks();
        }
        Ok(())
    }

    pub(super) async fn are_tables_changed(&mut self) -> Result<bool, StoreError> {
        let told = self.at_begin().await?;
        match (&self.watch.loaded, told) {
            (Some(Mark::Told(before)), Some(now)) => Ok(*before != now),
            (Some(Mark::Looked(before)), _) => {
                let before = before.clone();
                let changed = self.checksum().await? != before;
                if let (false, Some(count)) = (changed, told) {
                    self.watch.loaded = Some(Mark::Told(count));
                }
                Ok(changed)
            }
            // What was changed since nothing is told any more, only a load can tell.
            (Some(Mark::Told(_)), None) | (None, _) => Ok(true),
        }
    }

    pub(super) async fn install_triggers(&mut self) -> Result<bool, StoreError> {
        if self.are_triggers_there().await? {
            return Ok(false);
        }
        let names = self.postgres.names().clone();
        for statement in install(&Sql { names: &names, dialect: DIALECT }) {
            self.execute(&statement, &[]).await?;
        }
        Ok(true)
    }

    /// How often others had changed the table before this transaction, if that is told. Nobody listens to
    /// a server that does not tell.
    async fn at_begin(&mut self) -> Result<Option<u64>, StoreError> {
        if let Some(count) = self.watch.at_begin
            && self.are_triggers_there().await?
        {
            return Ok(Some(count));
        }
        self.watch.listener = None;
        Ok(None)
    }

    async fn are_triggers_there(&mut self) -> Result<bool, StoreError> {
        let table = DIALECT.catalogued(self.postgres.names().table());
        let count = self.query(COUNT_TRIGGERS, &[Value::Text(&table)]).await?;
        Ok(count == [[Cell::Int(TRIGGERS.into())]])
    }

    async fn checksum(&mut self) -> Result<Cell, StoreError> {
        let names = self.postgres.names();
        let checksum = Sql { names, dialect: DIALECT }.checksum(dialect::checksum);
        let found = self.query(&checksum, &[]).await?;
        Ok(found.into_iter().next().map_or(Cell::Null, |[sum]| sum))
    }

    /// The number of the server's process behind this connection.
    async fn own_process(&mut self) -> Result<i64, StoreError> {
        let found = self.query("SELECT pg_backend_pid()", &[]).await?;
        let number = found.first().and_then(|[number]: &[Cell; 1]| match number {
            Cell::Int(number) => i64::try_from(*number).ok(),
            _ => None,
        });
        Ok(number.unwrap_or_default())
    }
}
