//! Which database it is: what its tables are called, and how an error says where something is wrong.

use crate::{DbUrl, Options, TableNames};
use clusterer_node::{Column, StoreError};

/// A database and how to work with it. Holds no connection.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    url: DbUrl,
    options: Options,
}

impl Site {
    pub(crate) fn new(url: &DbUrl, options: &Options) -> Self {
        Self { url: url.clone(), options: options.clone() }
    }

    pub(crate) const fn names(&self) -> &TableNames {
        &self.options.names
    }

    pub(crate) const fn options(&self) -> &Options {
        &self.options
    }

    /// Drops what is left of a call to a server that takes longer than a call may.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(crate) async fn bounded<T, E: From<StoreError>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let patience = self.options.query_timeout;
        tokio::time::timeout(patience, call).await.unwrap_or_else(|_| {
            Err(self.unavailable(&format!("no answer within {patience:?}")).into())
        })
    }

    /// The database refused, and would again.
    pub(crate) fn refused(&self, why: &str) -> StoreError {
        StoreError::Refused(format!("{}: {why}", self.url))
    }

    /// What a table that lacks something means, and what to do.
    pub(crate) fn schema(&self, problem: &str, advice: &str) -> StoreError {
        StoreError::Schema(format!("{}: {problem}: {advice}", self.url))
    }

    /// Worth another try.
    pub(crate) fn unavailable(&self, why: &str) -> StoreError {
        StoreError::Unavailable(format!("{}: {why}", self.url))
    }

    /// Somebody else was in the way for too long.
    pub(crate) fn locked(&self) -> StoreError {
        self.unavailable(&format!(
            "somebody else holds the lock, for longer than {:?}",
            self.options.lock_timeout
        ))
    }

    /// The command that makes what is missing.
    pub(crate) fn init_advice(&self) -> String {
        let names = self.names();
        let mut command = format!("clustererctl db init --db-url '{}'", self.url);
        if names.table() != TableNames::default().table() {
            command += &format!(" --db-table {}", names.table());
        }
        for column in Column::ALL {
            let name = names.column(column);
            if name != column.name() {
                command += &format!(" --column {}={name}", TableNames::key(column));
            }
        }
        format!("create it with `{command}`")
    }
}
