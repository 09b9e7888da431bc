//! `cargo xtask api`: the public API of each library is what `crates/NAME/api.txt` says.
//!
//! So a change of it is seen in a review, and none happens by accident. The listing comes from rustdoc's
//! description of the crate with all its features. It also shows whose types others meet there.

use crate::published::{self, Package};
use crate::shell::{cargo, run as run_command};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// What the crate `public-api` reads: rustdoc of 1.95 writes it.
const FORMAT: u64 = 57;

/// Why there is no telling.
pub(crate) const OTHER_FORMAT: &str = "rustdoc of this toolchain is not that of Rust 1.95";

/// Whose types may be in an API, beside our own.
const OTHERS: &[&str] = &["alloc", "bytes", "core", "std"];

/// Impls that nobody names, or that there is no way to be without.
const UNSAID: &[&str] = &["Freeze", "StructuralPartialEq", "Unpin", "UnsafeUnpin", "UnwindSafe"];

/// Methods which the line of the impl before them has said already, by the trait.
const SAID: &[(&str, &str)] = &[
    ("clone::Clone", "::clone(&self)"),
    ("cmp::Ord", "::cmp(&self"),
    ("cmp::PartialEq", "::eq(&self"),
    ("cmp::PartialOrd", "::partial_cmp(&self"),
    ("default::Default", "::default()"),
    ("fmt::Debug", "::fmt(&self"),
    ("fmt::Display", "::fmt(&self"),
    ("hash::Hash", "::hash<"),
];

/// Nightly's rights for rustdoc only: in the environment of cargo they would have it build what we depend
/// on once more, and once more without.
const RUSTDOC: &str = "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write the listings instead of comparing them
    #[arg(long)]
    pub(crate) accept: bool,
}

/// What a run comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    Same,
    /// [`OTHER_FORMAT`].
    OtherFormat,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<Compared> {
    let packages = published::packages(root)?;
    let libraries = packages.iter().filter(|it| it.library).collect::<Vec<_>>();
    let target = published::target_directory(root)?;
    describe(root, &target, &libraries)?;
    let own = libraries.iter().map(|it| it.identifier()).collect::<BTreeSet<_>>();

    let mut findings = Vec::new();
    for library in &libraries {
        let json = target.join(format!("doc/{}.json", library.identifier()));
        if format(&json)? != FORMAT {
            return Ok(Compared::OtherFormat);
        }
        let listing = listing(&json)?;
        findings.extend(listing.lines().flat_map(|line| strangers(line, &own)));
        let kept = kept(root, library);
        if options.accept {
            fs::write(&kept, &listing).with_context(|| kept.display().to_string())?;
        } else {
            let before = fs::read_to_string(&kept).unwrap_or_default();
            findings.extend(difference(&library.name, &before, &listing));
        }
    }
    ensure!(findings.is_empty(), "{}", findings.join("\n"));
    println!("api: {} libraries are as their api.txt says", libraries.len());
    Ok(Compared::Same)
}

fn kept(root: &Path, library: &Package) -> PathBuf {
    root.join("crates").join(&library.name).join("api.txt")
}

/// Has rustdoc describe them all in one go, so that what they depend on is built once.
fn describe(root: &Path, target: &Path, libraries: &[&Package]) -> Result<()> {
    let directory = target.join("api");
    fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    let rustdoc = directory.join("rustdoc");
    fs::write(&rustdoc, RUSTDOC).with_context(|| rustdoc.display().to_string())?;
    fs::set_permissions(&rustdoc, fs::Permissions::from_mode(0o755))?;

    let mut command = cargo(root, "doc --quiet --lib --no-deps --all-features");
    command.args(published::selection(libraries.iter().copied()));
    command.env("RUSTDOC", &rustdoc);
    command.env("RUSTDOCFLAGS", "-Z unstable-options --output-format json");
    run_command(&mut command)
}

fn format(json: &Path) -> Result<u64> {
    let shown = || json.display().to_string();
    let text = fs::read_to_string(json).with_context(shown)?;
    let value: Value = serde_json::from_str(&text).with_context(shown)?;
    let version = value.get("format_version").and_then(Value::as_u64);
    version.context("no `format_version`").with_context(shown)
}

fn listing(json: &Path) -> Result<String> {
    let api = public_api::Builder::from_rustdoc_json(json).omit_blanket_impls(true).build();
    let api = api.with_context(|| json.display().to_string())?;
    let lines = api.items().map(ToString::to_string).collect::<Vec<_>>();
    Ok(shorten(&lines))
}

