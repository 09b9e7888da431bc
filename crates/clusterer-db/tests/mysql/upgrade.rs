//! A table of the later generation from one of version 1, in MySQL.

use crate::conformance::{Provisioned, node, wait};
use crate::fixture::{Fixture, needs_server};
use clusterer_db::UpgradeError;
use clusterer_node::{Cell, RawRow, StoreError};

fn rows() -> [RawRow; 4] {
    [
        RawRow {
            state: Cell::Int(0),
            failed_attempts: Cell::Int(9),
            description: Cell::Text("Node 'A' \\' --".into()),
            ..node(1)
        },
        RawRow { state: Cell::Int(2), ..node(2) },
        RawRow { url: Cell::Text("127.0.0.1:5060".into()), ..node(3) },
        RawRow { description: Cell::Text("a\n$1 \u{2603}".into()), ..node(4) },
    ]
}

const WRITTEN: [&str; 3] = [
    "1 1 1 bin:127.0.0.1:1025 0 9 50 - - Node 'A' \\' --",
    "2 1 2 bin:127.0.0.1:1026 1 3 50 - - -",
    "3 1 4 bin:127.0.0.1:1028 1 3 50 - - a $1 \u{2603}",
];

fn written(fixture: &Fixture, table: &str) -> Vec<String> {
    fixture.texts(&format!(
        "SELECT CONCAT_WS(' ', id, cluster_id, node_id, url, state, no_ping_retries, priority,
            COALESCE(sip_addr, '-'), COALESCE(flags, '-'), COALESCE(description, '-'))
         FROM {table} ORDER BY id"
    ))
}

fn tables(fixture: &Fixture) -> Vec<String> {
    fixture.texts(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1",
    )
}

#[test]
fn a_plan_changes_nothing_and_what_was_planned_is_written() {
    needs_server!(a_plan_changes_nothing_and_what_was_planned_is_written);
    let fixture = Fixture::with(&rows());
    let before = tables(&fixture);
    let planned = fixture.admin().plan_upgrade("later").unwrap();
    assert_eq!(tables(&fixture), before);
    let told: Vec<_> = planned.rows.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "row 1: cluster 1 machine 1",
            "row 2: cluster 1 machine 2, state 2 becomes 1",
            "row 3 is left out: column url is of protocol udp, there are only BIN nodes there",
            "row 4: cluster 1 machine 4, control characters in the description become blanks",
        ]
    );
    assert_eq!(fixture.admin().upgrade("later").unwrap(), planned);
    assert_eq!(written(&fixture, "later"), WRITTEN);
    assert_eq!(
        fixture.texts("SELECT CONCAT_WS(' ', table_name, table_version) FROM version ORDER BY 1"),
        ["clusterer 1", "later 4"]
    );
    assert_eq!(wait(fixture.store().load()).unwrap(), rows());

    fixture.sql("INSERT INTO later (cluster_id, node_id, url) VALUES (2, 1, 'bin:127.0.0.9')");
    assert_eq!(fixture.texts("SELECT CONCAT_WS(' ', MAX(id)) FROM later"), ["4"]);
}

#[test]
fn the_script_does_the_same() {
    needs_server!(the_script_does_the_same);
    let fixture = Fixture::with(&rows());
    fixture.sql(&fixture.admin().plan_upgrade("later").unwrap().script);
    assert_eq!(written(&fixture, "later"), WRITTEN);
    let exists = UpgradeError::Exists { table: "later".into() };
    assert_eq!(fixture.admin().upgrade("later").unwrap_err(), exists);
}

/// As `db/schema/clusterer.xml` of OpenSIPS has it for version 4.
#[test]
fn the_table_is_that_of_the_later_generation() {
    needs_server!(the_table_is_that_of_the_later_generation);
    let fixture = Fixture::new();
    fixture.admin().upgrade("later").unwrap();
    // As MariaDB shows them; MySQL 8 shows no widths, and no NULL for a default.
    assert_eq!(
        fixture.texts(
            "SELECT CONCAT_WS(' ', column_name, column_type, is_nullable, column_default, extra)
             FROM information_schema.columns
             WHERE table_schema = DATABASE() AND table_name = 'later' ORDER BY ordinal_position"
        ),
        [
            "id int(10) NO auto_increment",
            "cluster_id int(10) NO ",
            "node_id int(10) NO ",
            "url char(64) NO ",
            "state int(1) NO 1 ",
            "no_ping_retries int(10) NO 3 ",
            "priority int(10) NO 50 ",
            "sip_addr char(64) YES NULL ",
            "flags char(64) YES NULL ",
            "description char(64) YES NULL ",
        ]
    );
    assert_eq!(
        fixture.texts(
            "SELECT GROUP_CONCAT(column_name ORDER BY seq_in_index)
             FROM information_schema.statistics
             WHERE table_schema = DATABASE() AND table_name = 'later' GROUP BY index_name ORDER BY 1"
        ),
        ["cluster_id,node_id", "id"]
    );
}

#[test]
fn of_several_who_write_at_once_one_does() {
    needs_server!(of_several_who_write_at_once_one_does);
    let fixture = &Fixture::with(&rows());
    let written = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| fixture.admin().upgrade("later"))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(written.iter().filter(|written| written.is_ok()).count(), 1);
    let exists = UpgradeError::Exists { table: "later".into() };
    assert_eq!(written.iter().filter(|it| it.as_ref().err() == Some(&exists)).count(), 3);
}

/// A table that was made stays, but without rows, and nobody takes it for one of version 4.
#[test]
fn what_fails_leaves_no_rows_and_no_version() {
    needs_server!(what_fails_leaves_no_rows_and_no_version);
    let fixture = Fixture::with(&rows());
    fixture.sql("ALTER TABLE version MODIFY table_version INT CHECK (table_version < 4)");
    let error = fixture.admin().upgrade("later").unwrap_err();
    assert!(matches!(error, UpgradeError::Store(StoreError::Refused(_))), "{error:?}");
    assert_eq!(tables(&fixture), ["clusterer", "later", "version"]);
    assert_eq!(written(&fixture, "later"), [] as [&str; 0]);
    assert_eq!(fixture.texts("SELECT table_name FROM version"), ["clusterer"]);

    fixture.sql("ALTER TABLE version MODIFY table_version INT; DROP TABLE later");
    fixture.admin().upgrade("later").unwrap();
    assert_eq!(written(&fixture, "later"), WRITTEN);
}
