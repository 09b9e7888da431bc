//! The tables equal those of OpenSIPS 2.2, and what is no such table is told in one clear line.

use crate::conformance::{Provisioned, node, wait};
use crate::fixture::Fixture;
use clusterer_db::{Finding, NewNode, TableNames};
use clusterer_node::{StoreError, UnixTime};

type ColumnFacts = (String, String, bool, Option<String>, bool);

fn columns(fixture: &Fixture, table: &str) -> Vec<ColumnFacts> {
    let connection = fixture.connection();
    let mut statement = connection
        .prepare("SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info(?1)")
        .unwrap();
    let facts = statement.query_map([table], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
    });
    facts.unwrap().map(Result::unwrap).collect()
}

fn fact(name: &str, kind: &str, not_null: bool, default: Option<&str>, key: bool) -> ColumnFacts {
    (name.into(), kind.into(), not_null, default.map(Into::into), key)
}

#[test]
fn the_tables_are_those_of_opensips() {
    let fixture = Fixture::new();
    assert_eq!(
        columns(&fixture, "clusterer"),
        [
            fact("id", "INTEGER", true, None, true),
            fact("cluster_id", "INTEGER", true, None, false),
            fact("machine_id", "INTEGER", true, None, false),
            fact("url", "CHAR(64)", true, None, false),
            fact("state", "INTEGER", true, Some("1"), false),
            fact("last_attempt", "BIGINT(64)", true, Some("0"), false),
            fact("failed_attempts", "INTEGER", true, Some("3"), false),
            fact("no_tries", "INTEGER", true, Some("0"), false),
            fact("duration", "INTEGER", true, Some("30"), false),
            fact("description", "CHAR(64)", false, Some("NULL"), false),
        ]
    );
    assert_eq!(
        columns(&fixture, "version"),
        [
            fact("table_name", "CHAR(32)", true, None, false),
            fact("table_version", "INTEGER", true, Some("0"), false),
        ]
    );
    let one =
        |sql: &str| fixture.connection().query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(
        one("SELECT group_concat(table_name || ' ' || table_version) FROM version"),
        "clusterer 1"
    );
    let unique = |table: &str| {
        one(&format!(
            "SELECT group_concat(info.name) FROM pragma_index_list('{table}') AS list, \
             pragma_index_info(list.name) AS info WHERE list.\"unique\""
        ))
    };
    assert_eq!(unique("clusterer"), "cluster_id,machine_id");
    assert_eq!(unique("version"), "table_name");
    // AUTOINCREMENT keeps its count in a table of SQLite's own.
    assert_eq!(
        one("SELECT name FROM sqlite_master WHERE name = 'sqlite_sequence'"),
        "sqlite_sequence"
    );
    assert_eq!(one("PRAGMA journal_mode"), "wal");
}

/// As OpenSIPS' script for SQLite declares it.
#[test]
fn a_table_made_by_opensips_is_accepted_as_it_is() {
    let fixture = Fixture::empty();
    fixture.sql(
        "CREATE TABLE version (table_name CHAR(32) NOT NULL, table_version INTEGER DEFAULT 0 NOT NULL,
            CONSTRAINT t_name_idx UNIQUE (table_name));
         INSERT INTO version VALUES ('dialog', 7), ('clusterer', 1);
         CREATE TABLE clusterer (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
            cluster_id INTEGER NOT NULL, machine_id INTEGER NOT NULL, url CHAR(64) NOT NULL,
            state INTEGER DEFAULT 1 NOT NULL, last_attempt BIGINT(64) DEFAULT 0 NOT NULL,
            failed_attempts INTEGER DEFAULT 3 NOT NULL, no_tries INTEGER DEFAULT 0 NOT NULL,
            duration INTEGER DEFAULT 30 NOT NULL, description CHAR(64) DEFAULT NULL,
            CONSTRAINT clusterer_idx UNIQUE (cluster_id, machine_id));",
    );
    let before = columns(&fixture, "clusterer");
    assert_eq!(fixture.admin().init().unwrap().to_string(), "everything is there already");
    assert_eq!(columns(&fixture, "clusterer"), before);
    fixture.admin().add(&NewNode::new(1, 1, "bin:127.0.0.1:1025")).unwrap();
    assert_eq!(fixture.admin().check(UnixTime::ZERO).unwrap(), []);
    assert_eq!(wait(fixture.store().load()).unwrap(), [node(1)]);
}

