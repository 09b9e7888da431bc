//! The path of a SQLite file.

use super::percent;
use crate::DbUrlError;
use std::path::PathBuf;

/// What follows `sqlite:`.
pub(super) fn parse(rest: &str) -> Result<PathBuf, DbUrlError> {
    match rest.strip_prefix("//") {
        Some(after) => checked(&path_of_url(after)?),
        None => checked(rest),
    }
}

/// A path as it stands.
pub(super) fn checked(path: &str) -> Result<PathBuf, DbUrlError> {
    if path == ":memory:" {
        return Err(DbUrlError::Memory);
    }
    if path.is_empty() || path.ends_with('/') {
        return Err(DbUrlError::EmptyPath);
    }
    if path.contains(char::is_control) {
        return Err(DbUrlError::ControlCharacter);
    }
    Ok(one_leading_slash(path).into())
}

/// A path that begins with two slashes means the same file with one, and with one its URL does not
/// look as if it named a host.
fn one_leading_slash(path: &str) -> String {
    let tail = path.trim_start_matches('/');
    if tail.len() == path.len() { path.to_owned() } else { format!("/{tail}") }
}

/// The path of a URL whose `sqlite://` has been taken off.
fn path_of_url(after: &str) -> Result<String, DbUrlError> {
    if after.is_empty() {
        return Err(DbUrlError::EmptyPath);
    }
    if !after.starts_with('/') {
        return Err(DbUrlError::Host);
    }
    if after.contains(['?', '#']) {
        return Err(DbUrlError::Parameters);
    }
    percent::decoded(after)
}
