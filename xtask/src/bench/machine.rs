//! On what something was measured.

use crate::shell::read;
use anyhow::Result;
use std::fs;
use std::path::Path;
use std::process::Command;

/// One line: processor, cores, kernel, compiler, commit, day.
pub(crate) fn describe(root: &Path) -> Result<String> {
    let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu_model(&model).unwrap_or("an unknown processor").to_owned();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let compiler = read(Command::new("rustc").current_dir(root).arg("--version"))?;
    let commit =
        read(Command::new("git").current_dir(root).args(["rev-parse", "--short", "HEAD"]))?;
    let dirty = read(Command::new("git").current_dir(root).args(["status", "--porcelain"]))?;
    let changed = if dirty.is_empty() { "" } else { " with changes" };
    let day = read(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    Ok(format!(
        "{model}, {cores} cores, Linux {}, {}, commit {}{changed}, {}",
        kernel.trim(),
        compiler.trim(),
        commit.trim(),
        day.trim()
    ))
}

fn cpu_model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_the_first_that_is_named() {
        assert_eq!(cpu_model("processor : 0\nmodel name\t: A B\nmodel name\t: C\n"), Some("A B"));
        assert_eq!(cpu_model(""), None);
    }
}
