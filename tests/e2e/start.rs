//! A daemon at its start, and what it needs of the system.

use anyhow::{Context as _, Result};
use clusterer_mi::call;
use clusterer_tests::{Lab, PATIENCE, program, wait_for};
use rustix::process::Signal;
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

/// A daemon that may not answer. Dropping it kills the process.
pub(crate) struct Starting {
    child: Child,
    log: PathBuf,
}

impl Starting {
    /// `limit` is an option of the shell's `ulimit` with its number.
    pub(crate) fn spawn(lab: &Lab, config: &str, limit: &str) -> Result<Self> {
        let log = lab.path().join("starting.log");
        let child = Command::new("sh")
            .args(["-c", &format!("ulimit {limit} && exec \"$0\" --config \"$1\"")])
            .arg(program("clustererd")?)
            .arg(lab.write_config(1, config)?)
            .stdin(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        Ok(Self { child, log })
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn proc(&self, file: &str) -> Result<String> {
        Ok(fs::read_to_string(format!("/proc/{}/{file}", self.child.id()))?)
    }

    /// Whether it has a handler of this signal.
    fn catches(&self, signal: Signal) -> Result<bool> {
        let status = self.proc("status")?;
        let mask =
            status.lines().find_map(|line| line.strip_prefix("SigCgt:")).context("SigCgt")?;
        let mask = u64::from_str_radix(mask.trim(), 16)?;
        Ok(mask & (1 << (signal.as_raw() - 1)) != 0)
    }

    fn terminate(&self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        Ok(rustix::process::kill_process(pid.context("it has a process id")?, Signal::TERM)?)
    }

    /// Asks it to end, which must be no failure.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.terminate()?;
        assert_eq!(self.wait_end()?.code(), Some(0), "{}", self.log());
        Ok(())
    }

    pub(crate) fn wait_end(&mut self) -> Result<ExitStatus> {
        let child = &mut self.child;
        wait_for("it ends", PATIENCE, || Ok(child.try_wait()?))
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Locks the whole database against everybody, readers too.
pub(crate) fn lock(lab: &Lab) -> Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(lab.db_path())?;
    connection.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))?;
    connection.execute_batch("BEGIN EXCLUSIVE")?;
    Ok(connection)
}

#[test]
fn sigterm_ends_it_while_it_waits_for_a_locked_database() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let _locked = lock(&lab)?;
    let patient = "[clusterer]\ndb_connect_timeout = \"1h\"";
    let config = lab.config(1, at[0], "").replace("[clusterer]", patient);
    let mut daemon = Starting::spawn(&lab, &config, "-n 1024")?;
    wait_for("it catches SIGTERM", PATIENCE, || Ok(daemon.catches(Signal::TERM)?.then_some(())))?;
    daemon.terminate()?;
    assert_eq!(daemon.wait_end()?.code(), Some(0), "{}", daemon.log());
    assert!(!lab.fifo(1).exists());
    Ok(())
}

#[test]
fn a_database_that_is_locked_for_a_while_is_waited_for() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let locked = lock(&lab)?;
    let patient = "[clusterer]\ndb_connect_timeout = \"2s\"";
    let config = lab.config(1, at[0], "").replace("[clusterer]", patient);
    let daemon = Starting::spawn(&lab, &config, "-n 1024")?;
    wait_for("it says that it waits", PATIENCE, || {
        Ok(daemon.log().contains("trying again").then_some(()))
    })?;
    locked.execute_batch("ROLLBACK")?;
    wait_for("it runs", PATIENCE, || Ok(daemon.log().contains("running").then_some(())))
}

#[test]
fn it_may_open_as_many_files_as_the_administrator_allows() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let daemon = Starting::spawn(&lab, &lab.config(1, at[0], ""), "-S -n 200")?;
    wait_for("it runs", PATIENCE, || Ok(daemon.log().contains("running").then_some(())))?;
    let limits = daemon.proc("limits")?;
    let files = limits.lines().find(|line| line.starts_with("Max open files"));
    let numbers: Vec<&str> = files.context("a limit")?.split_whitespace().skip(3).collect();
    assert_eq!(numbers[0], numbers[1], "{limits}");
    Ok(())
}

#[test]
fn strangers_that_connect_without_end_leave_descriptors_for_management() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let daemon = Starting::spawn(&lab, &lab.config(1, at[0], ""), "-n 100")?;
    wait_for("it runs", PATIENCE, || Ok(daemon.log().contains("running").then_some(())))?;
    let strangers: Result<Vec<_>, _> = (0..120).map(|_| TcpStream::connect(at[0])).collect();
    let _strangers = strangers?;
    wait_for("there are too many", PATIENCE, || {
        Ok(daemon.log().contains("too many inbound connections").then_some(()))
    })?;
    let reply = call(&lab.fifo(1), &lab.reply_dir(), "clusterer_reload", &[], PATIENCE)?;
    assert_eq!(reply, "200 OK\n\n", "{}", daemon.log());
    Ok(())
}
