//! A small file system that a test can fill.

use crate::wire::run;
use anyhow::{Context as _, Error, Result, anyhow, bail};
use rustix::process::geteuid;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, OnceLock};

const SIZE: &str = "size=256k";

/// Says a word once it is mounted. The namespace lasts as long as somebody is in it.
const HOLD: &str = r#"mount -t tmpfs -o "$1" tmpfs "$2" && echo mounted && exec cat"#;

/// What fills it.
const BALLAST: &str = "ballast";

const NOT_ROOT: &str = "only root mounts; try: sudo -E cargo xtask test";
const REFUSED: &str = "not even root may mount here; a container must be privileged";

/// A file system of 256 kB, in memory, mounted where nobody sees it but the processes that are started in
/// it: a mount namespace. It goes with the last of them and of the clones of this; nothing is left to
/// unmount, whatever ends the test.
#[derive(Clone, Debug)]
pub struct Volume(Arc<Holder>);

#[derive(Debug)]
struct Holder {
    path: PathBuf,
    child: Child,
    /// It ends with this.
    pipe: Option<ChildStdin>,
}

impl Volume {
    /// Why there can be none on this machine, in words that are the same on every machine. The first
    /// call looks.
    #[must_use]
    pub fn obstacle() -> Option<&'static (&'static str, Error)> {
        static OBSTACLE: OnceLock<Option<(&'static str, Error)>> = OnceLock::new();
        OBSTACLE.get_or_init(|| look().err()).as_ref()
    }

    /// Mounts an empty one at this directory, which exists.
    ///
    /// # Errors
    /// See [`Volume::obstacle`].
    pub fn mount(directory: &Path) -> Result<Self> {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", HOLD, "volume", SIZE]).arg(directory);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("`unshare` cannot be run")?;
        let (pipe, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let volume = Self(Arc::new(Holder { path: directory.to_owned(), child, pipe }));
        let mut word = String::new();
        BufReader::new(output.context("it has an output")?).read_line(&mut word)?;
        if word != "mounted\n" {
            let mut why = String::new();
            errors.context("it has an output for errors")?.read_to_string(&mut why)?;
            bail!("{command:?} failed: {}", why.trim());
        }
        Ok(volume)
    }

    /// Where it is mounted, for those who are in its namespace.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Its files as the test sees them, to be opened as they are: whoever resolves links in this path gets
    /// nowhere.
    #[must_use]
    pub fn seen_from_outside(&self) -> PathBuf {
        let root = format!("/proc/{}/root", self.0.child.id());
        Path::new(&root).join(self.path().strip_prefix("/").unwrap_or(self.path()))
    }

    /// A program that is started in its namespace. The process is the program itself.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.0.child.id())).arg("--").arg(program);
        command
    }

    /// Takes all the room that is left.
    ///
    /// # Errors
    /// It cannot be written to.
    pub fn fill(&self) -> Result<()> {
        let path = self.seen_from_outside().join(BALLAST);
        let mut file = File::options().create(true).append(true).open(path)?;
        loop {
            match file.write_all(&[0; 4096]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Gives back what [`Volume::fill`] has taken.
    ///
    /// # Errors
    /// There is nothing to give back.
    pub fn empty(&self) -> Result<()> {
        Ok(fs::remove_file(self.seen_from_outside().join(BALLAST))?)
    }

    /// Lets nobody write to it any more.
    ///
    /// # Errors
    /// Somebody has a file open for writing.
    pub fn forbid_writing(&self) -> Result<()> {
        self.remount("remount,ro")
    }

    /// Lets everybody write to it again.
    ///
    /// # Errors
    /// `mount` failed.
    pub fn allow_writing(&self) -> Result<()> {
        self.remount("remount,rw")
    }

    fn remount(&self, options: &str) -> Result<()> {
        run(self.command(Path::new("mount")).args(["-o", options]).arg(self.path()), "")
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // It ends with its input.
        let _ = self.child.wait();
    }
}

fn look() -> Result<(), (&'static str, Error)> {
    if !geteuid().is_root() {
        return Err((NOT_ROOT, anyhow!("the user id is {}", geteuid().as_raw())));
    }
    let mounted = tempfile::tempdir().map_err(Error::from);
    mounted.and_then(|it| Volume::mount(it.path()).map(drop)).map_err(|error| (REFUSED, error))
}
