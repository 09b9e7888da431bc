//! Load on a release build of `clustererd`, and on the engine as a library, beside bare loops that do as
//! little as can be done with the same bytes. `cargo xtask bench` builds and runs it.
//!
//! Each benchmark is a file of its name. Each prints one table; `--json` keeps it. What is measured is
//! another process wherever a daemon would be one; the load comes from this one. Everything is on
//! loopback, has an end, and is gone afterwards, also after Ctrl-C.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks on its terminal")]

mod allocations;
mod bare;
mod bare_echo;
mod bare_reader;
mod bench;
mod child;
mod cpus;
mod echo;
mod fairness;
mod fanout;
mod idle;
mod ingest;
mod node;
mod packets;
mod peers;
mod pinger;
mod process;
mod scale;
mod scrape;
mod sender;
mod soak;
mod stats;
mod table;

use crate::bench::Bench;
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
    /// A round trip through the daemon, and through a bare echo
    Echo,
    /// A quiet peer's pings while others flood
    Fairness,
    /// One packet to 64 peers, and what one that stops reading costs the others
    Fanout,
    /// What a daemon with 1,000 peers does when there is nothing to do
    Idle,
    /// Packets of a few senders, taken by a daemon and by a bare reader
    Ingest,
    /// What each step costs with 10, 1,000 and 100,000 nodes
    Scale,
    /// Churn for minutes: memory must stay flat
    Soak {
        /// How long
        #[arg(long, default_value_t = 10)]
        minutes: u32,
    },
    /// The other end of a benchmark: writes back what it reads
    #[command(hide = true)]
    BareEcho,
    /// The other end of a benchmark: a reader that only walks lengths
    #[command(hide = true)]
    BareReader,
    /// The other end of a benchmark: peers that answer, each `MACHINE=ADDRESS`
    #[command(hide = true)]
    Peers {
        peers: Vec<String>,
        #[arg(long)]
        stalled: Option<i32>,
    },
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
    let bench = || Bench::new(cli.quick);
    let section = match &cli.what {
        What::Echo => echo::run(&bench()?)?,
        What::Fairness => fairness::run(&bench()?)?,
        What::Fanout => fanout::run(&bench()?)?,
        What::Idle => idle::run(&bench()?)?,
        What::Ingest => ingest::run(&bench()?)?,
        What::Scale => scale::run(&bench()?)?,
        What::Soak { minutes } => soak::run(&bench()?, *minutes)?,
        What::BareEcho => return bare_echo::run(),
        What::BareReader => return bare_reader::run(),
        What::Peers { peers, stalled } => return peers::run(peers, *stalled),
    };
    println!("\n{}", section.text());
    if let Some(path) = &cli.json {
        std::fs::write(path, section.json().to_string())
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}
