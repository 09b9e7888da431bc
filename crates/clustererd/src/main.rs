//! The daemon of a cluster node: it reads its configuration, wires the crates together and obeys
//! signals. What a node does is in those crates.
//!
//! Exit codes: 0 after a stop that was asked for, 2 for a command line or a configuration that is
//! wrong (nothing has been started then), 1 for any other failure.

mod activation;
mod commands;
mod config;
mod exporter;
mod http;
mod log;
mod manager;
mod reload;
mod run;
mod status;
mod vitals;

use clap::{Parser, Subcommand};
use config::{Config, LogFormat};
use run::Failure;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A node of an OpenSIPS cluster.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
struct Cli {
    /// Run a node with this configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Check a configuration file; connects nowhere and starts nothing
    CheckConfig {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Print the reference of all configuration keys, in Markdown
    ConfigReference,
}

fn main() -> ExitCode {
    match Cli::parse() {
        Cli { command: Some(Command::CheckConfig { config }), .. } => check_config(&config),
        Cli { command: Some(Command::ConfigReference), .. } => print(&config::reference()),
        Cli { config: Some(config), .. } => run_node(&config),
        // clap shows its help instead.
        Cli { config: None, command: None } => ExitCode::from(WRONG),
    }
}

/// The exit code for a command line or a configuration that is wrong.
const WRONG: u8 = 2;

fn check_config(path: &Path) -> ExitCode {
    match Config::load(path) {
        Ok(_) => print(&format!("{}: ok\n", path.display())),
        Err(error) => refuse(&error.to_string()),
    }
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run_node(path: &Path) -> ExitCode {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => return refuse(&error.to_string()),
    };
    let log = match log::begin(&config.log) {
        Ok(log) => log,
        Err(error) => return refuse(&format!("{error:#}")),
    };
    let format = config.log.format.value;
    match run::run(config, path, log) {
        Ok(()) => ExitCode::SUCCESS,
        // A line for whoever started it, unless whatever reads lines expects objects.
        Err(Failure::Start(why)) if format == LogFormat::Text => refuse(&why),
        Err(Failure::Start(why)) => {
            tracing::error!("{why}");
            ExitCode::from(WRONG)
        }
        Err(Failure::Run(error)) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn refuse(why: &str) -> ExitCode {
    // Nobody is left to tell if standard error is closed; the exit code still says it.
    let _ = writeln!(io::stderr(), "{why}");
    ExitCode::from(WRONG)
}
