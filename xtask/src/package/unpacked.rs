//! The archives, unpacked side by side, and built from what is in them.
//!
//! Not by `cargo package`, which can do that too: it keeps what it has unpacked in cargo's home, by name and
//! version, and takes that the next time, whatever the archive holds by then.

use crate::published::Package;
use crate::shell::{cargo, run as run_command};
use anyhow::{Context as _, Result, ensure};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What cargo writes into a lock file if nobody wants the version that an archive has.
const UNUSED: &str = "[[patch.unused]]";

/// Builds all of them, each on those that it depends on.
pub(super) fn build(root: &Path, target: &Path, packages: &[Package]) -> Result<()> {
    let directory = target.join("package/unpacked");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    for package in packages {
        let archive = target.join("package").join(package.archive());
        // Touched: cargo gives all archived files one time, by which it would not see that one is new.
        let mut tar = Command::new("tar");
        tar.arg("--directory").arg(&directory).args(["--touch", "-xzf"]).arg(archive);
        run_command(&mut tar)?;
    }
    let ours = fs::read_to_string(root.join("Cargo.toml"))?;
    fs::write(directory.join("Cargo.toml"), manifest(packages, &ours))?;
    // What others publish meanwhile cannot break this. Cargo drops what is not used.
    let lock = directory.join("Cargo.lock");
    fs::copy(root.join("Cargo.lock"), &lock)?;

    let mut build = cargo(root, "build --quiet --workspace --manifest-path");
    // The programs go elsewhere: in the place of ours, the tests would take them for those of this tree.
    build.arg(directory.join("Cargo.toml")).env("CARGO_BUILD_BUILD_DIR", target);
    build.env("CARGO_TARGET_DIR", directory.join("target"));
    run_command(&mut build)?;
    let lock = fs::read_to_string(lock)?;
    ensure!(!lock.contains(UNUSED), "an archive wants another version of one: {}", unused(&lock));
    println!("package: {} archives build", packages.len());
    Ok(())
}

/// A workspace of the archives, each in the place of what is on crates.io, with the profiles of ours: so
/// what they depend on is there already.
fn manifest(packages: &[Package], ours: &str) -> String {
    let mut text =
        "[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\n\n[patch.crates-io]\n".to_owned();
    for package in packages {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} = {{ path = \"{}\" }}", package.name, package.directory());
    }
    let mut is_profile = false;
    for line in ours.lines() {
        if line.starts_with('[') {
            is_profile = line.starts_with("[profile.");
        }
        if is_profile {
            text += line;
            text.push('\n');
        }
    }
    text
}

fn unused(lock: &str) -> String {
    let tables = lock.split(UNUSED).skip(1);
    let names = tables.filter_map(|it| it.lines().find_map(|line| line.strip_prefix("name = ")));
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn archives_stand_for_what_is_published_and_profiles_are_ours() {
        let package = |name: &str| Package {
            name: name.to_owned(),
            version: "1.2.3".to_owned(),
            library: true,
            features: BTreeMap::new(),
        };
        let ours = "[workspace]\nmembers = []\n\n[profile.dev]\ndebug = 1\n# Why.\n\n[other]\na = 1\n\
                    [profile.dev.package]\nx.opt-level = 3\n";
        let text = manifest(&[package("a"), package("b")], ours);
        let expected = "[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\n\n[patch.crates-io]\n\
                        a = { path = \"a-1.2.3\" }\nb = { path = \"b-1.2.3\" }\n\
                        [profile.dev]\ndebug = 1\n# Why.\n\n[profile.dev.package]\nx.opt-level = 3\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_archive_that_nobody_wants_is_named() {
        let lock =
            "[[package]]\nname = \"a\"\n\n[[patch.unused]]\nname = \"b\"\nversion = \"1.0.0\"\n";
        assert_eq!(unused(lock), "\"b\"");
        assert_eq!(unused("[[package]]\nname = \"a\"\n"), "");
    }
}