/// Leaves out what says nothing: a Send that is lost shows as `impl !Send`.
fn shorten(lines: &[String]) -> String {
    let mut listing = String::new();
    let mut said = None;
    for line in lines {
        if line.contains("impl") && !line.contains(" fn ") {
            said = SAID.iter().find(|(of, _)| line.contains(&format!("{of} for ")));
            let unsaid = UNSAID.iter().any(|of| line.contains(&format!("{of} for ")));
            let plain = ["Send", "Sync"].iter().any(|of| {
                line.contains(&format!(" core::marker::{of} for ")) && !line.contains(" where ")
            });
            if unsaid || plain {
                continue;
            }
        } else if said.is_some_and(|(_, method)| line.contains(method)) {
            continue;
        }
        listing.push_str(line);
        listing.push('\n');
    }
    listing
}

/// The crates in a line that are neither ours nor everybody's.
fn strangers(line: &str, own: &BTreeSet<String>) -> Vec<String> {
    let paths = line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
    // A path that begins with a capital is one of a type parameter; what begins with colons is the rest of a path.
    let begins = paths.filter_map(|path| Some(path.split_once("::")?.0));
    let crates = begins.filter(|begin| begin.starts_with(|c: char| c.is_lowercase() || c == '_'));
    let strange = crates.filter(|name| !OTHERS.contains(name) && !own.contains(*name));
    strange.map(|name| format!("api: there is a type of `{name}` in: {line}")).collect()
}

/// The lines that came and went, if any did.
fn difference(name: &str, before: &str, now: &str) -> Option<String> {
    if before == now {
        return None;
    }
    let [old, new] = [before, now].map(|text| text.lines().collect::<BTreeSet<_>>());
    let mut text = format!("api: {name} is not as crates/{name}/api.txt says:\n");
    for line in old.difference(&new) {
        let _ = writeln!(text, "  - {line}");
    }
    for line in new.difference(&old) {
        let _ = writeln!(text, "  + {line}");
    }
    text += "If that is meant: cargo xtask api --accept, and a line in CHANGELOG.md.";
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn what_an_impl_says_is_not_said_again() {
        let kept = [
            "pub struct a::B",
            "impl core::clone::Clone for a::B",
            "impl core::fmt::Debug for a::B",
            "impl a::Thing for a::B",
            "pub fn a::B::fmt(&self)",
            "impl !core::marker::Send for a::B",
            "impl<T> core::marker::Sync for a::C<T> where T: core::marker::Sync",
        ];
        let dropped = [
            (2, "pub fn a::B::clone(&self) -> a::B"),
            (4, "pub fn a::B::fmt(&self, &mut core::fmt::Formatter<'_>) -> core::fmt::Result"),
            (9, "impl core::marker::Sync for a::B"),
            (10, "impl core::panic::unwind_safe::UnwindSafe for a::B"),
        ];
        let mut lines = owned(&kept);
        for (at, line) in dropped {
            lines.insert(at.min(lines.len()), line.to_owned());
        }
        assert_eq!(shorten(&lines).lines().collect::<Vec<_>>(), kept);
    }

    #[test]
    fn a_type_of_somebody_else_is_a_finding() {
        let own = BTreeSet::from(["clusterer_bin".to_owned()]);
        for line in [
            "pub fn clusterer_bin::Packets<'a>::next(&mut self) -> core::option::Option<Self::Item>",
            "pub clusterer_bin::Outgoing::bytes: bytes::bytes::Bytes",
            "impl<T> clusterer_bin::Run for T where T: std::io::Read, T::Item: alloc::fmt::Debug",
        ] {
            assert_eq!(strangers(line, &own), Vec::<String>::new(), "{line}");
        }
        for line in [
            "pub fn clusterer_bin::wait(tokio::time::Instant)",
            "impl serde::Serialize for clusterer_bin::Dialect",
            "pub clusterer_bin::A::b: alloc::vec::Vec<_strange::B>",
        ] {
            assert_eq!(strangers(line, &own).len(), 1, "{line}");
        }
    }

    #[test]
    fn a_difference_names_the_lines_and_how_to_accept_them() {
        assert_eq!(difference("a", "x\ny\n", "x\ny\n"), None);
        let difference = difference("a", "x\ny\n", "y\nz\n").expect("they differ");
        assert!(difference.contains("\n  - x\n  + z\n"), "{difference}");
        assert!(difference.ends_with("cargo xtask api --accept, and a line in CHANGELOG.md."));
    }
}
