//! `clustererctl`, the command line of a cluster: management commands, database administration,
//! packet tools.
//!
//! Each group of commands is a module: it has its arguments and runs them. Here they are only told
//! apart, and their result becomes an exit code: 0 done, 1 refused, 2 the command line was wrong, 3
//! nobody answered.

mod db;
mod failure;
mod grid;
mod import;
mod manual;
mod mi;
mod screen;
mod watch;
mod wire;

use crate::failure::Failure;
use clap::{CommandFactory, Parser, Subcommand};
use std::io::{self, Write};
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "clustererctl",
    version,
    about = "Command line of the clusterer node",
    after_help = mi::HELP,
    override_usage = "clustererctl [OPTIONS] COMMAND [PARAM]... [--json]\n       \
                      clustererctl [OPTIONS] watch [COMMAND [PARAM]...]\n       \
                      clustererctl <bin|completions|db|import|man> ...",
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
    /// Print completions for a shell
    Completions {
        /// The shell
        #[arg(value_name = "SHELL")]
        shell: manual::Shell,
    },
    /// The database in which the nodes are provisioned
    Db(db::Args),
    /// Print the configuration of clustererd that does what one of OpenSIPS 2.2 does
    ///
    /// Reads the listen lines and the parameters of `clusterer`, `ratelimit`, `mi_fifo`, `mi_datagram` and
    /// `proto_bin`, also of included files, and passes over routes. Comments in what is printed tell
    /// what means something else and what has no meaning. A database's password is printed, too, as it
    /// belongs into that file, and nowhere else.
    Import(import::Args),
    /// Print the manual page
    Man,
    /// Run a command of the daemon again and again, until Ctrl-C
    ///
    /// On a terminal the latest answer is shown, elsewhere one answer after the other, with --json a
    /// line each. Without a command: `clusterer_list`. If the daemon stops answering, that is told, and
    /// it is asked on.
    #[command(
        override_usage = "clustererctl [OPTIONS] watch [--interval SECONDS] [COMMAND [PARAM]...]"
    )]
    Watch(watch::Args),
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
    if !matches!(cli.group, Group::Mi(_) | Group::Watch(_)) {
        cli.mi.check_absent()?;
    }
    match &cli.group {
        Group::Bin(args) => wire::run(args),
        Group::Completions { shell } => manual::completions(*shell, Cli::command()),
        Group::Db(args) => db::run(args),
        Group::Import(args) => import::run(args),
        Group::Man => manual::page(Cli::command()),
        Group::Mi(words) => mi::run(&cli.mi, words),
        Group::Watch(args) => watch::run(&cli.mi, args),
    }
}

fn complain(error: &anyhow::Error) {
    // Nobody is left to tell if this fails too.
    let _ = writeln!(io::stderr(), "clustererctl: {error:#}");
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
