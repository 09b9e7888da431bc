//! The servers' own client programs, with a deadline.

use super::{Access, Kind, mariadb, postgres};
use crate::{Completed, complete};
use anyhow::{Result, ensure};
use std::time::Duration;

/// Runs SQL in a database; returns what it printed, without the last line's end.
pub(super) fn run(
    access: &Access,
    database: &str,
    sql: &str,
    patience: Duration,
) -> Result<String> {
    let command = match access.kind() {
        Kind::MariaDb => mariadb::client(access, database)?,
        Kind::Postgres => postgres::client(access, database)?,
    };
    // Standard input, because other users see a command's arguments.
    let Completed { status, output, errors } = complete(command, sql, patience)?;
    ensure!(status.success(), "{}: {}", access.kind(), errors.trim());
    Ok(output.trim_end_matches('\n').to_owned())
}
