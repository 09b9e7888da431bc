//! A database of a test's own.

use super::{Access, Kind, client};
use crate::PATIENCE;
use anyhow::Result;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How long a server may take to drop a database. A test may have killed or stopped it.
const FAREWELL: Duration = Duration::from_secs(5);

/// An empty database with a name of its own. Dropping it drops the database, whoever is connected.
#[derive(Debug)]
pub struct Database {
    access: Access,
    name: String,
}

impl Database {
    pub(super) fn create(access: &Access) -> Result<Self> {
        let name = format!("test_{:016x}", RandomState::new().hash_one(0_u8));
        access.run(&format!("CREATE DATABASE {name};"))?;
        Ok(Self { access: access.clone(), name })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its `db_url`, of the superuser.
    #[must_use]
    pub fn url(&self) -> String {
        self.access.url(&self.name)
    }

    /// Runs SQL in it; returns what it printed: a row a line, columns divided by `|` (PostgreSQL) or a
    /// tabulator (MariaDB).
    ///
    /// # Errors
    /// A statement failed; the text has the server's message.
    pub fn run(&self, sql: &str) -> Result<String> {
        client::run(&self.access, &self.name, sql, PATIENCE)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = &self.name;
        let sql = match self.access.kind() {
            Kind::MariaDb => format!("SET lock_wait_timeout = 3; DROP DATABASE {name};"),
            Kind::Postgres => format!("DROP DATABASE {name} WITH (FORCE);"),
        };
        // The whole server goes at the end of the run.
        let _ = self.access.run_within(&sql, FAREWELL);
    }
}
