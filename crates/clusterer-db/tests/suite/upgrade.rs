//! A table of the later generation from one of version 1, in a SQLite file.

use crate::conformance::{Provisioned, node, wait};
use crate::fixture::Fixture;
use clusterer_db::{NewNode, Upgrade, UpgradeError};
use clusterer_node::{Cell, RawRow, StoreError};

fn rows() -> [RawRow; 4] {
    [
        RawRow {
            state: Cell::Int(0),
            failed_attempts: Cell::Int(9),
            description: Cell::Text("Node 'A' \\ --".into()),
            ..node(1)
        },
        RawRow { state: Cell::Int(2), no_tries: Cell::Int(3), ..node(2) },
        RawRow { url: Cell::Text("udp:127.0.0.1:5060".into()), ..node(3) },
        RawRow { description: Cell::Text("a\n); DROP TABLE clusterer; --".into()), ..node(4) },
    ]
}

const WRITTEN: [&str; 3] = [
    "1 1 1 bin:127.0.0.1:1025 0 9 50 - - Node 'A' \\ --",
    "2 1 2 bin:127.0.0.1:1026 1 3 50 - - -",
    "3 1 4 bin:127.0.0.1:1028 1 3 50 - - a ); DROP TABLE clusterer; --",
];

fn told(upgrade: &Upgrade) -> Vec<String> {
    upgrade.rows.iter().map(ToString::to_string).collect()
}

fn written(fixture: &Fixture, table: &str) -> Vec<String> {
    let connection = fixture.connection();
    let columns = "id, cluster_id, node_id, url, state, no_ping_retries, priority, sip_addr, flags, \
                   description";
    let columns = columns.replace(", ", ", '-') || ' ' || coalesce(");
    let sql = format!("SELECT coalesce({columns}, '-') FROM {table} ORDER BY id");
    let mut statement = connection.prepare(&sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn tables(fixture: &Fixture) -> String {
    let sql = "SELECT group_concat(name || sql) FROM sqlite_master";
    fixture.connection().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_plan_changes_nothing_and_says_what_becomes_of_each_row() {
    let fixture = Fixture::with(&rows());
    let before = tables(&fixture);
    let upgrade = fixture.admin().plan_upgrade("clusterer_v4").unwrap();
    assert_eq!(
        told(&upgrade),
        [
            "row 1: cluster 1 machine 1",
            "row 2: cluster 1 machine 2, state 2 becomes 1",
            "row 3 is left out: column url is of protocol udp, there are only BIN nodes there",
            "row 4: cluster 1 machine 4, control characters in the description become blanks",
        ]
    );
    assert_eq!((upgrade.taken(), upgrade.rows.len()), (3, 4));
    assert_eq!(tables(&fixture), before);
    assert_eq!(fixture.admin().plan_upgrade("clusterer_v4").unwrap(), upgrade);
}

#[test]
fn what_was_planned_is_written_and_the_old_table_stays() {
    let fixture = Fixture::with(&rows());
    let planned = fixture.admin().plan_upgrade("later").unwrap();
    assert_eq!(fixture.admin().upgrade("later").unwrap(), planned);
    assert_eq!(written(&fixture, "later"), WRITTEN);
    let sql = "SELECT group_concat(table_name || ' ' || table_version) FROM version";
    let versions: String = fixture.connection().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(versions, "clusterer 1,later 4");
    assert_eq!(wait(fixture.store().load()).unwrap(), rows());
    fixture.admin().add(&NewNode::new(2, 1, "bin:127.0.0.1:1025")).unwrap();
}

#[test]
fn the_script_does_the_same() {
    let fixture = Fixture::with(&rows());
    fixture.sql(&fixture.admin().plan_upgrade("later").unwrap().script);
    assert_eq!(written(&fixture, "later"), WRITTEN);
    let exists = UpgradeError::Exists { table: "later".into() };
    assert_eq!(fixture.admin().upgrade("later").unwrap_err(), exists);
}

#[test]
fn nothing_is_overwritten() {
    let fixture = Fixture::with(&rows());
    fixture.admin().upgrade("later").unwrap();
    fixture.sql("DELETE FROM later");
    let before = tables(&fixture);
    let exists = UpgradeError::Exists { table: "later".into() };
    assert_eq!(fixture.admin().upgrade("later").unwrap_err(), exists);
    assert_eq!(fixture.admin().plan_upgrade("later").unwrap_err(), exists);
    fixture.sql("DROP TABLE later");
    assert_eq!(fixture.admin().upgrade("later").unwrap_err(), exists, "its version is there");
    fixture.sql("DELETE FROM version WHERE table_name = 'later'");
    fixture.admin().upgrade("later").unwrap();
    assert_eq!(written(&fixture, "later"), WRITTEN);
    fixture.sql("DELETE FROM version WHERE table_name = 'later'");
    assert_eq!(fixture.admin().upgrade("later").unwrap_err(), exists);
    assert_eq!(tables(&fixture), before);
}

#[test]
fn half_a_table_is_never_there() {
    let fixture = Fixture::with(&rows());
    fixture.sql(
        "CREATE TRIGGER no BEFORE INSERT ON version BEGIN SELECT RAISE(ABORT, 'not now'); END",
    );
    let before = tables(&fixture);
    let error = fixture.admin().upgrade("later").unwrap_err();
    assert!(error.to_string().ends_with("not now"), "{error}");
    assert_eq!(tables(&fixture), before);
}

#[test]
fn a_name_that_cannot_be_used_is_refused() {
    let fixture = Fixture::with(&rows());
    let [fits, too_long] = [32, 33].map(|length| "x".repeat(length));
    fixture.admin().upgrade(&fits).unwrap();
    for name in ["", "a b", "clusterer", "CLUSTERER", "version", "x; --", &too_long] {
        let error = fixture.admin().plan_upgrade(name).unwrap_err();
        assert_eq!(error, UpgradeError::Name { name: name.into() });
        assert_eq!(fixture.admin().upgrade(name).unwrap_err(), error);
    }
}

#[test]
fn a_table_that_is_not_of_version_1_is_not_read() {
    let fixture = Fixture::with(&rows());
    fixture.sql("UPDATE version SET table_version = 4");
    let error = fixture.admin().upgrade("later").unwrap_err();
    assert!(matches!(error, UpgradeError::Store(StoreError::Schema(_))), "{error:?}");
}
