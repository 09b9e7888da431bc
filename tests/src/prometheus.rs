//! Prometheus as Debian has it: a server of one test, and `promtool`.

use crate::guardian::Guardian;
use crate::program::built;
use crate::{Completed, PATIENCE, Response, complete, free_address, request, skip, wait_for};
use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The server, and what checks its files.
const PROGRAMS: [&str; 2] = ["prometheus", "promtool"];

/// The programs of an installed, or unpacked, Prometheus.
#[derive(Clone, Debug)]
pub struct Prometheus {
    server: PathBuf,
    promtool: PathBuf,
}

impl Prometheus {
    /// The Debian package with the programs.
    pub const PACKAGES: [&str; 1] = ["prometheus"];

    /// The environment variable by which `cargo xtask test --no-prometheus` keeps the tests from using it.
    pub const REFUSED: &str = "CLUSTERER_TEST_NO_PROMETHEUS";

    /// Where the package is unpacked if it is not installed: once installed, its service would run.
    ///
    /// # Errors
    /// The directory of this program is unknown.
    pub fn unpacked() -> Result<PathBuf> {
        Ok(built()?.join("prometheus"))
    }

    /// The programs.
    ///
    /// # Errors
    /// One is missing; the text names it.
    pub fn installed() -> Result<Self> {
        let mut directories: Vec<_> =
            env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
        directories.push(Self::unpacked()?.join("usr/bin"));
        let [server, promtool] = PROGRAMS.map(|program| {
            let mut paths = directories.iter().map(|directory| directory.join(program));
            paths.find(|path| path.is_file()).with_context(|| format!("there is no {program}"))
        });
        Ok(Self { server: server?, promtool: promtool? })
    }

    /// The programs for a test; `None`, after that was reported, if they are not here.
    ///
    /// # Errors
    /// A skip cannot be reported.
    pub fn for_test(test: &str) -> Result<Option<Self>> {
        if env::var_os(Self::REFUSED).is_some() {
            skip(test, "no Prometheus was wanted")?;
        } else if let Ok(programs) = Self::installed() {
            return Ok(Some(programs));
        } else {
            skip(test, "Prometheus is not installed")?;
        }
        Ok(None)
    }

    /// Runs `promtool` with this standard input.
    ///
    /// # Errors
    /// It does not end.
    pub fn promtool(&self, arguments: &[&str], input: &str) -> Result<Completed> {
        let mut command = Command::new(&self.promtool);
        command.args(arguments);
        complete(command, input, PATIENCE)
    }

    /// Starts a server with this configuration, beside which lie these files, and waits until it answers.
    ///
    /// # Errors
    /// It does not; the text has its log.
    pub fn start(&self, configuration: &str, files: &[(&str, &str)]) -> Result<Scraper> {
        let directory = tempfile::Builder::new().prefix("clusterer-prometheus-").tempdir()?;
        let mut guardian = Guardian::new(directory.path(), Signal::TERM)?;
        for (name, text) in files.iter().chain(&[(CONFIGURATION, configuration)]) {
            fs::write(directory.path().join(name), text)?;
        }
        let at = free_address()?;
        let server = spawn(&self.server, directory.path(), at)?;
        guardian.watch(&[server.id()])?;
        let mut scraper = Scraper { server, at, _guardian: guardian, directory };
        scraper.wait_ready()?;
        Ok(scraper)
    }
}

const CONFIGURATION: &str = "prometheus.yml";
const LOG: &str = "log";

fn spawn(program: &Path, directory: &Path, at: SocketAddr) -> Result<Child> {
    let mut command = Command::new(program);
    command.arg("--config.file").arg(directory.join(CONFIGURATION));
    command.arg("--storage.tsdb.path").arg(directory.join("data"));
    command.arg(format!("--web.listen-address={at}"));
    // Ctrl-C is for us; the guardian ends it.
    command.process_group(0);
    let log = File::create(directory.join(LOG))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.spawn().context("Prometheus cannot be started")
}

/// A running server. Dropping it ends its process and removes its files.
#[derive(Debug)]
pub struct Scraper {
    server: Child,
    at: SocketAddr,
    /// Acts only if we end without dropping.
    _guardian: Guardian,
    directory: TempDir,
}

impl Scraper {
    /// The series that an expression gives now.
    ///
    /// # Errors
    /// It is wrong, or there is no answer.
    pub fn query(&self, expression: &str) -> Result<Vec<Value>> {
        let path = format!("/api/v1/query?query={}", encoded(expression));
        let mut data = self.get(&path).with_context(|| expression.to_owned())?;
        match data.pointer_mut("/result").map(Value::take) {
            Some(Value::Array(series)) => Ok(series),
            other => anyhow::bail!("{expression} gives {other:?}"),
        }
    }

    /// The `data` of what its API answers.
    ///
    /// # Errors
    /// It refuses, and says why; or there is no answer.
    pub fn get(&self, path: &str) -> Result<Value> {
        let Response { body, .. } = request(self.at, "GET", path, &[], "")?;
        let mut answer: Value = serde_json::from_str(&body).with_context(|| body.clone())?;
        let error = answer.pointer("/error").and_then(Value::as_str).unwrap_or_default();
        ensure!(answer.pointer("/status").is_some_and(|it| it == "success"), "{error}");
        answer.pointer_mut("/data").map(Value::take).context("an answer has data")
    }

    /// Gives it another configuration.
    ///
    /// # Errors
    /// It cannot be written, or the server has ended.
    pub fn reconfigure(&self, configuration: &str) -> Result<()> {
        fs::write(self.directory.path().join(CONFIGURATION), configuration)?;
        let pid = i32::try_from(self.server.id()).ok().and_then(Pid::from_raw);
        Ok(kill_process(pid.context("it has a process id")?, Signal::HUP)?)
    }

    fn wait_ready(&mut self) -> Result<()> {
        let ready = wait_for("Prometheus is ready", PATIENCE, || {
            if let Some(status) = self.server.try_wait()? {
                return Ok(Some(Err(anyhow::anyhow!("it ended: {status}"))));
            }
            let answer = request(self.at, "GET", "/-/ready", &[], "")?;
            Ok((answer.status == 200).then_some(Ok(())))
        });
        let log = fs::read_to_string(self.directory.path().join(LOG)).unwrap_or_default();
        ready.and_then(|ended| ended).with_context(|| format!("its log:\n{log}"))
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Text as a part of a query string.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
