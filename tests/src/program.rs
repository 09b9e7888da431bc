//! Where the programs under test are, and what is kept beside them.

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

/// The directory of what was built by this profile, `target/PROFILE`, in which lies what one run leaves for
/// the next.
pub(crate) fn built() -> Result<PathBuf> {
    let running = env::current_exe().context("where am I?")?;
    // Tests are in target/PROFILE/deps, programs in target/PROFILE.
    let directory = running.parent().context("a program is in a directory")?;
    let profile = if directory.ends_with("deps") { directory.parent() } else { Some(directory) };
    Ok(profile.context("deps is in a directory")?.to_owned())
}
