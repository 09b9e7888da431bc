//! The tables equal those of OpenSIPS 2.2, and tables of others are used as they are.

use super::fixture::Fixture;
use crate::shared::TestDatabase;
use crate::shared::schema::{is_accepted, keeps_unique};

fn columns(fixture: &Fixture, table: &str) -> Vec<String> {
    fixture.texts(&format!(
        "SELECT concat_ws(' ', name, type, iif(\"notnull\", 'NOT NULL', ''), dflt_value, iif(pk, 'KEY', ''))
         FROM pragma_table_info('{table}')"
    ))
}

#[test]
fn the_tables_are_those_of_opensips() {
    let fixture = Fixture::new();
    assert_eq!(
        columns(&fixture, "clusterer"),
        [
            "id INTEGER NOT NULL KEY",
            "cluster_id INTEGER NOT NULL ",
            "machine_id INTEGER NOT NULL ",
            "url CHAR(64) NOT NULL ",
            "state INTEGER NOT NULL 1 ",
            "last_attempt BIGINT(64) NOT NULL 0 ",
            "failed_attempts INTEGER NOT NULL 3 ",
            "no_tries INTEGER NOT NULL 0 ",
            "duration INTEGER NOT NULL 30 ",
            "description CHAR(64)  NULL ",
        ]
    );
    assert_eq!(
        columns(&fixture, "version"),
        ["table_name CHAR(32) NOT NULL ", "table_version INTEGER NOT NULL 0 "]
    );
    assert_eq!(
        fixture.texts("SELECT table_name || ' ' || table_version FROM version"),
        ["clusterer 1"]
    );
    let unique = |table: &str| {
        fixture.texts(&format!(
            "SELECT group_concat(info.name) FROM pragma_index_list('{table}') AS list, \
             pragma_index_info(list.name) AS info WHERE list.\"unique\""
        ))
    };
    assert_eq!(unique("clusterer"), ["cluster_id,machine_id"]);
    assert_eq!(unique("version"), ["table_name"]);
    // AUTOINCREMENT keeps its count in a table of SQLite's own.
    let sequence = "SELECT name FROM sqlite_master WHERE name = 'sqlite_sequence'";
    assert_eq!(fixture.texts(sequence), ["sqlite_sequence"]);
    assert_eq!(fixture.texts("PRAGMA journal_mode"), ["wal"]);
}

/// As OpenSIPS' script for SQLite declares it; and by hand or by a converter: other words for the same types,
/// another order and case, a column of somebody else's.
#[test]
fn a_table_made_by_others_is_accepted_as_it_is() {
    for create in [
        "CREATE TABLE version (table_name CHAR(32) NOT NULL, table_version INTEGER DEFAULT 0 NOT NULL,
            CONSTRAINT t_name_idx UNIQUE (table_name));
         CREATE TABLE clusterer (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
            cluster_id INTEGER NOT NULL, machine_id INTEGER NOT NULL, url CHAR(64) NOT NULL,
            state INTEGER DEFAULT 1 NOT NULL, last_attempt BIGINT(64) DEFAULT 0 NOT NULL,
            failed_attempts INTEGER DEFAULT 3 NOT NULL, no_tries INTEGER DEFAULT 0 NOT NULL,
            duration INTEGER DEFAULT 30 NOT NULL, description CHAR(64) DEFAULT NULL,
            CONSTRAINT clusterer_idx UNIQUE (cluster_id, machine_id))",
        "CREATE TABLE version (table_name TEXT UNIQUE, table_version INT UNSIGNED);
         CREATE TABLE CLUSTERER (url VARCHAR(64), Cluster_ID INT(10), machine_id INT(10), owner TEXT,
            id INTEGER PRIMARY KEY, state INT(1) DEFAULT 1, last_attempt UNSIGNED BIGINT(64) DEFAULT 0,
            failed_attempts INT(10) DEFAULT 3, no_tries INT(10) DEFAULT 0, duration INT(10) DEFAULT 30,
            description CHAR(64));
         CREATE UNIQUE INDEX pair ON clusterer (machine_id, cluster_id)",
    ] {
        let facts = |fixture: &Fixture| {
            let journal = fixture.texts("PRAGMA journal_mode");
            assert_eq!(journal, ["delete"], "a file that exists keeps its journal");
            columns(fixture, "clusterer")
        };
        is_accepted::<Fixture>(create, facts);
    }
}

#[test]
fn the_advice_makes_the_table_that_is_looked_for() {
    let fixture = Fixture::named([("url_col", "address"), ("db_table", "nodes")]);
    assert_eq!(
        fixture.plain(&fixture.open_error()),
        "URL: there is no such file: create it with `clustererctl db init --db-url \
         'URL' --db-table nodes --column url_col=address`"
    );
}

#[test]
fn an_index_over_some_rows_does_not_keep_them_unique() {
    let fixture = Fixture::new();
    keeps_unique(
        &fixture,
        "CREATE UNIQUE INDEX i ON clusterer (cluster_id, machine_id) WHERE state = 1",
        false,
    );
}
