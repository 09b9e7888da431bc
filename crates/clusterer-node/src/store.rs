//! The seam to where nodes are provisioned.

use crate::{DbId, RawRow, State, UnixTime};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;

/// A future in a box, so that the seams can be trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The three columns that change, as the database holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredStatus {
    /// The `state` column.
    pub state: State,
    /// The `no_tries` column.
    pub no_tries: u32,
    /// The `last_attempt` column.
    pub last_attempt: UnixTime,
}

/// A status to write back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which row.
    pub id: DbId,
    /// What to write.
    pub status: StoredStatus,
    /// The change includes an administrator's decision made here. Only then is state 0 written, or
    /// a state 0 in the database replaced.
    pub by_administrator: bool,
}

/// What became of a flush.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Rows written.
    pub written: usize,
    /// Rows left alone: an administrator set state 0 in the database meanwhile, or the row is gone.
    pub conflicts: Vec<DbId>,
}

/// Why a store could not do what was asked. The text never holds a password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// The database refused: no permission, read-only, disk full, a broken file.
    Refused(String),
    /// A table or column is missing, or the table's version is another. Says what to do.
    Schema(String),
    /// The database could not be reached, or did not answer in time. Worth another try.
    Unavailable(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) | Self::Schema(why) | Self::Unavailable(why) => f.write_str(why),
        }
    }
}

impl core::error::Error for StoreError {}

/// Where nodes are provisioned: a database, a file, a test's list.
///
/// The futures may be polled on any thread and must not block it. At most one call is under way at a
/// time, beside [`NodeStore::changed`]. A call is given up by dropping its future: what it was doing may
/// still be done, but then before anything that a later call does.
pub trait NodeStore: Send + Sync {
    /// Every row of the table, in the order the database returns them.
    ///
    /// # Errors
    /// [`StoreError`]; a row with a wrong value in it is no error here, it comes as it is.
    fn load(&self) -> BoxFuture<'_, Result<Vec<RawRow>, StoreError>>;

    /// Writes these changes in one transaction: all of them, or on an error none.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was written then.
    fn flush<'a>(&'a self, changes: &'a [Change]) -> BoxFuture<'a, Result<Flushed, StoreError>>;

    /// Waits until somebody else may have changed the table since the last [`load`](Self::load), or until
    /// that cannot be told. It looks every so often, at least, or is told by the database. A hint only: what was
    /// changed, and whether anything was, is found by loading. What this store's own flushes change is
    /// nobody else's, but for an administrator's decision among it, which may be told; what other nodes write
    /// back (state 1 or 2, `no_tries`, `last_attempt`) need not be. Without a load in between, it may give the same hint again at once.
    /// So it may when it is called for the first time: until then a store need not remember what it has loaded.
    ///
    /// Other calls are made while this one waits, and are not delayed by it. A store that cannot tell, which
    /// is the default, waits for ever.
    ///
    /// # Errors
    /// [`StoreError`]: the database could not be asked.
    fn changed(&self, every: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        let _ = every;
        Box::pin(core::future::pending())
    }
}
