//! Reporting a test that cannot run here.

use anyhow::{Context as _, Result};
use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write as _};

/// Reports that `test` cannot run here, as `CONTRIBUTING.md` says under "Skips". The caller returns.
///
/// # Errors
/// The report cannot be written, so that nobody would see it.
pub fn skip(test: &str, reason: &str) -> Result<()> {
    let line = format!("SKIPPED: {test}: {reason}\n");
    io::stderr().write_all(line.as_bytes())?;
    if let Some(path) = env::var_os("CLUSTERER_SKIPS") {
        let file = OpenOptions::new().append(true).create(true).open(path);
        // One write of a short line: appended whole, whoever else is writing.
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        written.context("a skip must be seen")?;
    }
    Ok(())
}
