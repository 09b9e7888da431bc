//! `opensips-cli` as people install it: from `PyPI`, in a virtual environment.

use crate::program::built;
use crate::{Completed, complete, skip};
use anyhow::{Result, bail, ensure};
use std::env;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// What the skipped tests have in common.
const NAME: &str = "opensips-cli";

/// Exact versions, with the hashes of their files.
const REQUIREMENTS: &str = include_str!("../opensips-cli/requirements.txt");

/// To be raised when the environment is made in another way.
const GENERATION: u32 = 1;

/// How long installing may take.
const INSTALL: Duration = Duration::from_secs(180);

/// How long one call of the client may take.
const CALL: Duration = Duration::from_secs(60);

/// What pip says when it reaches nobody.
const UNREACHABLE: [&str; 3] =
    ["Retrying (Retry(", "No matching distribution found", "Could not fetch URL"];

/// The installed client.
#[derive(Debug)]
pub struct OpensipsCli {
    environment: PathBuf,
    /// It reads and writes files in its user's home.
    home: TempDir,
}

/// What came of an attempt to install it.
enum Installed {
    At(PathBuf),
    Unreachable,
}

impl OpensipsCli {
    /// The Debian packages that it takes.
    pub const PACKAGES: [&str; 1] = ["python3-venv"];

    /// The environment variable by which `cargo xtask test --no-opensips-cli` keeps the tests from
    /// installing it.
    pub const REFUSED: &str = "CLUSTERER_TEST_NO_OPENSIPS_CLI";

    /// Whether a Python is there that makes virtual environments.
    ///
    /// # Errors
    /// It is not; the text says what is missing.
    pub fn installable() -> Result<()> {
        let mut python = Command::new("python3");
        // Debian has the module venv without the other, which it needs.
        python.args(["-c", "import ensurepip, venv"]);
        let Completed { status, errors, .. } = complete(python, "", CALL)?;
        ensure!(status.success(), "python3 makes no virtual environments: {}", errors.trim());
        Ok(())
    }

    /// The client for a test; `None`, after that was reported, if it cannot be installed here.
    ///
    /// # Errors
    /// Installing it failed, though the index was reached, or a skip cannot be reported.
    pub fn for_test() -> Result<Option<Self>> {
        if env::var_os(Self::REFUSED).is_some() {
            skip(NAME, "no opensips-cli was wanted")?;
        } else if Self::installable().is_err() {
            skip(NAME, "python3 with venv is not installed")?;
        } else {
            match install()? {
                Installed::At(environment) => {
                    let home = tempfile::Builder::new().prefix("clusterer-home-").tempdir()?;
                    return Ok(Some(Self { environment, home }));
                }
                Installed::Unreachable => skip(NAME, "PyPI cannot be reached")?,
            }
        }
        Ok(None)
    }

    /// Runs an MI command with these options of the client, such as `fifo_file=PATH`.
    ///
    /// # Errors
    /// It does not end.
    pub fn run(&self, options: &[String], command: &[&str]) -> Result<Completed> {
        let mut cli = python(&self.environment);
        // By its interpreter, since the environment may have been moved.
        cli.arg(self.environment.join("bin/opensips-cli"));
        for option in options {
            cli.args(["-o", option]);
        }
        cli.args(["-x", "mi"]).args(command);
        cli.env("HOME", self.home.path()).current_dir(self.home.path());
        complete(cli, "", CALL)
    }
}

/// Makes the environment, unless an earlier run did.
fn install() -> Result<Installed> {
    let all = built()?.join("opensips-cli");
    fs::create_dir_all(&all)?;
    // Tests of this process and of others want it at the same time.
    let lock = File::create(all.join("lock"))?;
    lock.lock()?;
    let environment = all.join(name()?);
    let done = environment.join("complete");
    if done.is_file() {
        return Ok(Installed::At(environment));
    }
    if environment.is_dir() {
        fs::remove_dir_all(&environment)?;
    }
    make(&environment)?;
    let mut pip = python(&environment);
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--no-cache-dir"]);
    pip.args(["--require-hashes", "--only-binary", ":all:", "--retries", "1", "--timeout", "15"]);
    pip.args(["--requirement", "/dev/stdin"]);
    let Completed { status, errors, .. } = complete(pip, REQUIREMENTS, INSTALL)?;
    if status.success() {
        File::create(done)?;
        return Ok(Installed::At(environment));
    }
    if UNREACHABLE.iter().any(|sign| errors.contains(sign)) {
        return Ok(Installed::Unreachable);
    }
    bail!("opensips-cli cannot be installed ({status}):\n{errors}");
}

/// Other versions are other environments.
fn name() -> Result<String> {
    let mut version = Command::new("python3");
    version.arg("--version");
    let Completed { output, .. } = complete(version, "", CALL)?;
    let mut hasher = DefaultHasher::new();
    (output, REQUIREMENTS, GENERATION).hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

fn make(environment: &Path) -> Result<()> {
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(environment);
    let Completed { status, errors, .. } = complete(venv, "", INSTALL)?;
    ensure!(status.success(), "{errors}");
    Ok(())
}

/// The environment's Python. It writes no files beside its own, so that a killed test leaves none in half.
fn python(environment: &Path) -> Command {
    let mut python = Command::new(environment.join("bin/python"));
    python.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUTF8", "1");
    python
}
