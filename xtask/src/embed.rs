//! `cargo xtask embed`: another project can use each library alone.
//!
//! The projects of `tests/embed` are outside the workspace on purpose: inside it, cargo would merge
//! the features of all members and hide that a crate does not build without its defaults.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};

use crate::shell::{cargo, run as run_command};

pub(crate) fn run(root: &Path) -> Result<()> {
    let manifests = manifests(root)?;
    ensure!(!manifests.is_empty(), "there is no project in tests/embed");
    for manifest in &manifests {
        // The versions of the workspace, so that a release elsewhere cannot break a build here.
        // Cargo drops from the copy what the project does not use.
        let lock = root.join(manifest).with_file_name("Cargo.lock");
        fs::copy(root.join("Cargo.lock"), &lock).with_context(|| lock.display().to_string())?;
        let mut build = cargo(root, "build --quiet --target-dir target/embed --manifest-path");
        run_command(build.arg(manifest))?;
    }
    println!("embed: {} projects build, default features off", manifests.len());
    Ok(())
}

/// The projects' manifests, seen from `root`, sorted. `tidy` checks that none is missing.
pub(crate) fn manifests(root: &Path) -> Result<Vec<String>> {
    let directory = root.join("tests/embed");
    let entries = fs::read_dir(&directory).with_context(|| directory.display().to_string())?;
    let mut manifests = Vec::new();
    for entry in entries {
        let manifest = format!("tests/embed/{}/Cargo.toml", entry?.file_name().to_string_lossy());
        if root.join(&manifest).exists() {
            manifests.push(manifest);
        }
    }
    manifests.sort();
    Ok(manifests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_that_does_not_build_fails_and_is_named() {
        let root = tempfile::tempdir().unwrap();
        let project = root.path().join("tests/embed/broken");
        fs::create_dir_all(project.join("src")).unwrap();
        let manifest = "[package]\nname = \"broken\"\nedition = \"2024\"\n[workspace]\n";
        fs::write(project.join("Cargo.toml"), manifest).unwrap();
        fs::write(project.join("src/main.rs"), "fn main() { missing() }\n").unwrap();
        fs::write(root.path().join("Cargo.lock"), "version = 4\n").unwrap();

        let error = format!("{:#}", run(root.path()).unwrap_err());
        assert!(error.contains("--manifest-path tests/embed/broken/Cargo.toml` failed"), "{error}");

        fs::write(project.join("src/main.rs"), "fn main() {}\n").unwrap();
        run(root.path()).unwrap();
    }
}
