//! `clustererctl db init --to 4`: the table of the later generation.

use crate::failure::Failure;
use clap::builder::PossibleValuesParser;
use clusterer_db::{Admin, DbUrl, UpgradeError};
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The version of the table to make
    #[arg(long, value_name = "VERSION", value_parser = PossibleValuesParser::new(["4"]))]
    to: Option<String>,
    /// The new table, which must not exist yet
    #[arg(long, value_name = "NAME", default_value = "clusterer_v4", requires = "to")]
    into: String,
    /// Make it, instead of only saying how
    #[arg(long, requires = "to")]
    write: bool,
}

impl Args {
    pub(super) const fn is_wanted(&self) -> bool {
        self.to.is_some()
    }
}

/// Prints a script, whether it was executed or is only what would be: the report on the rows is in its
/// comments.
pub(super) fn run(url: &DbUrl, admin: &Admin, args: &Args) -> anyhow::Result<ExitCode> {
    let done = if args.write { admin.upgrade(&args.into) } else { admin.plan_upgrade(&args.into) };
    let upgrade = done.map_err(|error| match error {
        UpgradeError::Name { .. } => Failure::usage(format!("--into: {error}")),
        error => error.into(),
    })?;

    let mut out = BufWriter::new(io::stdout().lock());
    writeln!(
        out,
        "-- {url}: {}",
        if args.write { "written" } else { "not written, for that repeat it with --write" }
    )?;
    out.write_all(upgrade.script.as_bytes())?;
    writeln!(
        out,
        "-- {} of {} rows taken over into {}. For nodes of OpenSIPS 3.x and 4.x: set their db_table to it, \
         and on one node of each cluster the column flags to 'seed'.",
        upgrade.taken(),
        upgrade.rows.len(),
        upgrade.table
    )?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
