//! `clustererctl`, the command line of a cluster: management commands, database administration,
//! packet tools.
//!
//! Each group of commands is a module: it has its arguments and runs them. Here they are only told
//! apart, and their result becomes an exit code: 0 done, 1 refused, 2 the command line was wrong, 3
//! nobody answered.

mod db;
mod failure;
mod mi;
mod wire;

use crate::failure::Failure;
use clap::{Parser, Subcommand};
use std::io::{self, Write};
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "clustererctl",
    version,
    about = "Command line of the clusterer node",
    after_help = mi::HELP,
    override_usage = "clustererctl [OPTIONS] COMMAND [PARAM]...\n       \
                      clustererctl <bin|db> ...",
    subcommand_required = true
)]
struct Cli {
    #[command(flatten)]
    mi: mi::Args,
    #[command(subcommand)]
    group: Group,
}

#[derive(Subcommand)]
enum Group {
    /// Packets of the BIN protocol: bytes to JSON, and back
    Bin(wire::Args),
    /// The database in which the nodes are provisioned
    Db(db::Args),
    #[command(external_subcommand)]
    Mi(Vec<String>),
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(code) => code,
        // Whoever reads our output has seen enough.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            error.downcast_ref::<Failure>().map_or(ExitCode::FAILURE, Failure::code)
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    if !matches!(cli.group, Group::Mi(_)) {
        cli.mi.check_absent()?;
    }
    match &cli.group {
        Group::Bin(args) => wire::run(args),
        Group::Db(args) => db::run(args),
        Group::Mi(words) => mi::run(&cli.mi, words),
    }
}

fn complain(error: &anyhow::Error) {
    // Nobody is left to tell if this fails too.
    let _ = writeln!(io::stderr(), "clustererctl: {error:#}");
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
