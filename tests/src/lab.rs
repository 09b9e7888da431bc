//! A temporary directory with a database, and the daemons that read it.

use crate::servers::Database;
use crate::{Daemon, Place, free_address, program};
use anyhow::{Context as _, Result, ensure};
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A row of the `clusterer` table to add.
#[derive(Clone, Debug)]
pub struct NodeRow {
    /// The cluster's id.
    pub cluster: i32,
    /// The machine's id.
    pub machine: i32,
    /// Where it listens, as the row says it.
    pub url: String,
    /// 0 down, 1 up, 2 probing.
    pub state: u32,
    /// Failures in a row until it is disabled.
    pub failed_attempts: u32,
    /// Seconds it stays disabled.
    pub duration: u32,
    /// Free text.
    pub description: String,
}

impl NodeRow {
    /// A BIN node at this address. It is disabled for 2 seconds only: one that is slow to start is
    /// tried again within a test's patience.
    #[must_use]
    pub fn new(cluster: i32, machine: i32, address: SocketAddr) -> Self {
        Self {
            cluster,
            machine,
            url: format!("bin:{address}"),
            state: 1,
            failed_attempts: 3,
            duration: 2,
            description: format!("node {machine}"),
        }
    }
}

/// A cluster on this machine. Dropping it removes its files; its daemons end when they are dropped.
#[derive(Debug)]
pub struct Lab {
    directory: TempDir,
    /// On a server; a SQLite file if there is none.
    database: Option<Database>,
}

impl Lab {
    /// A lab with an empty SQLite database.
    ///
    /// # Errors
    /// A program is not built, or the database cannot be made.
    pub fn new() -> Result<Self> {
        Self::make(None)
    }

    /// A lab whose tables are made in this database on a server.
    ///
    /// # Errors
    /// As [`Lab::new`].
    pub fn on(database: Database) -> Result<Self> {
        Self::make(Some(database))
    }

    fn make(database: Option<Database>) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("clusterer-lab-").tempdir()?;
        let lab = Self { directory, database };
        fs::create_dir(lab.reply_dir())?;
        lab.ctl_ok(&["db", "init", "--db-url", &lab.db_url()])?;
        Ok(lab)
    }

    /// A lab with `count` nodes of cluster 1, machines 1 to `count`, each at an address of its own.
    ///
    /// # Errors
    /// As [`Lab::new`].
    pub fn with_nodes(count: i32) -> Result<(Self, Vec<SocketAddr>)> {
        let lab = Self::new()?;
        let addresses = lab.add_nodes(count)?;
        Ok((lab, addresses))
    }

    /// Adds nodes of cluster 1, machines 1 to `count`, each at an address of its own.
    ///
    /// # Errors
    /// `clustererctl` refused one.
    pub fn add_nodes(&self, count: i32) -> Result<Vec<SocketAddr>> {
        let mut addresses = Vec::new();
        for machine in 1..=count {
            let address = free_address()?;
            self.add(&NodeRow::new(1, machine, address))?;
            addresses.push(address);
        }
        Ok(addresses)
    }

    /// The lab's directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The database on a server; `None` if it is a SQLite file.
    #[must_use]
    pub fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    /// The SQLite database's file.
    #[must_use]
    pub fn db_path(&self) -> PathBuf {
        self.path().join("clusterer.db")
    }

    /// The database's URL.
    #[must_use]
    pub fn db_url(&self) -> String {
        match &self.database {
            Some(database) => database.url(),
            None => format!("sqlite:{}", self.db_path().display()),
        }
    }

    /// Where reply FIFOs are made.
    #[must_use]
    pub fn reply_dir(&self) -> PathBuf {
        self.path().join("replies")
    }

    /// Adds a row to the table.
    ///
    /// # Errors
    /// `clustererctl` refused it.
    pub fn add(&self, row: &NodeRow) -> Result<()> {
        let (cluster, machine) = (row.cluster.to_string(), row.machine.to_string());
        let state = row.state.to_string();
        let (failed_attempts, duration) =
            (row.failed_attempts.to_string(), row.duration.to_string());
        self.ctl_ok(&[
            "db",
            "add",
            "--db-url",
            &self.db_url(),
            "--cluster-id",
            &cluster,
            "--machine-id",
            &machine,
            "--url",
            &row.url,
            "--state",
            &state,
            "--failed-attempts",
            &failed_attempts,
            "--duration",
            &duration,
            "--description",
            &row.description,
        ])?;
        Ok(())
    }

    /// Runs `clustererctl`.
    ///
    /// # Errors
    /// It could not be run.
    pub fn ctl(&self, arguments: &[&str]) -> Result<Output> {
        let path = program("clustererctl")?;
        let mut command = Command::new(&path);
        command.args(arguments);
        command.output().with_context(|| format!("{} cannot be run", path.display()))
    }

    /// Runs `clustererctl`, which must succeed; returns what it printed.
    ///
    /// # Errors
    /// It could not be run, or failed.
    pub fn ctl_ok(&self, arguments: &[&str]) -> Result<String> {
        let output = self.ctl(arguments)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "clustererctl {arguments:?} failed: {errors}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The configuration of a node that listens at this address; `more` is appended to it.
    #[must_use]
    pub fn config(&self, machine: i32, listen: SocketAddr, more: &str) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            r#"[clusterer]
db_url = "{db_url}"
server_id = {machine}

[bin]
listen = ["bin:{listen}"]

[mi.fifo]
fifo_name = "{fifo}"
reply_dir = "{reply_dir}"
{more}"#,
            db_url = self.db_url(),
            fifo = self.fifo(machine).display(),
            reply_dir = self.reply_dir().display(),
        );
        text
    }

    /// The command FIFO of a node.
    #[must_use]
    pub fn fifo(&self, machine: i32) -> PathBuf {
        self.path().join(format!("fifo-{machine}"))
    }

    /// Writes a configuration file and returns its path.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_config(&self, machine: i32, config: &str) -> Result<PathBuf> {
        let path = self.path().join(format!("node-{machine}.toml"));
        fs::write(&path, config)?;
        Ok(path)
    }

    /// Starts a daemon with this configuration, and waits until it answers over MI.
    ///
    /// # Errors
    /// It ended, or did not answer in time; the text has its log.
    pub fn start(&self, machine: i32, config: &str) -> Result<Daemon> {
        self.start_at(Place::Here, machine, config)
    }

    /// The same at another place.
    ///
    /// # Errors
    /// As [`Lab::start`].
    pub fn start_at(&self, place: Place, machine: i32, config: &str) -> Result<Daemon> {
        let path = self.write_config(machine, config)?;
        Daemon::start(place, machine, &path, &self.fifo(machine), &self.reply_dir())
    }
}
