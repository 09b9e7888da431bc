//! What each kind of database does in its own way: connecting, and carrying SQL to and fro. What is
//! done with the tables is the same for all of them (`tables.rs`), its SQL but for a [`Dialect`] too.

use crate::dialect::Dialect;
use crate::site::Site;
use clusterer_node::{Cell, StoreError};
use std::fmt;

/// A kind of database: makes connections to one.
pub(crate) trait Backend: Clone + fmt::Debug + Send + Sync + 'static {
    type Session: Session;

    fn site(&self) -> &Site;

    /// Opens a connection; cheap things only are checked.
    async fn connect(&self, missing: Missing) -> Result<Self::Session, StoreError>;

    /// Sets the time that one call may take as a whole, connecting included, where the database may
    /// keep it waiting. What is left of a call that took longer is dropped.
    async fn bounded<T, E: From<StoreError>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E>;
}

/// A connection. After an error of any of its methods it is dropped, which undoes a transaction that
/// is open.
pub(crate) trait Session {
    const DIALECT: &'static Dialect;

    /// Whether [`Session::remember`] costs so little that it is done before anybody waits for changes.
    const REMEMBERS_CHEAPLY: bool = false;

    /// Whether the connection still leads to the database, before it is used again.
    async fn is_usable(&mut self) -> bool;

    async fn begin(&mut self, access: Access) -> Result<(), StoreError>;

    async fn commit(&mut self) -> Result<(), StoreError>;

    /// The rows of a query, each of `N` columns.
    async fn query<const N: usize>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<[Cell; N]>, StoreError>;

    /// Executes one statement; the number of rows that it matched.
    async fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError>;

    /// Executes one statement once for each of these values, in their order; the numbers of rows
    /// that each matched.
    async fn execute_each<const N: usize>(
        &mut self,
        sql: &str,
        values: &[[Value<'_>; N]],
    ) -> Result<Vec<u64>, StoreError>;

    /// Remembers what the tables hold: called in the transaction in which they are loaded.
    async fn remember(&mut self) -> Result<(), StoreError>;

    /// Gets ready to be told of changes, where the database can tell: called when there is somebody who
    /// waits for them.
    async fn attend(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether somebody else may have changed the tables since [`Session::remember`], or that cannot be
    /// told, as when nothing was remembered. Called in a transaction of its own.
    async fn is_changed(&mut self) -> Result<bool, StoreError>;

    /// Returns when the database says of itself that [`Session::is_changed`] has an answer. For ever, as by
    /// default, where it does not say. May be dropped at any time.
    async fn told(&mut self) {
        std::future::pending::<()>().await;
    }

    /// Lets the database tell of changes from now on, if it is one that can; whether there was anything to
    /// be done. Called in a transaction.
    async fn tell(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Says goodbye, where that is usual. Never takes long.
    async fn close(self);
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Changes tables and rows on the word of an administrator: one at a time.
    Administer,
    /// Sees one state of all tables, and changes nothing.
    Read,
    /// Writes statuses back.
    Write,
}

/// Whether a database that is not there may be made, where that is no more than a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Create,
    Refuse,
}

/// A value for a placeholder.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Int(i64),
    Null,
    Text(&'a str),
}

/// Does this work in one transaction: all of it, or on an error nothing. The session is lost then.
pub(crate) async fn transaction<S: Session, T, E: From<StoreError>>(
    mut session: S,
    access: Access,
    work: impl AsyncFnOnce(&mut S) -> Result<T, E>,
) -> Result<(S, T), E> {
    session.begin(access).await?;
    let done = work(&mut session).await?;
    session.commit().await?;
    Ok((session, done))
}
