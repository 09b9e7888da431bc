//! `cargo xtask package`: what a registry would be given, and that others can build it.
//!
//! The archives are always made and looked into, which takes seconds. `--verify` also builds each from
//! its archive, the ones it depends on taken from theirs, and checks each crate with every combination of
//! its features that there is, none among them.

mod unpacked;

use crate::published::{self, Package};
use crate::shell::{cargo, read, run as run_command};
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Compressed bytes. The largest archive has a ninth of this: one that grows past it has swallowed something.
const MOST_BYTES: u64 = 1_000_000;

/// What every archive must hold: the licences ask for it, and crates.io shows it.
const NEEDED: &[&str] = &["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// Where else an archive may hold something: `include` in the manifest of the workspace says why.
const DIRECTORIES: &[&str] = &["assets/", "docs/", "examples/", "src/"];

/// What cargo adds.
const ADDED: &[&str] = &[".cargo_vcs_info.json", "Cargo.lock", "Cargo.toml.orig"];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Also build each from its archive, and check every combination of features: takes minutes
    #[arg(long)]
    pub(crate) verify: bool,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let packages = published::packages(root)?;
    let mut archive = cargo(root, "package --quiet --allow-dirty --no-verify");
    archive.args(published::selection(&packages));
    // Named, so that it is known where the archives are.
    let target = published::target_directory(root)?;
    run_command(archive.env("CARGO_TARGET_DIR", &target))?;

    let mut findings = Vec::new();
    for package in &packages {
        let path = target.join("package").join(package.archive());
        findings.extend(look_into(&path, package)?);
    }
    ensure!(findings.is_empty(), "{}", findings.join("\n"));
    println!("package: {} archives are complete", packages.len());
    if options.verify {
        unpacked::build(root, &target, &packages)?;
        check_features(root, &packages)?;
    }
    Ok(())
}

fn look_into(path: &Path, package: &Package) -> Result<Vec<String>> {
    let shown = || path.display().to_string();
    let bytes = fs::metadata(path).with_context(shown)?.len();
    let listing = read(Command::new("tar").arg("-tzf").arg(path))?;
    let prefix = format!("{}/", package.directory());
    let files = listing.lines().map(|line| line.strip_prefix(&prefix).unwrap_or(line));
    Ok(judge(&package.name, &files.collect::<Vec<_>>(), bytes))
}

fn judge(name: &str, files: &[&str], bytes: u64) -> Vec<String> {
    let mut findings = Vec::new();
    let missing = NEEDED.iter().filter(|needed| !files.contains(needed));
    findings.extend(missing.map(|file| format!("the archive of {name} lacks {file}")));
    let expected = |file: &str| {
        let inside = DIRECTORIES.iter().any(|directory| file.starts_with(directory));
        inside || NEEDED.contains(&file) || ADDED.contains(&file)
    };
    let needless = files.iter().filter(|file| !expected(file));
    findings.extend(needless.map(|file| format!("the archive of {name} holds {file}")));
    if bytes > MOST_BYTES {
        findings.push(format!("the archive of {name} has {bytes} bytes, {MOST_BYTES} at most"));
    }
    findings
}

fn check_features(root: &Path, packages: &[Package]) -> Result<()> {
    let mut checked = 0;
    for package in packages.iter().filter(|package| package.library) {
        for features in combinations(package) {
            // What only another feature uses is a warning, which clippy makes an error without
            // building once more what is not ours.
            let mut check = cargo(root, "clippy --quiet --lib --no-default-features --features");
            check.args([&features, "-p", &package.name, "--", "-D", "warnings"]);
            run_command(&mut check)?;
            checked += 1;
        }
    }
    println!("package: {checked} combinations of features build alone");
    Ok(())
}

/// Every set of features that cargo can come to, as `--features` takes it. What a feature turns on is in the
/// sets that it is in, so that none is checked twice.
fn combinations(package: &Package) -> Vec<String> {
    let mut sets = vec![BTreeSet::new()];
    for feature in package.features.keys() {
        let with = |set: &BTreeSet<_>| set.iter().chain([feature]).cloned().collect();
        sets.extend(sets.iter().map(with).collect::<Vec<BTreeSet<String>>>());
    }
    sets.retain(|set| {
        set.iter().all(|feature| package.features.get(feature).is_some_and(|it| it.is_subset(set)))
    });
    sets.into_iter().map(|set| Vec::from_iter(set).join(",")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: [&str; 7] = [
        ".cargo_vcs_info.json",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "src/lib.rs",
    ];

    #[test]
    fn a_whole_archive_passes_up_to_the_largest_size() {
        assert_eq!(judge("a", &WHOLE, MOST_BYTES), Vec::<String>::new());
        let large = judge("a", &WHOLE, MOST_BYTES + 1);
        assert_eq!(large, ["the archive of a has 1000001 bytes, 1000000 at most"]);
    }

    #[test]
    fn what_lacks_and_what_is_needless_is_named() {
        let mut files = WHOLE.to_vec();
        files.retain(|file| *file != "LICENSE-MIT");
        files.extend(["tests/big.bin", "srcs", "notes.txt"]);
        assert_eq!(
            judge("a", &files, 1),
            [
                "the archive of a lacks LICENSE-MIT",
                "the archive of a holds tests/big.bin",
                "the archive of a holds srcs",
                "the archive of a holds notes.txt",
            ]
        );
    }

    #[test]
    fn features_are_combined_to_whatever_cargo_can_come_to() {
        let check = |features: &[(&str, &[&str])], expected: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let feature = |&(name, on): &(&str, &[&str])| (name.to_owned(), owned(on));
            let features = features.iter().map(feature).collect();
            let (name, version) = ("a".to_owned(), "1.0.0".to_owned());
            let package = Package { name, version, library: true, features };
            assert_eq!(combinations(&package), expected);
        };
        check(&[], &[""]);
        check(&[("x", &[])], &["", "x"]);
        check(&[("x", &[]), ("y", &[])], &["", "x", "y", "x,y"]);
        check(&[("x", &["y"]), ("y", &["z"]), ("z", &[])], &["", "z", "y,z", "x,y,z"]);
    }
}
