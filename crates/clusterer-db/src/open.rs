//! From a URL to a store, whatever the database.

use crate::url::Target;
use crate::{DbUrl, Options};
use clusterer_node::{NodeStore, StoreError};

/// Opens the database of this URL and checks its tables. Nothing is created or changed.
///
/// The future never blocks the thread that polls it and needs no particular runtime.
///
/// # Errors
/// [`StoreError::Schema`] if the database, a table or a column is missing or the version is another:
/// says what to do, another try does not help. [`StoreError::Unavailable`] if the database is locked
/// or does not answer: worth another try. [`StoreError::Refused`] for the rest.
pub async fn open(url: &DbUrl, options: &Options) -> Result<Box<dyn NodeStore>, StoreError> {
    match url.target() {
        #[cfg(feature = "sqlite")]
        Target::Sqlite(path) => {
            let database = crate::sqlite::Database::new(url, path, options);
            Ok(Box::new(crate::sqlite::SqliteStore::open(database).await?))
        }
    }
}
