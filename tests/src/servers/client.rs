//! The servers' own client programs, with a deadline.

use super::{Access, Kind, mariadb, postgres};
use crate::wait_for;
use anyhow::{Context as _, Result, ensure};
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::process::ExitStatus;
use std::process::{Child, Command};
use std::time::Duration;

/// Runs SQL in a database; returns what it printed, without the last line's end.
pub(super) fn run(
    access: &Access,
    database: &str,
    sql: &str,
    patience: Duration,
) -> Result<String> {
    let command = match access.kind() {
        Kind::MariaDb => mariadb::client(access, database)?,
        Kind::Postgres => postgres::client(access, database)?,
    };
    // Standard input, because other users see a command's arguments.
    let answer = complete(command, sql, patience)?;
    let Answer { status, output, errors } = answer;
    ensure!(status.success(), "{}: {}", access.kind(), errors.trim());
    Ok(output.trim_end_matches('\n').to_owned())
}

struct Answer {
    status: ExitStatus,
    output: String,
    errors: String,
}

/// Files on all three sides: a pipe that nobody empties would stop the program.
fn complete(mut command: Command, input: &str, patience: Duration) -> Result<Answer> {
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
    Ok(Answer { status, output: content(&mut stdout)?, errors: content(&mut stderr)? })
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
