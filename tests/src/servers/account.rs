//! As whom a server runs.

use anyhow::{Context as _, Result};
use rustix::process::geteuid;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// The user of a server's process. Servers refuse to be root's.
#[derive(Clone, Debug)]
pub(super) struct Account {
    name: String,
    /// User and group to become; `None` is who we are already.
    ids: Option<(u32, u32)>,
}

impl Account {
    /// Ourselves, or the first of these users that exists if we are root.
    pub(super) fn unprivileged(candidates: &[&str]) -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self { name: id(&["-u", "-n"])?, ids: None });
        }
        let found = candidates.iter().find_map(|name| {
            let ids = (number(&["-u", name]).ok()?, number(&["-g", name]).ok()?);
            Some(Self { name: (*name).to_owned(), ids: Some(ids) })
        });
        found.with_context(|| format!("none of these users exists: {}", candidates.join(", ")))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Lets the command run as this user.
    pub(super) fn assume(&self, command: &mut Command) {
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
    }

    /// Gives this user a file, or a directory and all that is in it.
    pub(super) fn own(&self, path: &Path) -> Result<()> {
        let Some((user, group)) = self.ids else { return Ok(()) };
        chown(path, Some(user), Some(group)).with_context(|| path.display().to_string())?;
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                self.own(&entry?.path())?;
            }
        }
        Ok(())
    }
}

fn number(arguments: &[&str]) -> Result<u32> {
    let text = id(arguments)?;
    text.parse().with_context(|| format!("`id` printed {text:?}"))
}

/// What `id` prints. It knows users of every source that the system has, not only of one file.
fn id(arguments: &[&str]) -> Result<String> {
    let output = Command::new("id").args(arguments).output().context("`id` cannot be run")?;
    anyhow::ensure!(output.status.success(), "`id {}` failed", arguments.join(" "));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
