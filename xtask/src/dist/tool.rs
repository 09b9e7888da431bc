//! cargo-deb, the one of this version, in `target/tools`: what a developer has installed stays as it is.

use crate::shell::{cargo, run as run_command};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = "3.8.0";

/// Where it is. Installed first if it is missing or another.
pub(super) fn cargo_deb(root: &Path) -> Result<PathBuf> {
    let tools = root.join("target/tools");
    let program = tools.join("bin/cargo-deb");
    if !is_it(&program) {
        println!(
            "dist: installing cargo-deb {VERSION} into target/tools, which takes a minute or two"
        );
        let mut install = cargo(root, "install cargo-deb --locked --quiet --force --version");
        run_command(install.arg(VERSION).arg("--root").arg(&tools))?;
    }
    Ok(program)
}

fn is_it(program: &Path) -> bool {
    let output = Command::new(program).args(["deb", "--version"]).output();
    output.is_ok_and(|it| {
        it.status.success() && String::from_utf8_lossy(&it.stdout).trim_end().ends_with(VERSION)
    })
}
