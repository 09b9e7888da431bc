//! `clustererctl db …` without the command line.

use super::TestDatabase;
use clusterer_db::{AdminError, Finding, NewNode, Severity};
use clusterer_node::{Cell, NodeKey, RawRow, StoreError, UnixTime};
use clusterer_tests::conformance::{node, wait};

fn key(cluster: &str, machine: &str) -> NodeKey {
    NodeKey { cluster: cluster.parse().unwrap(), machine: machine.parse().unwrap() }
}

pub(crate) fn init_creates_what_is_missing_and_nothing_else<D: TestDatabase>() {
    let database = D::empty();
    let init = || database.admin().init().unwrap().to_string();
    assert_eq!(
        init(),
        "created the table of the nodes, the version table, the version of the table"
    );
    assert_eq!(init(), "everything is there already");

    database.admin().add(&NewNode::new(1, 1, "bin:127.0.0.1:1025")).unwrap();
    database.sql("DELETE FROM version");
    assert_eq!(init(), "created the version of the table");
    database.sql("DROP TABLE version");
    assert_eq!(init(), "created the version table, the version of the table");
    assert_eq!(database.admin().list().unwrap(), [node(1)]);
}

pub(crate) fn several_who_init_at_once_all_succeed<D: TestDatabase>() {
    let database = D::empty();
    let admins: Vec<_> = (0..8).map(|_| database.admin()).collect();
    let created = std::thread::scope(|scope| {
        let threads: Vec<_> = admins.iter().map(|admin| scope.spawn(|| admin.init())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(created.iter().filter(|created| created.table).count(), 1);
    assert_eq!(database.admin().check(UnixTime::ZERO).unwrap(), []);
}

pub(crate) fn init_changes_nothing_where_something_is_wrong<D: TestDatabase>() {
    let database = D::new();
    for (sql, expected) in [
        ("UPDATE version SET table_version = 4", "has version 4, version 1 is needed"),
        (
            "UPDATE version SET table_version = 2; DROP TABLE clusterer",
            "has version 2, version 1 is needed",
        ),
        (
            "ALTER TABLE clusterer RENAME COLUMN machine_id TO node_id; DROP TABLE version",
            "has no column machine_id",
        ),
    ] {
        database.make_anew(&node(1));
        database.sql(sql);
        let before = database.tables();
        let error = database.admin().init().unwrap_err();
        assert!(matches!(error, StoreError::Schema(_)), "{sql}: {error:?}");
        assert!(error.to_string().contains(expected), "{sql}: {error}");
        assert_eq!(database.tables(), before, "{sql}");
    }
}

pub(crate) fn a_node_is_added_listed_and_removed<D: TestDatabase>() {
    let database = D::new();
    let admin = database.admin();
    let b = NewNode {
        state: 0,
        failed_attempts: 0,
        duration: 8,
        description: Some("Node 'B' \u{2603}".into()),
        ..NewNode::new(1, 2, "bin:[2001:db8::6]:5566")
    };
    let first = admin.add(&NewNode::new(1, 1, "bin:127.0.0.1:1025")).unwrap();
    let second = admin.add(&b).unwrap();
    assert_eq!((first.get(), second.get()), (1, 2));
    let rows = [
        node(1),
        RawRow {
            url: Cell::Text("bin:[2001:db8::6]:5566".into()),
            state: Cell::Int(0),
            failed_attempts: Cell::Int(0),
            duration: Cell::Int(8),
            description: Cell::Text("Node 'B' \u{2603}".into()),
            ..node(2)
        },
    ];
    assert_eq!(admin.list().unwrap(), rows);
    assert_eq!(wait(database.open().unwrap().load()).unwrap(), rows);
    assert_eq!(admin.check(UnixTime::ZERO).unwrap(), []);

    admin.remove(key("1", "1")).unwrap();
    assert_eq!(admin.list().unwrap(), rows[1..]);
    assert_eq!(admin.remove(key("1", "1")), Err(AdminError::NotFound(key("1", "1"))));
    let error = admin.remove(key("2", "2")).unwrap_err();
    assert_eq!(error.to_string(), "there is no cluster 2 machine 2");
    let third = admin.add(&NewNode::new(1, 1, "bin:192.168.0.5:5566")).unwrap();
    assert_eq!(third.get(), 3, "an id is never given twice");
}

pub(crate) fn what_could_not_be_loaded_is_not_added<D: TestDatabase>() {
    let database = D::new();
    let admin = database.admin();
    let good = || NewNode::new(1, 1, "bin:127.0.0.1:1025");
    let check = |node: NewNode, expected: &str| {
        assert_eq!(admin.add(&node).unwrap_err().to_string(), expected);
    };
    check(
        NewNode { cluster_id: 0, ..good() },
        "column cluster_id is 0, must be a number from 1 to 2147483647",
    );
    check(
        NewNode { machine_id: -1, ..good() },
        "column machine_id is -1, must be a number from 1 to 2147483647",
    );
    check(
        NewNode { url: "bin:a:b:c:d".into(), ..good() },
        "column url: \"bin:a:b:c:d\": too many colons (want [protocol:]host[:port], an IPv6 address \
         in brackets)",
    );
    check(NewNode { state: 3, ..good() }, "column state is 3, must be 0, 1 or 2");
    check(
        NewNode { failed_attempts: -1, ..good() },
        "column failed_attempts is -1, must be a number from 0 to 2147483647",
    );
    check(
        NewNode { duration: 1 << 31, ..good() },
        "column duration is 2147483648, must be a number from 0 to 2147483647",
    );
    check(
        NewNode { description: Some("\u{e4}".repeat(65)), ..good() },
        "column description would have 65 characters, at most 64 fit",
    );
    assert_eq!(admin.list().unwrap(), []);
    admin.add(&NewNode { description: Some("\u{e4}".repeat(64)), ..good() }).unwrap();
}

pub(crate) fn a_machine_is_once_in_a_cluster<D: TestDatabase>() {
    let database = D::new();
    let admin = database.admin();
    let node = NewNode::new(1, 2, "bin:127.0.0.1:1025");
    admin.add(&node).unwrap();
    let error = admin.add(&NewNode { url: "bin:127.0.0.2".into(), ..node.clone() }).unwrap_err();
    assert_eq!(error, AdminError::Duplicate { key: key("1", "2"), id: Cell::Int(1) });
    assert_eq!(error.to_string(), "cluster 1 machine 2 exists already, in row 1");
    admin.add(&NewNode { cluster_id: 2, ..node }).unwrap();
    assert_eq!(admin.list().unwrap().len(), 2);
}

pub(crate) fn a_table_that_does_not_number_its_rows_takes_no_new_one<D: TestDatabase>() {
    let database = D::lax(&node(1));
    let error = database.admin().add(&NewNode::new(1, 2, "bin:127.0.0.1")).unwrap_err();
    assert!(matches!(error, AdminError::Store(StoreError::Refused(_))), "{error:?}");
    assert!(error.to_string().ends_with("column id does not number new rows by itself"), "{error}");
    assert_eq!(database.admin().list().unwrap(), [node(1)]);
}

pub(crate) fn check_reads_the_rows_of_another_version_too<D: TestDatabase>() {
    let database = D::new();
    for sql in ["DELETE FROM version", "UPDATE version SET table_version = 2"] {
        database.make_anew(&node(1));
        database.insert(&[RawRow { state: Cell::Int(9), ..node(2) }]);
        database.sql(sql);
        let found = database.admin().check(UnixTime::ZERO).unwrap();
        let severities: Vec<_> = found.iter().map(Finding::severity).collect();
        assert_eq!(severities, [Severity::Fatal, Severity::Error]);
        assert_eq!(found[1].to_string(), "row 2: column state is 9, must be 0, 1 or 2");
    }
}

pub(crate) fn administration_works_inside_a_runtime<D: TestDatabase>() {
    let database = D::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { assert_eq!(database.admin().list().unwrap(), []) });
}

/// What `db check` says of a table with findings of every severity, the worst first.
pub(crate) fn found(database: &impl TestDatabase) -> Vec<String> {
    let found = database.admin().check(UnixTime::ZERO).unwrap();
    found.iter().map(|finding| format!("{:?}: {finding}", finding.severity())).collect()
}
