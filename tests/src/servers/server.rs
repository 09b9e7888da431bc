//! A private server.

use super::account::Account;
use super::{Access, Database, Kind, data, mariadb, postgres, process};
use crate::guardian::Guardian;
use crate::{PATIENCE, free_address, wait_for};
use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How long it may take to begin, or to end in good order: a machine may be busy with all the tests.
const SLOW: Duration = Duration::from_secs(60);
/// How long one look may take while it begins.
const LOOK: Duration = Duration::from_secs(5);
/// How long it may take to end without ceremony before it is killed.
const ABORT: Duration = Duration::from_secs(5);
/// Lines of its log that an error shows.
const TAIL: usize = 20;

/// A running database server in a temporary directory, at an address of its own. Dropping it ends it and
/// removes its files; so does the end of this process, whatever ends it.
#[derive(Debug)]
pub struct Server {
    access: Access,
    account: Account,
    child: Option<Child>,
    guardian: Guardian,
    directory: TempDir,
}

impl Server {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// It is not installed, cannot be set up, or did not answer in time; the text has the end of its log.
    pub fn start(kind: Kind) -> Result<Self> {
        let account = Account::unprivileged(match kind {
            Kind::MariaDb => &["mysql", "nobody"],
            Kind::Postgres => &["postgres", "nobody"],
        })?;
        let directory = tempfile::Builder::new().prefix("clusterer-server-").tempdir()?;
        let guardian = Guardian::new(directory.path(), ending(kind))?;
        let access = Access::new(kind, free_address()?);
        let mut server = Self { access, account, child: None, guardian, directory };
        fs::create_dir(server.socket_dir())?;
        server.account.own(server.directory.path())?;
        data::prepare(kind, &server.data(), server.access.user(), &server.account)?;
        server.configure()?;
        server.run()?;
        Ok(server)
    }

    /// How to reach it.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The `db_url` of a database, which need not exist.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.access.url(database)
    }

    /// Makes an empty database, which is dropped with the returned value.
    ///
    /// # Errors
    /// The server refused it.
    pub fn create_database(&self) -> Result<Database> {
        self.access.create_database()
    }

    /// The directory with its Unix socket.
    #[must_use]
    pub fn socket_dir(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// The end of what it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(self.log_path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().collect();
        lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default().join("\n")
    }

    /// Kills it with all its processes (SIGKILL): connections are reset, nothing is tidied up.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&mut self) -> Result<()> {
        let processes = process::freeze(self.running()?)?;
        for &pid in &processes {
            process::signal(pid, Signal::KILL)?;
        }
        self.wait_end(PATIENCE)?;
        process::wait_gone(&processes)?;
        self.give_back_memory()
    }

    /// Stops all its processes where they stand (SIGSTOP): it accepts connections and answers nothing.
    ///
    /// # Errors
    /// It does not run.
    pub fn stop(&mut self) -> Result<()> {
        let processes = process::freeze(self.running()?)?;
        self.guardian.watch(&processes)
    }

    /// Lets a stopped server go on (SIGCONT).
    ///
    /// # Errors
    /// It does not run.
    pub fn cont(&mut self) -> Result<()> {
        let pid = self.running()?;
        process::thaw(pid)?;
        self.guardian.watch(&[pid])
    }

    /// Starts it again with the data and the address it had. If it runs, it is ended in good order first.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn restart(&mut self) -> Result<()> {
        if let Ok(pid) = self.running() {
            process::thaw(pid)?;
            let shutdown = match self.access.kind() {
                Kind::MariaDb => mariadb::SHUTDOWN,
                Kind::Postgres => postgres::SHUTDOWN,
            };
            process::signal(pid, shutdown)?;
            self.wait_end(SLOW)?;
        }
        self.run()
    }

    fn configure(&self) -> Result<()> {
        match self.access.kind() {
            Kind::MariaDb => {
                fs::write(self.statements(), mariadb::admit(&self.access))?;
                self.account.own(&self.statements())
            }
            Kind::Postgres => postgres::configure(&self.data()),
        }
    }

    fn run(&mut self) -> Result<()> {
        let mut command = self.command()?;
        let log = File::options().create(true).append(true).open(self.log_path())?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // Ctrl-C is for us; the guardian ends the server.
        command.process_group(0).current_dir(self.data());
        command.env_clear().env("LC_ALL", "C");
        self.account.assume(&mut command);
        let child = command.spawn().with_context(|| format!("{command:?} cannot be run"))?;
        self.guardian.watch(&[child.id()])?;
        self.child = Some(child);
        self.wait_ready()
    }

    fn command(&self) -> Result<Command> {
        let (data, socket_dir) = (self.data(), self.socket_dir());
        match self.access.kind() {
            Kind::MariaDb => mariadb::serve(&data, &socket_dir, &self.statements(), &self.access),
            Kind::Postgres => postgres::serve(&data, &socket_dir, &self.access),
        }
    }

    fn wait_ready(&mut self) -> Result<()> {
        let kind = self.access.kind();
        let ready = wait_for(&format!("{kind} answers"), SLOW, || {
            if let Some(status) = self.child.as_mut().context("it was started")?.try_wait()? {
                return Ok(Some(Err(status)));
            }
            if kind == Kind::Postgres {
                postgres::admit(&self.socket_dir(), &self.access)?;
            }
            self.access.run_within("SELECT 1;", LOOK).map(|_| Some(Ok(())))
        })
        .with_context(|| format!("its log:\n{}", self.log()))?;
        if let Err(status) = ready {
            bail!("{kind} has ended ({status}), its log:\n{}", self.log());
        }
        Ok(())
    }

    fn running(&mut self) -> Result<u32> {
        let kind = self.access.kind();
        let child = self.child.as_mut().with_context(|| format!("{kind} does not run"))?;
        if let Some(status) = child.try_wait()? {
            bail!("{kind} has ended by itself ({status}), its log:\n{}", self.log());
        }
        Ok(child.id())
    }

    fn wait_end(&mut self, patience: Duration) -> Result<ExitStatus> {
        let what = format!("{} ends", self.access.kind());
        let child = self.child.as_mut().context("it does not run")?;
        let status = wait_for(&what, patience, || Ok(child.try_wait()?))?;
        self.child = None;
        self.guardian.watch(&[])?;
        Ok(status)
    }

    /// Ends it without ceremony, but so that the system keeps nothing of it.
    fn abort(&mut self) -> Result<()> {
        if let Ok(pid) = self.running() {
            process::thaw(pid)?;
            process::signal(pid, ending(self.access.kind()))?;
            if self.wait_end(ABORT).is_err() {
                self.kill()?;
            }
        }
        Ok(())
    }

    /// The system keeps what a killed PostgreSQL has held, and a server that is not started again cannot
    /// give it back. One that is started again does not need it.
    fn give_back_memory(&self) -> Result<()> {
        if let Some(id) = postgres::shared_memory(&self.data()) {
            Command::new("ipcrm").args(["-m", &id]).stderr(Stdio::null()).status()?;
        }
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn statements(&self) -> PathBuf {
        self.directory.path().join("init.sql")
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The directory is removed in any case.
        let _ = self.abort();
    }
}

/// What ends it quickly and leaves nothing in the system.
fn ending(kind: Kind) -> Signal {
    match kind {
        Kind::MariaDb => mariadb::ABORT,
        Kind::Postgres => postgres::ABORT,
    }
}
