//! Running a program to its end, with a deadline.

use crate::wait_for;
use anyhow::{Context as _, Result};
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

/// What a program left.
#[derive(Clone, Debug)]
pub struct Completed {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub output: String,
    /// What it complained about.
    pub errors: String,
}

/// Runs a program on this input, and waits for its end. One that takes longer is killed.
///
/// # Errors
/// It cannot be run, or did not end in time.
pub fn complete(mut command: Command, input: &str, patience: Duration) -> Result<Completed> {
    // Files on all three sides: a pipe that nobody empties would stop the program.
    let (mut stdin, mut stdout, mut stderr) =
        (tempfile::tempfile()?, tempfile::tempfile()?, tempfile::tempfile()?);
    stdin.write_all(input.as_bytes())?;
    stdin.rewind()?;
    command.stdin(stdin).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
    let name = command.get_program().to_owned();
    let child = command.spawn().with_context(|| format!("{} cannot be run", name.display()))?;
    let mut running = Running(child);
    let what = format!("{} ends", name.display());
    let status = wait_for(&what, patience, || Ok(running.0.try_wait()?))?;
    Ok(Completed { status, output: content(&mut stdout)?, errors: content(&mut stderr)? })
}

fn content(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A program that does not outlive our patience.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, as a rule.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
