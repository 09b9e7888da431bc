//! `clustererctl`, the command line of a cluster: packet tools.
//!
//! Each group of commands is a module: it has its arguments and runs them. Here they are only told
//! apart, and their result becomes an exit code: 0 done, 1 the input was bad or could not be read, 2
//! the command line was wrong.

mod wire;

use clap::{Parser, Subcommand};
use std::io::{self, Write};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "clustererctl", version, about = "Command line of the clusterer node")]
struct Cli {
    #[command(subcommand)]
    group: Group,
}

#[derive(Subcommand)]
enum Group {
    /// Packets of the BIN protocol: bytes to JSON, and back
    Bin(wire::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().group {
        Group::Bin(args) => wire::run(&args),
    };
    match result {
        Ok(code) => code,
        // Whoever reads our output has seen enough.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn complain(error: &anyhow::Error) {
    // Nobody is left to tell if this fails too.
    let _ = writeln!(io::stderr(), "clustererctl: {error:#}");
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
