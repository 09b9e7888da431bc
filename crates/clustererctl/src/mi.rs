//! `clustererctl COMMAND`: a management command, run by a daemon.
//!
//! Which commands there are is for the daemon to say. What follows the command's name is all
//! parameters: also what looks like an option.

use crate::failure::Failure;
use clusterer_mi::{ClientError, TextAnswer, call};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

pub(crate) const HELP: &str = "\
Anything that is not one of these commands is run by the daemon: `clustererctl which` lists what it
knows. Options come before the command. CLUSTERERCTL_MI stands for --mi where that is not given.

Exit codes: 0 done, 1 refused, 2 wrong command line, 3 nobody answered.";

/// Stands for `--mi`.
const VARIABLE: &str = "CLUSTERERCTL_MI";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the daemon takes commands: its `fifo_name`
    #[arg(long, value_name = "fifo:PATH")]
    mi: Option<String>,
    /// The daemon's `reply_dir` [default: /tmp/]
    #[arg(long, value_name = "DIR")]
    reply_dir: Option<PathBuf>,
    /// How long to wait for the answer [default: 35]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    timeout: Option<u32>,
}

impl Args {
    /// For commands that no daemon runs.
    ///
    /// # Errors
    /// An option that would do nothing.
    pub(crate) fn check_absent(&self) -> anyhow::Result<()> {
        if self.mi.is_some() || self.reply_dir.is_some() || self.timeout.is_some() {
            return Err(Failure::usage(
                "--mi, --reply-dir and --timeout are for commands that the daemon runs",
            ));
        }
        Ok(())
    }

    fn fifo(&self, params: &[String]) -> anyhow::Result<PathBuf> {
        let url = match &self.mi {
            Some(url) => url.clone(),
            None => std::env::var(VARIABLE).map_err(|_| nowhere(params))?,
        };
        fifo_path(&url)
    }

    fn reply_dir(&self) -> PathBuf {
        self.reply_dir.clone().unwrap_or_else(|| PathBuf::from("/tmp/"))
    }

    /// By default longer than the daemon gives a command and its reply, so that the daemon has the
    /// last word on a command that hangs.
    fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout.unwrap_or(35).into())
    }
}

pub(crate) fn run(args: &Args, words: &[String]) -> anyhow::Result<ExitCode> {
    let Some((command, params)) = words.split_first() else {
        return Err(Failure::usage("which command?"));
    };
    let fifo = args.fifo(params)?;
    let params: Vec<&str> = params.iter().map(String::as_str).collect();
    let reply =
        call(&fifo, &args.reply_dir(), command, &params, args.timeout()).map_err(failure)?;
    let answer = TextAnswer::parse(&reply).map_err(Failure::unreachable)?;

    let mut out = BufWriter::new(io::stdout().lock());
    for line in &answer.lines {
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    if answer.is_ok() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(io::stderr(), "{} {}", answer.code, answer.reason)?;
    Ok(ExitCode::FAILURE)
}

fn nowhere(params: &[String]) -> anyhow::Error {
    if params.iter().any(|param| param == "--mi" || param.starts_with("--mi=")) {
        return Failure::usage(
            "--mi must stand before the command: what follows the command is all parameters",
        );
    }
    Failure::usage(format!(
        "say where the daemon takes commands: --mi fifo:PATH, or {VARIABLE}=fifo:PATH (PATH is its \
         fifo_name)"
    ))
}

fn fifo_path(url: &str) -> anyhow::Result<PathBuf> {
    match url.split_once(':') {
        Some(("fifo", "")) => Err(Failure::usage("--mi fifo: names no FIFO (want fifo:PATH)")),
        Some(("fifo", path)) => Ok(path.into()),
        Some((scheme @ ("unix" | "udp" | "http" | "https"), _)) => Err(Failure::usage(format!(
            "--mi {scheme}: this version reaches a daemon over its FIFO only (want fifo:PATH)"
        ))),
        // May hold a password: not repeated.
        _ => Err(Failure::usage("--mi is not of the form fifo:PATH")),
    }
}

fn failure(error: ClientError) -> anyhow::Error {
    match error {
        ClientError::Encode(_) | ClientError::TooLong { .. } => Failure::usage(error),
        error => Failure::unreachable(error),
    }
}
