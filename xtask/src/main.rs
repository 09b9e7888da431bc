//! The repository's chores, written in Rust so that a toolchain is all they need.
//!
//! `cargo xtask --help` lists them. Each command is a file beside this one and can be run alone;
//! `ci` is nothing but the others in a row.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks on its terminal")]

mod api;
mod bench;
mod ci;
mod demo;
mod dist;
mod embed;
mod package;
mod packages;
mod published;
mod servers;
mod shell;
mod sim;
mod skips;
mod test;
mod tidy;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The repository's chores.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Compare the public API of each library with its api.txt
    Api(api::Options),
    /// Measure what things cost: instructions, our codec beside others, the node under load
    Bench(bench::Options),
    /// Everything that must hold before a change lands; the others in a row
    Ci,
    /// Three nodes on loopback: replicate, kill one, see it come back
    Demo {
        /// Make a step fail, to see that it is noticed: start, replicate, list, kill, restart
        #[arg(long = "break", value_name = "STEP")]
        broken: Option<demo::Step>,
        /// Do not build the programs first
        #[arg(long)]
        built: bool,
        /// Where the nodes are provisioned: sqlite, or on a server of the demo's own: postgres, mysql
        #[arg(long, value_name = "DATABASE", default_value = "sqlite")]
        db: demo::Store,
        /// Keep the cluster up until Ctrl-C, and say where to look
        #[arg(long)]
        stay: bool,
    },
    /// Build the programs and pack them: a Debian package, a tarball and their checksums in target/dist
    Dist {
        /// The programs as the tests have them, quick to build and slow to run
        #[arg(long)]
        dev: bool,
        /// Install the package into a clean Debian, run it there, upgrade, remove and purge it
        #[arg(long = "try")]
        tried: bool,
    },
    /// Build the projects of tests/embed: every library stands alone, default features off
    Embed,
    /// Make the archives for crates.io and look into them
    Package(package::Options),
    /// Start the tests' database servers and keep them until Ctrl-C
    Servers,
    /// Clusters on a virtual clock: every fault there is, every invariant checked after every step
    Sim {
        /// How many runs, each given by its number
        #[arg(long, default_value_t = 1000)]
        seeds: u64,
        /// The number of the first run
        #[arg(long, default_value_t = 0)]
        first: u64,
        /// So many nodes instead of as many as the seed says
        #[arg(long)]
        nodes: Option<usize>,
        /// One run, told line by line
        #[arg(long, conflicts_with_all = ["seeds", "first"])]
        seed: Option<u64>,
        /// Figures instead of faults: how soon a failure is known, what idling costs
        #[arg(long, conflicts_with_all = ["seed", "seeds", "first"])]
        report: bool,
    },
    /// Build the programs, start database servers, run every test and doctest, list what was skipped
    Test(test::Options),
    /// Check the layering of the crates and what reviewers would forget
    Tidy,
}

fn main() -> ExitCode {
    let root = shell::repository();
    let done = match Cli::parse().chore {
        Chore::Api(options) => api::run(&root, &options).and_then(|compared| match compared {
            api::Compared::Same => Ok(()),
            api::Compared::OtherFormat => anyhow::bail!("{}", api::OTHER_FORMAT),
        }),
        Chore::Bench(options) => bench::run(&root, &options),
        Chore::Ci => ci::run(&root),
        Chore::Demo { broken, built, db, stay } => {
            demo::run(&root, &demo::Options { broken, built, db, stay })
        }
        Chore::Dist { dev, tried } => dist::run(&root, dist::Options { dev, tried }),
        Chore::Embed => embed::run(&root),
        Chore::Package(options) => package::run(&root, &options),
        Chore::Servers => servers::stay(),
        Chore::Sim { report: true, nodes, .. } => {
            sim::figures(nodes);
            Ok(())
        }
        Chore::Sim { seed: Some(seed), nodes, .. } => sim::trace(seed, nodes),
        Chore::Sim { seeds, first, nodes, .. } => sim::batch(&sim::Options { seeds, first, nodes }),
        Chore::Test(options) => test::run(&root, &options),
        Chore::Tidy => tidy::run(&root),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
