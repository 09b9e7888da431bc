//! What every backend needs to know beside the URL.

use crate::TableNames;
use std::time::Duration;

/// How to work with a database.
///
/// ```
/// use clusterer_db::{Options, TableNames};
/// use std::time::Duration;
///
/// let options = Options::default()
///     .names(TableNames::new([("db_table", "nodes")]).unwrap())
///     .lock_timeout(Duration::from_secs(2));
/// assert_ne!(options, Options::default());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub(crate) names: TableNames,
    pub(crate) lock_timeout: Duration,
    pub(crate) query_timeout: Duration,
}

/// No caller means to wait longer; databases count the milliseconds in 31 bits.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

impl Options {
    /// What the table and its columns are called. The manual's names by default.
    #[must_use]
    pub fn names(self, names: TableNames) -> Self {
        Self { names, ..self }
    }

    /// How long a statement waits for a lock that somebody else holds: 5 seconds by default, an hour
    /// at most; MySQL counts whole seconds, rounded up. Keep it below the time after which the caller gives up.
    #[must_use]
    pub fn lock_timeout(self, timeout: Duration) -> Self {
        Self { lock_timeout: timeout.min(LONGEST_WAIT), ..self }
    }

    /// How long a call may take as a whole where the database is a server, connecting included: 10
    /// seconds by default, an hour at most. SQLite is never waited for but at a lock.
    #[must_use]
    pub fn query_timeout(self, timeout: Duration) -> Self {
        Self { query_timeout: timeout.min(LONGEST_WAIT), ..self }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            names: TableNames::default(),
            lock_timeout: Duration::from_secs(5),
            query_timeout: Duration::from_secs(10),
        }
    }
}