/// As declared by hand or by a converter: other words for the same types, another order and case, a
/// column of somebody else's.
#[test]
fn a_table_made_by_others_is_accepted_as_it_is() {
    let fixture = Fixture::empty();
    fixture.sql(
        "CREATE TABLE version (table_name TEXT UNIQUE, table_version INT UNSIGNED);
         INSERT INTO version VALUES ('dialog', 7), ('clusterer', 1);
         CREATE TABLE CLUSTERER (url VARCHAR(64), Cluster_ID INT(10), machine_id INT(10), owner TEXT,
            id INTEGER PRIMARY KEY, state INT(1) DEFAULT 1, last_attempt UNSIGNED BIGINT(64) DEFAULT 0,
            failed_attempts INT(10) DEFAULT 3, no_tries INT(10) DEFAULT 0, duration INT(10) DEFAULT 30,
            description CHAR(64));
         CREATE UNIQUE INDEX pair ON clusterer (machine_id, cluster_id);",
    );
    let before = columns(&fixture, "clusterer");
    let created = fixture.admin().init().unwrap();
    assert_eq!(created.to_string(), "everything is there already");
    assert_eq!(columns(&fixture, "clusterer"), before);
    fixture.admin().add(&NewNode::new(1, 1, "bin:127.0.0.1:1025")).unwrap();
    assert_eq!(fixture.admin().check(UnixTime::ZERO).unwrap(), []);
    assert_eq!(wait(fixture.store().load()).unwrap(), [node(1)]);
    let journal: String =
        fixture.connection().query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(journal, "delete", "a file that exists keeps its journal");
}

#[test]
fn the_advice_makes_the_table_that_is_looked_for() {
    let fixture = Fixture::named(&[("url_col", "address"), ("db_table", "nodes")]);
    assert_eq!(
        fixture.plain(&fixture.open_error()),
        "sqlite:DIR/cluster.db: there is no such file: create it with `clustererctl db init --db-url \
         'sqlite:DIR/cluster.db' --db-table nodes --column url_col=address`"
    );
}

#[test]
fn what_is_no_such_table_says_what_to_do() {
    const CREATE: &str = "create it with `clustererctl db init --db-url 'sqlite:DIR/cluster.db'`";
    let cases = [
        (
            "UPDATE version SET table_version = 4",
            "table clusterer has version 4, version 1 is needed: set db_url and db_table to a table \
             of that version"
                .to_owned(),
        ),
        (
            "UPDATE version SET table_version = 'one'",
            "table clusterer has version \"one\", version 1 is needed: set db_url and db_table to a \
             table of that version"
                .to_owned(),
        ),
        (
            "DELETE FROM version",
            format!(
                "the version table says nothing about table clusterer, version 1 is needed: {CREATE}"
            ),
        ),
        (
            "DROP TABLE version",
            format!(
                "the version table says nothing about table clusterer, version 1 is needed: {CREATE}"
            ),
        ),
        ("DROP TABLE clusterer", format!("there is no table clusterer: {CREATE}")),
        ("DROP TABLE clusterer; DROP TABLE version", format!("there is no table clusterer: {CREATE}")),
        (
            "ALTER TABLE clusterer DROP COLUMN no_tries",
            "table clusterer has no column no_tries (no_tries_col is set to that): set no_tries_col \
             to the column's name, or add the column"
                .to_owned(),
        ),
        (
            "ALTER TABLE clusterer RENAME COLUMN id TO clusterer_id",
            "table clusterer has no column id (clusterer_id_col is set to that): set \
             clusterer_id_col to the column's name, or add the column"
                .to_owned(),
        ),
    ];
    for (sql, expected) in cases {
        let fixture = Fixture::with(&[node(1)]);
        let store = fixture.store();
        fixture.sql(sql);
        let expected = format!("sqlite:DIR/cluster.db: {expected}");
        let check = |what: &str, error: StoreError| {
            assert!(matches!(error, StoreError::Schema(_)), "{what} after {sql}: {error:?}");
            assert_eq!(fixture.plain(&error), expected, "{what} after {sql}");
        };
        check("open", fixture.open_error());
        check("load", wait(store.load()).unwrap_err());
        check("list", fixture.admin().list().unwrap_err());
    }
}

