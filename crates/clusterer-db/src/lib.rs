//! Where the nodes of a cluster are provisioned: the `clusterer` table of OpenSIPS 2.2 in a database.
//!
//! [`open`] makes a [`NodeStore`](clusterer_node::NodeStore) of a [`DbUrl`]: it loads the rows and
//! writes back the states that changed. [`Admin`] creates the tables, adds and removes nodes and
//! finds what is wrong with them. Each kind of database is a cargo feature: `sqlite` (default),
//! `postgres` and `mysql` (MariaDB, too). Without any, only names and URLs are left.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use clusterer_db::{Admin, DbUrl, NewNode, Options};
//!
//! let directory = tempfile::tempdir()?;
//! let url: DbUrl = format!("sqlite:{}/cluster.db", directory.path().display()).parse()?;
//! let options = Options::default();
//! let admin = Admin::new(&url, &options);
//! admin.init()?;
//! admin.add(&NewNode::new(1, 1, "bin:192.168.0.5:5566"))?;
//!
//! let rows = tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//!     let store = clusterer_db::open(&url, &options).await?;
//!     store.load().await
//! })?;
//! assert_eq!(rows[0].url.to_string(), "bin:192.168.0.5:5566");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```
//!
//! # Threads
//! A store has one thread, `clusterer-db`, which alone touches the database; where that is a server, a
//! runtime of its own is there too. The futures only wait for its answer: they may be polled on any
//! thread, by any runtime, and never block. Dropping one whose turn has not come cancels it; one that
//! is being done is done to its end. Dropping the store ends the thread without waiting for it. The
//! methods of [`Admin`] block, inside a runtime too. TLS to MySQL takes rustls' default provider of the process,
//! and where there is none makes `ring` that: the driver leaves no choice.
//!
//! # Errors
//! A wrong value in a row is no error: it is loaded as it is, and whoever reads the row
//! ([`Row::parse`](clusterer_node::Row::parse)) names it. A table, a column or a version that is not
//! right is [`StoreError::Schema`](clusterer_node::StoreError::Schema), which says what to do. A lock
//! that somebody else holds, or a server that does not answer in time, is `Unavailable`: worth another
//! try, on a new connection. After an error nothing was written, save that a server that falls silent
//! while it commits may have done it: writing the same once more does no harm. No error, and no
//! [`Debug`](std::fmt::Debug) text, holds a password.
//!
//! # What it refuses to do
//! Create a file or a table unless asked to by [`Admin::init`], or a server's database at all; replace
//! a state 0 that an administrator wrote; resolve the nodes' names; retry (it says what is worth it);
//! decide who is reachable.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod admin;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod administer;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod backend;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod dialect;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod finding;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod found;
#[cfg(feature = "mysql")]
mod mysql;
mod names;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod open;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod options;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod schema;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod script;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod site;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod store;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod tables;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod text;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod trust;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod upgrade;
mod url;

#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub use admin::{Admin, AdminError, Created, NewNode};
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub use finding::{Finding, Severity};
pub use names::{NameError, TableNames};
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub use open::open;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub use options::Options;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub use schema::TABLE_VERSION;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub use script::schema_script;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub use upgrade::{LaterNode, LeftOut, RowChange, Upgrade, UpgradeError, UpgradedRow};
pub use url::{DbUrl, DbUrlError, Scheme};
