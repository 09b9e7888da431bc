//! The daemon of a cluster node: it reads its configuration, wires the crates together and obeys
//! signals. What a node does is in those crates.
//!
//! Exit codes: 0 after a stop that was asked for, 2 for a command line or a configuration that is
//! wrong (nothing has been started then), 1 for any other failure.

#[cfg_attr(not(test), expect(dead_code, reason = "the settings are read by the run path"))]
mod config;

use clap::{Parser, Subcommand};
use config::Config;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A node of an OpenSIPS cluster.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check a configuration file; connects nowhere and starts nothing
    CheckConfig {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::CheckConfig { config } => check_config(&config),
    }
}

fn check_config(path: &Path) -> ExitCode {
    match Config::load(path) {
        Ok(_) => match writeln!(io::stdout(), "{}: ok", path.display()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(error) => {
            // Nobody is left to tell if standard error is closed; the exit code still says it.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(2)
        }
    }
}
