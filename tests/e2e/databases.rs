//! A test that holds for every kind of database runs on each of those that are here.

use anyhow::Result;
use clusterer_tests::Lab;
use clusterer_tests::servers::{Access, Kind};
use rusqlite::types::ValueRef;

/// The servers that the programs work with.
pub(crate) const KINDS: [Kind; 2] = Kind::ALL;

/// An empty lab on SQLite, and one on each server that there is; a skip for each of the others.
pub(crate) fn labs(test: &str) -> Result<Vec<Lab>> {
    let mut labs = vec![Lab::new()?];
    for kind in KINDS {
        if let Some(access) = Access::for_test(test, kind)? {
            let lab = Lab::on(access.create_database()?)?;
            lab.ctl_ok(&["db", "init", "--notify", "--db-url", &lab.db_url()])?;
            labs.push(lab);
        }
    }
    Ok(labs)
}

/// What an administrator does with a client of the database. Returns the first column of the rows.
pub(crate) fn sql(lab: &Lab, statement: &str) -> Result<Vec<String>> {
    match lab.database() {
        Some(database) => Ok(database.run(statement)?.lines().map(str::to_owned).collect()),
        None => sqlite(lab, statement),
    }
}

fn sqlite(lab: &Lab, statement: &str) -> Result<Vec<String>> {
    let connection = rusqlite::Connection::open(lab.db_path())?;
    connection.busy_timeout(clusterer_tests::PATIENCE)?;
    let mut statement = connection.prepare(statement)?;
    if statement.column_count() == 0 {
        statement.execute([])?;
        return Ok(Vec::new());
    }
    let first = |row: &rusqlite::Row<'_>| {
        Ok(match row.get_ref(0)? {
            ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            other => other.as_i64()?.to_string(),
        })
    };
    Ok(statement.query_map([], first)?.collect::<rusqlite::Result<_>>()?)
}

/// The state that the table holds of a machine.
pub(crate) fn stored_state(lab: &Lab, machine: i32) -> Result<String> {
    Ok(sql(lab, &format!("SELECT state FROM clusterer WHERE machine_id = {machine};"))?.concat())
}
