//! Load on a release build of `clustererd`, and on the engine as a library, beside bare loops that do as
//! little as can be done with the same bytes. `cargo xtask bench` builds and runs it.
//!
//! Each benchmark is a file of its name. Each prints one table; `--json` keeps it. What is measured is
//! another process wherever a daemon would be one; the load comes from this one. Everything is on
//! loopback, has an end, and is gone afterwards, also after Ctrl-C.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks on its terminal")]

mod bare_reader;
mod bench;
mod child;
mod ingest;
mod node;
mod packets;
mod process;
mod scrape;
mod sender;
mod stats;
mod table;

use crate::bench::Bench;
use crate::table::Section;
use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Load on the daemon and on the engine.
#[derive(Parser)]
struct Cli {
    /// Shorter runs: to see that it works, not to believe the figures
    #[arg(long, global = true)]
    quick: bool,
    /// Write the table and its figures to this file
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Packets of a few senders, taken by a daemon and by a bare reader
    Ingest,
    /// The other end of a benchmark: a reader that only walks lengths
    #[command(hide = true)]
    BareReader,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let measure: fn(&Bench) -> Result<Section> = match cli.what {
        What::Ingest => ingest::run,
        What::BareReader => return bare_reader::run(),
    };
    let section = measure(&Bench::new(cli.quick)?)?;
    println!("\n{}", section.text());
    if let Some(path) = &cli.json {
        std::fs::write(path, section.json().to_string())
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}