#[test]
fn names_from_the_configuration_are_used_everywhere() {
    // Words of SQL, so that one that is not quoted is an error.
    let fixture = Fixture::named(&[
        ("db_table", "select"),
        ("clusterer_id_col", "primary"),
        ("cluster_id_col", "group"),
        ("machine_id_col", "order"),
        ("url_col", "from"),
        ("state_col", "where"),
        ("last_attempt_col", "when"),
        ("failed_attempts_col", "limit"),
        ("no_tries_col", "set"),
        ("duration_col", "values"),
        ("description_col", "table"),
    ]);
    let admin = fixture.admin();
    admin.init().unwrap();
    let id = admin.add(&NewNode::new(1, 1, "bin:127.0.0.1:1025")).unwrap();
    assert_eq!(id.get(), 1);
    assert_eq!(admin.check(UnixTime::ZERO).unwrap(), []);
    let store = fixture.store();
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
    let change = crate::conformance::change(1, clusterer_node::State::Probing, 1, 9);
    assert_eq!(wait(store.flush(&[change])).unwrap().written, 1);
    let stored: (i64, i64, i64) = fixture
        .connection()
        .query_row("SELECT \"where\", \"set\", \"when\" FROM \"select\"", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(stored, (2, 1, 9));
    admin
        .remove(clusterer_node::NodeKey {
            cluster: "1".parse().unwrap(),
            machine: "1".parse().unwrap(),
        })
        .unwrap();
    assert_eq!(admin.list().unwrap(), []);
}

#[test]
fn a_column_that_is_not_there_is_never_taken_for_a_text() {
    let mut fixture = Fixture::with(&[node(1)]);
    let names = TableNames::new([("description_col", "comment")]).unwrap();
    fixture.options = fixture.options.clone().names(names);
    assert!(matches!(fixture.open_error(), StoreError::Schema(_)));
}

#[test]
fn two_tables_in_one_file_have_a_version_each() {
    let mut fixture = Fixture::with(&[node(1)]);
    fixture.options =
        fixture.options.clone().names(TableNames::new([("db_table", "second")]).unwrap());
    let created = fixture.admin().init().unwrap();
    assert_eq!(created.to_string(), "created the table of the nodes, the version of the table");
    assert_eq!(wait(fixture.store().load()).unwrap(), []);
}

#[test]
fn only_an_index_over_both_ids_of_every_row_keeps_them_unique() {
    let found = |index: &str| {
        let fixture = Fixture::lax(&node(1));
        fixture.sql(&format!("CREATE {index}"));
        let found = fixture.admin().check(UnixTime::ZERO).unwrap();
        found.iter().filter(|finding| matches!(finding, Finding::NoUniqueKey { .. })).count()
    };
    assert_eq!(found("UNIQUE INDEX i ON clusterer (machine_id, cluster_id)"), 0);
    assert_eq!(found("INDEX i ON clusterer (cluster_id, machine_id)"), 1);
    assert_eq!(found("UNIQUE INDEX i ON clusterer (machine_id)"), 1);
    assert_eq!(found("UNIQUE INDEX i ON clusterer (cluster_id, machine_id, url)"), 1);
    assert_eq!(found("UNIQUE INDEX i ON clusterer (cluster_id, machine_id) WHERE state = 1"), 1);
}
