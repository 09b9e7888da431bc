//! The package in a clean Debian: installed, run, upgraded, removed, purged; and the demo with its programs.

use crate::packages::{self, Missing};
use crate::shell::{read, run as run_command, stopwatch};
use anyhow::{Context as _, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Of the machine that builds: what is built here needs a C library that is at least as new.
const RELEASE: &str = ". /etc/os-release && echo $VERSION_CODENAME";

/// What the package depends on and the smallest Debian lacks.
const INCLUDED: &str = "systemd-standalone-sysusers,systemd-standalone-tmpfiles";

/// Everything that is done in namespaces of its own, and in the clean Debian.
const STEPS: &str = include_str!("trial.sh");

/// The program that runs, as Linux shows it.
const MYSELF: &str = "/proc/self/exe";

const NOT_ROOT: &str = "only root installs into a clean root; try: sudo -E cargo xtask dist --try";
const REFUSED: &str = "not even root may make namespaces here; a container must be privileged";

/// Why the package cannot be tried on this machine, in words that are the same on every machine.
pub(crate) fn obstacle() -> Option<&'static str> {
    let id = Command::new("id").arg("-u").output();
    if !id.is_ok_and(|it| it.stdout == b"0\n") {
        return Some(NOT_ROOT);
    }
    let mut alone = unshare();
    alone
        .args(["mount", "-t", "tmpfs", "none", "/mnt"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    (!alone.status().is_ok_and(|it| it.success())).then_some(REFUSED)
}

pub(super) fn run(root: &Path, package: &Path, dist: &Path) -> Result<()> {
    if let Some(obstacle) = obstacle() {
        bail!("the package cannot be tried: {obstacle}");
    }
    lint(package)?;
    let base = clean_root(root)?;
    let later = later(package, dist)?;
    let started = Instant::now();
    let mut steps = unshare();
    steps.args(["sh", "-eu", "-c", STEPS, "trial"]).args([&base, package, &later]);
    let status = steps.status().context("`unshare` cannot be run")?;
    ensure!(status.success(), "the package did not stand its trial ({status})");
    println!("dist: [{}] the package has stood its trial", stopwatch(started.elapsed()));
    fs::remove_file(later)?;
    demo(package, dist)
}

/// What is mounted, listened on and started there is gone with the last process, which has five minutes.
fn unshare() -> Command {
    let mut command = Command::new("timeout");
    command.args([
        "--kill-after=5",
        "300",
        "unshare",
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "--",
    ]);
    command
}

/// Debian's own judge, where it is installed. What it calls an error is one.
fn lint(package: &Path) -> Result<()> {
    if Command::new("lintian").arg("--version").output().is_err() {
        println!("SKIPPED: dist::lintian: lintian is not installed");
        return Ok(());
    }
    run_command(Command::new("lintian").args(["--allow-root", "--fail-on", "error"]).arg(package))
}

/// The smallest Debian there is, kept in `target`, and never changed.
fn clean_root(root: &Path) -> Result<PathBuf> {
    if Command::new("debootstrap").arg("--version").output().is_err() {
        packages::install(&Missing {
            who: "trials of the package",
            what: "a clean Debian",
            packages: &["debootstrap"],
            without: "cargo xtask dist, which does not try it",
        })?;
    }
    let release = read(Command::new("sh").args(["-c", RELEASE]))?;
    let release = release.trim();
    let base = root.join(format!("target/clean-root-{release}"));
    if base.is_dir() {
        return Ok(base);
    }
    println!("dist: fetching a clean Debian, {release}, which takes a minute");
    let started = Instant::now();
    // Under its final name there is never half of one.
    let unfinished = base.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.arg("--variant=minbase").arg(format!("--include={INCLUDED}"));
    debootstrap.arg(release).arg(&unfinished).stdout(Stdio::null());
    run_command(&mut debootstrap)?;
    fs::rename(unfinished, &base)?;
    println!("dist: [{}] it is there", stopwatch(started.elapsed()));
    Ok(base)
}

/// The same package as one of a later version, to be upgraded to.
fn later(package: &Path, dist: &Path) -> Result<PathBuf> {
    let (tree, later) = (dist.join("later"), dist.join("later.deb"));
    run_command(Command::new("dpkg-deb").arg("--raw-extract").arg(package).arg(&tree))?;
    let control = tree.join("DEBIAN/control");
    let text = fs::read_to_string(&control)?;
    let version = format!("Version: {}", env!("CARGO_PKG_VERSION"));
    ensure!(text.contains(&version), "the package has no {version}");
    fs::write(&control, text.replace(&version, &format!("{version}+later")))?;
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "-Znone", "--build"]).arg(&tree).arg(&later);
    run_command(build.stdout(Stdio::null()))?;
    fs::remove_dir_all(tree)?;
    Ok(later)
}

/// The demo starts the programs that lie beside itself.
fn demo(package: &Path, dist: &Path) -> Result<()> {
    let tree = dist.join("installed");
    run_command(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&tree))?;
    let myself = tree.join("usr/bin/xtask");
    // Not by its name: under that there is another by now if cargo has built it since this one started.
    fs::copy(MYSELF, &myself).with_context(|| format!("{MYSELF} cannot be copied"))?;
    run_command(Command::new(myself).args(["demo", "--built"]))?;
    Ok(fs::remove_dir_all(tree)?)
}
