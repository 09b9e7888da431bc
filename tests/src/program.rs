//! Where the programs under test are.

use anyhow::{Context as _, Result, ensure};
use std::env;
use std::path::PathBuf;

/// The path of a program of this workspace, built by the same profile as what is running.
///
/// # Errors
/// It has not been built.
pub fn program(name: &str) -> Result<PathBuf> {
    let running = env::current_exe().context("where am I?")?;
    // Tests are in target/PROFILE/deps, programs in target/PROFILE.
    let directories = running.ancestors().skip(1).take(2);
    let found = directories.map(|directory| directory.join(name)).find(|path| path.is_file());
    let path =
        found.with_context(|| format!("{name} is not built: cargo build --workspace --bins"))?;
    ensure!(path.is_absolute(), "{} is not absolute", path.display());
    Ok(path)
}
