//! A daemon as a process.

use crate::{Change, Host, PATIENCE, ServiceManager, Volume, program, wait_for};
use anyhow::{Context as _, Result, bail, ensure};
use clusterer_mi::{TextAnswer, call};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long one MI call may take.
const CALL: Duration = Duration::from_secs(10);

/// A running `clustererd`. Dropping it kills the process.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    place: Place,
    machine: i32,
    config: PathBuf,
    fifo: PathBuf,
    reply_dir: PathBuf,
    log: PathBuf,
}

/// Where a daemon runs.
#[derive(Clone, Debug)]
pub enum Place {
    /// Where the test does.
    Here,
    /// On a host of its own. Its files are where they are.
    On(Host),
    /// Where the test does, told to report to this.
    Under(ServiceManager),
    /// Where this is mounted, too.
    With(Volume),
}

impl Daemon {
    /// Starts a daemon and waits until it answers over MI.
    ///
    /// # Errors
    /// It ended, or did not answer in time; the text has its log.
    pub fn start(
        place: Place,
        machine: i32,
        config: &Path,
        fifo: &Path,
        reply_dir: &Path,
    ) -> Result<Self> {
        let log = config.with_extension("log");
        let mut daemon = Self {
            child: spawn(&place, config, &log)?,
            place,
            machine,
            config: config.to_owned(),
            fifo: fifo.to_owned(),
            reply_dir: reply_dir.to_owned(),
            log,
        };
        daemon.wait_ready()?;
        Ok(daemon)
    }

    /// Starts it again after it has ended.
    ///
    /// # Errors
    /// As [`Daemon::start`].
    pub fn restart(&mut self) -> Result<()> {
        self.child = spawn(&self.place, &self.config, &self.log)?;
        self.wait_ready()
    }

    /// Its machine id.
    #[must_use]
    pub fn machine(&self) -> i32 {
        self.machine
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its command FIFO.
    #[must_use]
    pub fn fifo(&self) -> &Path {
        &self.fifo
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The changes of its peers' states that it has logged.
    ///
    /// # Errors
    /// A line cannot be read.
    pub fn changes(&self) -> Result<Vec<Change>> {
        Change::read_all(&self.log())
    }

    /// Runs an MI command.
    ///
    /// # Errors
    /// It gave no answer. A refusal is an answer.
    pub fn mi(&self, command: &str, params: &[&str]) -> Result<TextAnswer> {
        let reply = self.mi_text(command, params)?;
        TextAnswer::parse(&reply).with_context(|| format!("{command} answered {reply:?}"))
    }

    /// Runs an MI command and returns its reply byte for byte.
    ///
    /// # Errors
    /// It gave no answer.
    pub fn mi_text(&self, command: &str, params: &[&str]) -> Result<String> {
        call(&self.fifo, &self.reply_dir, command, params, CALL)
            .with_context(|| format!("{command} to node {}", self.machine))
    }

    /// Runs an MI command that must be answered with 200; returns its lines.
    ///
    /// # Errors
    /// It gave no answer, or another.
    pub fn mi_ok(&self, command: &str, params: &[&str]) -> Result<Vec<String>> {
        let answer = self.mi(command, params)?;
        ensure!(answer.is_ok(), "{command} {params:?}: {} {}", answer.code, answer.reason);
        Ok(answer.lines)
    }

    /// The line of `clusterer_list` about a machine.
    ///
    /// # Errors
    /// There is none.
    pub fn node_line(&self, machine: i32) -> Result<String> {
        let lines = self.mi_ok("clusterer_list", &[])?;
        let start = format!("Server:: {machine} ");
        let line = lines.iter().map(|line| line.trim()).find(|line| line.starts_with(&start));
        line.map(str::to_owned)
            .with_context(|| format!("node {} does not list machine {machine}", self.machine))
    }

    /// The state in which it sees a machine: 0, 1 or 2.
    ///
    /// # Errors
    /// It does not list that machine.
    pub fn state_of(&self, machine: i32) -> Result<u32> {
        attribute(&self.node_line(machine)?, "State")
    }

    /// Waits until it sees a machine in a state.
    ///
    /// # Errors
    /// It did not.
    pub fn wait_state(&self, machine: i32, state: u32) -> Result<()> {
        let what = format!("node {} sees node {machine} in state {state}", self.machine);
        wait_for(&what, PATIENCE, || Ok((self.state_of(machine)? == state).then_some(())))
    }

    /// The counter of a pipe, or `None` if it has no such pipe.
    ///
    /// # Errors
    /// It gave no answer.
    pub fn pipe_counter(&self, pipe: &str) -> Result<Option<u64>> {
        let answer = self.mi("rl_list", &[pipe])?;
        let line = answer.lines.iter().find(|line| line.contains(&format!(" id={pipe} ")));
        line.map(|line| attribute(line, "counter")).transpose()
    }

    /// Kills the process (SIGKILL) and waits for its end.
    ///
    /// # Errors
    /// It had ended before.
    pub fn kill(&mut self) -> Result<()> {
        ensure!(self.child.try_wait()?.is_none(), "node {} has ended by itself", self.machine);
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends the process a signal.
    ///
    /// # Errors
    /// There is no such process.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("it has a process id")?, signal)?;
        Ok(())
    }

    /// Asks the process to end (SIGTERM) and waits for it.
    ///
    /// # Errors
    /// It did not end in time.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait_end()
    }

    /// Waits until the process has ended.
    ///
    /// # Errors
    /// It did not, in time.
    pub fn wait_end(&mut self) -> Result<ExitStatus> {
        let what = format!("node {} ends", self.machine);
        let child = &mut self.child;
        wait_for(&what, PATIENCE, || Ok(child.try_wait()?))
    }

    fn wait_ready(&mut self) -> Result<()> {
        let what = format!("node {} answers over MI", self.machine);
        let ready = wait_for(&what, PATIENCE, || {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(Err(status)));
            }
            self.mi_ok("version", &[]).map(|_| Some(Ok(())))
        })
        .with_context(|| format!("its log:\n{}", self.log()))?;
        match ready {
            Ok(()) => Ok(()),
            Err(status) => bail!("node {} ended: {status}; its log:\n{}", self.machine, self.log()),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(place: &Place, config: &Path, log: &Path) -> Result<Child> {
    let path = program("clustererd")?;
    let log = File::options().create(true).append(true).open(log)?;
    let mut command = match place {
        Place::Here | Place::On(_) => Command::new(&path),
        Place::Under(manager) => manager.command(&path),
        Place::With(volume) => volume.command(&path),
    };
    command.arg("--config").arg(config);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let mut start =
        || command.spawn().with_context(|| format!("{} cannot be started", path.display()));
    // A process begins in the network namespace of the thread that starts it, so the child is the
    // daemon itself: what signals it gets, and what is waited for, is nothing in between.
    match place {
        Place::On(host) => host.run(start),
        Place::Here | Place::Under(_) | Place::With(_) => start(),
    }
}

/// The number behind `NAME=` in a line of an answer.
fn attribute<T: std::str::FromStr>(line: &str, name: &str) -> Result<T> {
    let values = line.split(' ').filter_map(|word| word.split_once('='));
    let value = values.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value);
    value
        .and_then(|value| value.parse().ok())
        .with_context(|| format!("no number {name} in {line:?}"))
}
