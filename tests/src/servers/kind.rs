//! Which database management system.

use super::{mariadb, postgres};
use anyhow::{Context as _, Result, ensure};
use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A database management system that the tests can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// MariaDB, which speaks MySQL's protocol.
    MariaDb,
    /// PostgreSQL.
    Postgres,
}

impl Kind {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::MariaDb, Self::Postgres];

    /// The environment variable by which `cargo xtask test` names its server to the tests.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::MariaDb => "CLUSTERER_TEST_MYSQL",
            Self::Postgres => "CLUSTERER_TEST_POSTGRES",
        }
    }

    /// The Debian packages with the programs. MariaDB's are those without a service.
    #[must_use]
    pub fn packages(self) -> &'static [&'static str] {
        match self {
            Self::MariaDb => &["mariadb-server-core", "mariadb-client-core"],
            Self::Postgres => &["postgresql"],
        }
    }

    /// What the installed server calls itself and its version.
    ///
    /// # Errors
    /// One of the programs is missing; the text names it.
    pub fn version(self) -> Result<String> {
        for program in self.programs() {
            self.program(program)?;
        }
        let server = self.program(self.server())?;
        let output = Command::new(&server).arg("--version").output();
        let output = output.with_context(|| format!("{} cannot be run", server.display()))?;
        ensure!(output.status.success(), "{} --version: {}", server.display(), output.status);
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The program that is the server.
    pub(super) fn server(self) -> &'static str {
        match self {
            Self::MariaDb => mariadb::SERVER,
            Self::Postgres => postgres::SERVER,
        }
    }

    /// The path of one of its programs.
    pub(super) fn program(self, name: &str) -> Result<PathBuf> {
        let mut directories = match self {
            Self::MariaDb => Vec::new(),
            Self::Postgres => postgres::directories(),
        };
        directories.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        if name == mariadb::SERVER {
            // Debian has it there, and only root has that in the PATH.
            directories.push(Path::new("/usr/sbin").to_owned());
        }
        let mut paths = directories.iter().map(|directory| directory.join(name));
        let found = paths.find(|path| path.is_file());
        found.with_context(|| format!("{self} is not installed: there is no {name}"))
    }

    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::MariaDb => mariadb::PROGRAMS,
            Self::Postgres => postgres::PROGRAMS,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MariaDb => "MariaDB",
            Self::Postgres => "PostgreSQL",
        })
    }
}
