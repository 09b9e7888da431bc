//! `cargo xtask bench`: what the node does under load, measured. Each kind of measurement is a file in
//! `bench`; `docs/performance.md` is made of what they print.

mod load;
mod machine;
mod report;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use load::Load;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What was asked for on the command line.
#[derive(Args)]
pub(crate) struct Options {
    /// Packets of 1, 4 and 64 senders: packets a second, CPU a packet, beside a bare reader
    #[arg(long)]
    ingest: bool,
    /// All of them, and docs/performance.md written anew
    #[arg(long, conflicts_with = "quick")]
    report: bool,
    /// Shorter runs: to see that it works, not to believe the figures
    #[arg(long)]
    quick: bool,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What a measurement has to show.
struct Section {
    /// The benchmark's flag, without its dashes.
    name: String,
    /// A table and what one must know to read it.
    markdown: String,
    figures: Value,
}

/// Whether a flag was given.
type Asked = fn(&Options) -> bool;

impl Options {
    /// The loads, each by its flag.
    const LOADS: [(&'static str, Asked); 1] = [("ingest", |options| options.ingest)];

    fn loads(&self) -> Vec<Load> {
        let asked = Self::LOADS.iter().filter(|(_, is_asked)| self.report || is_asked(self));
        asked.map(|&(name, _)| Load { name, more: Vec::new() }).collect()
    }
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let loads = options.loads();
    ensure!(!loads.is_empty(), "what is to be measured? See cargo xtask bench --help");
    let sections = load::run(root, &loads, options.quick)?;
    if let Some(path) = &options.json {
        let figures: Value =
            sections.iter().map(|it| (it.name.clone(), it.figures.clone())).collect();
        std::fs::write(path, format!("{figures:#}\n"))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if options.report {
        report::write(root, &sections)?;
    }
    Ok(())
}
