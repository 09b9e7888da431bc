//! `clustererctl import`: the configuration of a 2.2 node as one of ours.
//!
//! A module of this program and no crate: nobody but its user reads configurations of OpenSIPS. What
//! is below is pure; files come from [`Files`], and this file is the only one that
//! knows disk and terminal.

mod configuration;
mod db_url;
mod lexer;
mod listener;
mod parameters;
mod place;
mod render;
mod source;
mod statement;
#[cfg(test)]
mod tests;
mod value;

use anyhow::Context as _;
use configuration::Configuration;
use place::{ImportError, one_line};
use source::{Files, Found, Source};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What stands for standard input on the command line. What that includes is found from the working directory.
const STANDARD_INPUT: &str = "-";

/// The most that is read from a file.
const FILE_LIMIT: u64 = 4 << 20;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The configuration of the 2.2 node, or - for standard input; what it includes is found from the file that
    /// includes it
    #[arg(value_name = "OPENSIPS.CFG")]
    file: PathBuf,
    /// Write to this file, which must not exist yet and which only its owner may read
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let toml = import(&args.file, &mut Disk)?;
    match &args.output {
        None => {
            let mut out = io::stdout().lock();
            out.write_all(toml.as_bytes())?;
            out.flush()?;
        }
        Some(path) => write_new(path, &toml)
            .with_context(|| format!("{}: not written", one_line(&path.to_string_lossy())))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What to write into our file. May hold a password.
fn import(path: &Path, files: &mut dyn Files) -> Result<String, ImportError> {
    let source = Source::open(path, files).map_err(|error| {
        ImportError::of(&path.to_string_lossy(), format_args!("cannot read it: {error}"))
    })?;
    render::render(&Configuration::read(source)?)
}

/// A file that is cut off would be taken for a whole one.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(path);
    }
    written
}

struct Disk;

impl Files for Disk {
    fn open(&mut self, path: &Path) -> io::Result<Found> {
        if path == Path::new(STANDARD_INPUT) {
            return Ok(Found { identity: path.to_owned(), text: read(io::stdin().lock())? });
        }
        self.read(path)
    }

    fn read(&mut self, path: &Path) -> io::Result<Found> {
        let file = File::open(path)?;
        // A pipe (/dev/stdin, what a shell makes of <(m4 …)) has no name that leads to it.
        let identity = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        Ok(Found { identity, text: read(file)? })
    }
}

fn read(from: impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    from.take(FILE_LIMIT + 1).read_to_end(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > FILE_LIMIT) {
        let why = format!("longer than {} MiB", FILE_LIMIT >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(text)
}
