//! `cargo xtask bench`: what things cost, measured. Each kind of measurement is a file in
//! `bench`; `docs/performance.md` is made of what they print.

mod callgrind;
mod codecs;
mod counts;
mod load;
mod machine;
mod report;
mod text;

use crate::packages::{self, Missing};
use crate::shell::{cargo, run as run_command};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use load::Load;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What was asked for on the command line.
#[derive(Args)]
pub(crate) struct Options {
    /// The instructions of what is done for every packet and wake-up; more than 2 % growth is a failure
    #[arg(long)]
    counts: bool,
    /// Take what is counted as what is to be expected from now on
    #[arg(long, requires = "counts")]
    accept: bool,
    /// Our codec beside bitcode, rkyv, postcard and prost on the same content
    #[arg(long)]
    codecs: bool,
    /// A round trip through the daemon, and through a bare echo
    #[arg(long)]
    echo: bool,
    /// A quiet peer's pings while others flood
    #[arg(long)]
    fairness: bool,
    /// One packet to 64 peers, and what one that stops reading costs the others
    #[arg(long)]
    fanout: bool,
    /// What a daemon with 1,000 peers does when there is nothing to do
    #[arg(long)]
    idle: bool,
    /// Packets of 1, 4 and 64 senders: packets a second, CPU a packet, beside a bare reader
    #[arg(long)]
    ingest: bool,
    /// What each step costs with 10, 1,000 and 100,000 nodes
    #[arg(long)]
    scale: bool,
    /// Churn for minutes, 10 if none are said: memory must stay flat
    #[arg(long, value_name = "MINUTES", num_args = 0..=1, default_missing_value = "10")]
    soak: Option<u32>,
    /// Write what was asked for into docs/performance.md; nothing else asked for is all of it
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
    /// The loads, each by its flag, in the order in which they are measured.
    const LOADS: [(&'static str, Asked); 7] = [
        ("ingest", |options| options.ingest),
        ("fanout", |options| options.fanout),
        ("echo", |options| options.echo),
        ("fairness", |options| options.fairness),
        ("idle", |options| options.idle),
        ("scale", |options| options.scale),
        ("soak", |options| options.soak.is_some()),
    ];

    /// The report, and nothing in particular.
    fn wants_all(&self) -> bool {
        let load = Self::LOADS.iter().any(|(_, is_asked)| is_asked(self));
        self.report && !(self.counts || self.codecs || load)
    }

    fn loads(&self) -> Vec<Load> {
        let asked = Self::LOADS.iter().filter(|(_, is_asked)| self.wants_all() || is_asked(self));
        let minutes = self.soak.map(|minutes| format!("--minutes={minutes}"));
        let more = |name| minutes.iter().filter(|_| name == "soak").cloned().collect();
        asked.map(|&(name, _)| Load { name, more: more(name) }).collect()
    }
}

/// The projects outside the workspace, seen from the root.
pub(crate) const MANIFESTS: [&str; 2] = [counts::MANIFEST, codecs::MANIFEST];

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let sections = measure(root, options)?;
    ensure!(!sections.is_empty(), "what is to be measured? See cargo xtask bench --help");
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

fn measure(root: &Path, options: &Options) -> Result<Vec<Section>> {
    let &Options { counts, accept, codecs, .. } = options;
    let all = options.wants_all();
    let mut sections = Vec::new();
    if counts || codecs || all {
        install_valgrind()?;
    }
    if counts || all {
        sections.push(counts::run(root, accept)?);
    }
    if codecs || all {
        sections.push(codecs::run(root)?);
    }
    let loads = options.loads();
    if !loads.is_empty() {
        sections.extend(load::run(root, &loads, options.quick)?);
    }
    Ok(sections)
}

/// Nobody else builds these projects: without this, they would rot.
pub(crate) fn lint(root: &Path) -> Result<()> {
    counts::lock(root)?;
    for manifest in MANIFESTS {
        let mut clippy = cargo(root, "clippy --quiet --target-dir target/bench --manifest-path");
        run_command(clippy.arg(manifest).args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}

/// Fails if an operation takes more instructions than accepted. False: nothing was counted, since valgrind
/// cannot be had here.
pub(crate) fn check_counts(root: &Path) -> Result<bool> {
    let can_be_had = callgrind::is_installed() || packages::may_install()?;
    if can_be_had {
        install_valgrind()?;
        counts::run(root, false)?;
    }
    Ok(can_be_had)
}

/// Sees to it that valgrind is there: installs it if we may.
fn install_valgrind() -> Result<()> {
    if callgrind::is_installed() {
        return Ok(());
    }
    packages::install(&Missing {
        who: "the benches",
        what: "valgrind",
        packages: &["valgrind"],
        without: "there are no instruction counts",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn check(words: &str, expected: &[&str]) {
        let line = Line::try_parse_from(words.split_whitespace()).unwrap();
        let loads = line.options.loads();
        let told = loads.iter().map(|load| [&[load.name.to_owned()], &load.more[..]].concat());
        assert_eq!(told.map(|words| words.join(" ")).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_asked_for_is_measured_in_one_order() {
        check("bench", &[]);
        check("bench --echo --ingest --quick", &["ingest", "echo"]);
        check("bench --soak", &["soak --minutes=10"]);
        check("bench --soak 3", &["soak --minutes=3"]);
        let all = ["ingest", "fanout", "echo", "fairness", "idle", "scale", "soak"];
        check("bench --report", &all);
        check("bench --report --idle", &["idle"]);
        check("bench --report --codecs", &[]);
        assert!(Line::try_parse_from(["bench", "--report", "--quick"]).is_err());
    }
}
