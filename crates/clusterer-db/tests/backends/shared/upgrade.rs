//! A table of the later generation from one of version 1.

use super::TestDatabase;
use clusterer_db::UpgradeError;
use clusterer_node::{Cell, RawRow, StoreError};
use clusterer_tests::conformance::{node, wait};

pub(crate) fn rows() -> [RawRow; 4] {
    [
        RawRow {
            state: Cell::Int(0),
            failed_attempts: Cell::Int(9),
            description: Cell::Text("Node 'A' \\' --".into()),
            ..node(1)
        },
        RawRow { state: Cell::Int(2), no_tries: Cell::Int(3), ..node(2) },
        RawRow { url: Cell::Text("127.0.0.1:5060".into()), ..node(3) },
        RawRow {
            description: Cell::Text("a\n$1 \u{2603}); DROP TABLE clusterer; --".into()),
            ..node(4)
        },
    ]
}

pub(crate) const WRITTEN: [&str; 3] = [
    "1 1 1 bin:127.0.0.1:1025 0 9 50 - - Node 'A' \\' --",
    "2 1 2 bin:127.0.0.1:1026 1 3 50 - - -",
    "3 1 4 bin:127.0.0.1:1028 1 3 50 - - a $1 \u{2603}); DROP TABLE clusterer; --",
];

pub(crate) fn written(database: &impl TestDatabase, table: &str) -> Vec<String> {
    database.texts(&format!(
        "SELECT concat_ws(' ', id, cluster_id, node_id, url, state, no_ping_retries, priority,
            coalesce(sip_addr, '-'), coalesce(flags, '-'), coalesce(description, '-'))
         FROM {table} ORDER BY id"
    ))
}

fn exists() -> UpgradeError {
    UpgradeError::Exists { table: "later".into() }
}

pub(crate) fn a_plan_changes_nothing_and_what_was_planned_is_written<D: TestDatabase>() {
    let database = D::with(&rows());
    let before = database.tables();
    let planned = database.admin().plan_upgrade("later").unwrap();
    assert_eq!(database.tables(), before);
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
    assert_eq!((planned.taken(), planned.rows.len()), (3, 4));
    assert_eq!(database.admin().plan_upgrade("later").unwrap(), planned);

    assert_eq!(database.admin().upgrade("later").unwrap(), planned);
    assert_eq!(written(&database, "later"), WRITTEN);
    let versions = "SELECT concat_ws(' ', table_name, table_version) FROM version ORDER BY 1";
    assert_eq!(database.texts(versions), ["clusterer 1", "later 4"]);
    assert_eq!(wait(database.open().unwrap().load()).unwrap(), rows());

    // Rows that are added later are numbered on, as in the table of version 1.
    database.sql("INSERT INTO later (cluster_id, node_id, url) VALUES (2, 1, 'bin:127.0.0.9')");
    assert_eq!(database.texts("SELECT max(id) FROM later"), ["4"]);
}

pub(crate) fn the_script_does_the_same<D: TestDatabase>() {
    let database = D::with(&rows());
    database.sql(&database.admin().plan_upgrade("later").unwrap().script);
    assert_eq!(written(&database, "later"), WRITTEN);
    assert_eq!(database.admin().upgrade("later").unwrap_err(), exists());
}

pub(crate) fn nothing_is_overwritten<D: TestDatabase>() {
    let database = D::with(&rows());
    database.admin().upgrade("later").unwrap();
    database.sql("DELETE FROM later");
    assert_eq!(database.admin().upgrade("later").unwrap_err(), exists());
    assert_eq!(database.admin().plan_upgrade("later").unwrap_err(), exists());
    database.sql("DROP TABLE later");
    assert_eq!(database.admin().upgrade("later").unwrap_err(), exists(), "its version is there");
    database.sql("DELETE FROM version WHERE table_name = 'later'");
    database.admin().upgrade("later").unwrap();
    assert_eq!(written(&database, "later"), WRITTEN);
    database.sql("DELETE FROM version WHERE table_name = 'later'; DELETE FROM later");
    assert_eq!(database.admin().upgrade("later").unwrap_err(), exists());
    assert_eq!(written(&database, "later"), [] as [&str; 0]);
}

pub(crate) fn of_several_who_write_at_once_one_does<D: TestDatabase>() {
    let database = D::with(&rows());
    let admins: Vec<_> = (0..4).map(|_| database.admin()).collect();
    let written = std::thread::scope(|scope| {
        let upgrade = |admin| scope.spawn(move || clusterer_db::Admin::upgrade(admin, "later"));
        let threads: Vec<_> = admins.iter().map(upgrade).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(written.iter().filter(|written| written.is_ok()).count(), 1);
    assert_eq!(written.iter().filter(|it| it.as_ref().err() == Some(&exists())).count(), 3);
}

pub(crate) fn a_name_that_cannot_be_used_is_refused<D: TestDatabase>() {
    let database = D::with(&rows());
    let [fits, too_long] = [32, 33].map(|length| "x".repeat(length));
    database.admin().upgrade(&fits).unwrap();
    for name in ["", "a b", "clusterer", "CLUSTERER", "version", "x; --", &too_long] {
        let error = database.admin().plan_upgrade(name).unwrap_err();
        assert_eq!(error, UpgradeError::Name { name: name.into() });
        assert_eq!(database.admin().upgrade(name).unwrap_err(), error);
    }
}

pub(crate) fn a_table_that_is_not_of_version_1_is_not_read<D: TestDatabase>() {
    let database = D::with(&rows());
    database.sql("UPDATE version SET table_version = 4");
    let error = database.admin().upgrade("later").unwrap_err();
    assert!(matches!(error, UpgradeError::Store(StoreError::Schema(_))), "{error:?}");
}
