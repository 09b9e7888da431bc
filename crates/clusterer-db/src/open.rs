//! From a URL to what works with that kind of database.

use crate::administer::Administer;
use crate::dialect::Dialect;
use crate::store::Store;
use crate::url::Target;
use crate::{DbUrl, Options, Scheme};
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
    let store = match url.target() {
        #[cfg(feature = "mysql")]
        Target::Mysql(server) => {
            Store::open(crate::mysql::Mysql::new(url, server, options)).await?
        }
        #[cfg(feature = "postgres")]
        Target::Postgres(server) => {
            Store::open(crate::postgres::Postgres::new(url, server, options)).await?
        }
        #[cfg(feature = "sqlite")]
        Target::Sqlite(path) => Store::open(crate::sqlite::Sqlite::new(url, path, options)).await?,
    };
    Ok(Box::new(store))
}

/// Administers the database of this URL. Touches nothing yet.
pub(crate) fn administer(url: &DbUrl, options: &Options) -> Box<dyn Administer> {
    match url.target() {
        #[cfg(feature = "mysql")]
        Target::Mysql(server) => Box::new(crate::mysql::Mysql::new(url, server, options)),
        #[cfg(feature = "postgres")]
        Target::Postgres(server) => Box::new(crate::postgres::Postgres::new(url, server, options)),
        #[cfg(feature = "sqlite")]
        Target::Sqlite(path) => Box::new(crate::sqlite::Sqlite::new(url, path, options)),
    }
}

/// The SQL of this kind of database, if the build has it.
pub(crate) const fn dialect(scheme: Scheme) -> Option<&'static Dialect> {
    match scheme {
        #[cfg(feature = "mysql")]
        Scheme::Mysql => Some(crate::mysql::DIALECT),
        #[cfg(feature = "postgres")]
        Scheme::Postgres => Some(crate::postgres::DIALECT),
        #[cfg(feature = "sqlite")]
        Scheme::Sqlite => Some(crate::sqlite::DIALECT),
        #[cfg(not(all(feature = "mysql", feature = "postgres", feature = "sqlite")))]
        _ => None,
    }
}
