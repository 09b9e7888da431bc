//! The unit as systemd's own tools judge it.

use anyhow::{Context as _, Result};
use clusterer_tests::{PATIENCE, complete, program, skip};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The highest exposure level that is accepted, tenfold. What is left of it is the network, which a node
/// needs, and what clients' FIFOs and groups take.
const THRESHOLD: u32 = 20;

const UNIT: &str = "clusterer.service";

/// The unit, with programs that are built instead of installed, in a directory of its own.
fn unit() -> Result<tempfile::TempDir> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd").join(UNIT);
    let text = fs::read_to_string(path)?;
    let daemon = program("clustererd")?;
    let daemon = daemon.to_str().context("its path is text")?;
    let directory = tempfile::tempdir()?;
    fs::write(directory.path().join(UNIT), text.replace("/usr/bin/clustererd", daemon))?;
    Ok(directory)
}

fn analyze(arguments: &[&str], directory: &Path) -> Result<clusterer_tests::Completed> {
    let mut command = Command::new("systemd-analyze");
    command.arg("--no-pager").args(arguments).arg(directory.join(UNIT)).env("LC_ALL", "C");
    complete(command, "", PATIENCE)
}

fn installed() -> Result<bool> {
    if Command::new("systemd-analyze").arg("--version").output().is_ok() {
        return Ok(true);
    }
    skip("unit", "systemd-analyze is not installed")?;
    Ok(false)
}

#[test]
fn systemd_understands_all_of_it() -> Result<()> {
    if !installed()? {
        return Ok(());
    }
    let directory = unit()?;
    let verified = analyze(&["--man=no", "verify"], directory.path())?;
    assert!(verified.status.success(), "{}", verified.errors);
    // What it does not know it only warns of.
    let warnings = verified.errors.lines().filter(|line| line.contains("clusterer.service"));
    assert_eq!(warnings.collect::<Vec<_>>(), Vec::<&str>::new());
    Ok(())
}

#[test]
fn a_daemon_that_is_taken_over_reaches_little() -> Result<()> {
    if !installed()? {
        return Ok(());
    }
    let directory = unit()?;
    let judge = |threshold: u32| {
        let threshold = format!("--threshold={threshold}");
        analyze(&["security", "--offline=true", &threshold], directory.path())
    };
    let judged = judge(THRESHOLD)?;
    assert!(judged.status.success(), "{}{}", judged.output, judged.errors);
    assert!(judged.output.contains("Overall exposure level for clusterer.service"));
    assert!(!judge(1)?.status.success(), "a threshold means something");
    Ok(())
}
