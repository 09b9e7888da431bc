//! A server's data directory. Making one takes seconds, copying one does not: the first of each version
//! is kept beside the built programs.

use super::account::Account;
use super::{Kind, mariadb, postgres};
use crate::program::built;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::id;
use std::sync::atomic::{AtomicU32, Ordering};

/// To be raised when a directory is made in another way.
const GENERATION: u32 = 1;

/// Makes the data directory `data` in a directory that belongs to the account.
pub(super) fn prepare(kind: Kind, data: &Path, user: &str, account: &Account) -> Result<()> {
    let kept = kept(kind, user)?;
    if kept.is_dir() {
        copy(&kept, data).with_context(|| format!("copying {}", kept.display()))?;
        return account.own(data);
    }
    initialise(kind, data, user, account)?;
    keep(data, &kept).with_context(|| format!("keeping {}", kept.display()))
}

fn initialise(kind: Kind, data: &Path, user: &str, account: &Account) -> Result<()> {
    fs::create_dir(data)?;
    account.own(data)?;
    let mut command = match kind {
        Kind::MariaDb => mariadb::initialise(data, account)?,
        Kind::Postgres => postgres::initialise(data, user)?,
    };
    account.assume(&mut command);
    // Not ours, which another user may not be allowed to see.
    command.current_dir(data).env("LC_ALL", "C");
    let output = command.output().with_context(|| format!("{kind} cannot be set up"))?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        bail!("{kind} cannot be set up ({}):\n{}", output.status, String::from_utf8_lossy(&text));
    }
    Ok(())
}

/// Under its final name there is never half a directory.
fn keep(data: &Path, kept: &Path) -> Result<()> {
    static COPIES: AtomicU32 = AtomicU32::new(0);
    let number = COPIES.fetch_add(1, Ordering::Relaxed);
    let unfinished = kept.with_extension(format!("{}-{number}", id()));
    fs::create_dir_all(&unfinished)?;
    let copied = copy(data, &unfinished);
    // Somebody else may have been quicker.
    if copied.is_err() || fs::rename(&unfinished, kept).is_err() {
        fs::remove_dir_all(&unfinished)?;
    }
    copied
}

/// Where the directory of this version is kept, if it is.
fn kept(kind: Kind, user: &str) -> Result<PathBuf> {
    let name = format!("{} {user} {GENERATION}", kind.version()?);
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    Ok(built()?.join("servers").join(name))
}

/// Copies what is in a directory, permissions included.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&source, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    Ok(())
}
