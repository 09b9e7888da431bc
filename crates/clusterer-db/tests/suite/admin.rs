//! `clustererctl db …` without the command line.

use crate::conformance::{Provisioned, node, wait};
use crate::fixture::Fixture;
use clusterer_db::{AdminError, Finding, NewNode, Severity};
use clusterer_node::{Cell, NodeKey, RawRow, StoreError, UnixTime};

fn key(cluster: &str, machine: &str) -> NodeKey {
    NodeKey { cluster: cluster.parse().unwrap(), machine: machine.parse().unwrap() }
}

#[test]
fn init_creates_what_is_missing_and_nothing_else() {
    let fixture = Fixture::empty();
    let init = || fixture.admin().init().unwrap().to_string();
    assert_eq!(
        init(),
        "created the table of the nodes, the version table, the version of the table"
    );
    assert_eq!(init(), "everything is there already");

    fixture.admin().add(&NewNode::new(1, 1, "bin:127.0.0.1:1025")).unwrap();
    fixture.sql("DELETE FROM version");
    assert_eq!(init(), "created the version of the table");
    fixture.sql("DROP TABLE version");
    assert_eq!(init(), "created the version table, the version of the table");
    assert_eq!(fixture.admin().list().unwrap(), [node(1)]);
}

#[test]
fn several_who_init_at_once_all_succeed() {
    let fixture = &Fixture::empty();
    let created = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| fixture.admin().init())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(created.iter().filter(|created| created.table).count(), 1);
    assert_eq!(fixture.admin().check(UnixTime::ZERO).unwrap(), []);
}

#[test]
fn init_changes_nothing_where_something_is_wrong() {
    let refused = |sql: &str, expected: &str| {
        let fixture = Fixture::with(&[node(1)]);
        fixture.sql(sql);
        let dump = || -> String {
            fixture
                .connection()
                .query_row("SELECT group_concat(name || sql) FROM sqlite_master", [], |r| r.get(0))
                .unwrap()
        };
        let before = dump();
        let error = fixture.admin().init().unwrap_err();
        assert!(matches!(error, StoreError::Schema(_)), "{sql}: {error:?}");
        assert!(error.to_string().contains(expected), "{sql}: {error}");
        assert_eq!(dump(), before, "{sql}");
    };
    refused("UPDATE version SET table_version = 4", "has version 4, version 1 is needed");
    refused(
        "UPDATE version SET table_version = 2; DROP TABLE clusterer",
        "has version 2, version 1 is needed",
    );
    refused(
        "ALTER TABLE clusterer RENAME COLUMN machine_id TO node_id; DROP TABLE version",
        "has no column machine_id",
    );
}

#[test]
fn a_node_is_added_listed_and_removed() {
    let fixture = Fixture::new();
    let admin = fixture.admin();
    let first = admin.add(&NewNode::new(1, 1, "bin:192.168.0.5:5566")).unwrap();
    let second = admin
        .add(&NewNode {
            state: 0,
            failed_attempts: 0,
            duration: 8,
            description: Some("Node B".into()),
            ..NewNode::new(1, 2, "bin:[2001:db8::6]:5566")
        })
        .unwrap();
    assert_eq!((first.get(), second.get()), (1, 2));
    let rows = [
        RawRow { url: Cell::Text("bin:192.168.0.5:5566".into()), ..node(1) },
        RawRow {
            url: Cell::Text("bin:[2001:db8::6]:5566".into()),
            state: Cell::Int(0),
            failed_attempts: Cell::Int(0),
            duration: Cell::Int(8),
            description: Cell::Text("Node B".into()),
            ..node(2)
        },
    ];
    assert_eq!(admin.list().unwrap(), rows);
    assert_eq!(wait(fixture.store().load()).unwrap(), rows);
    assert_eq!(admin.check(UnixTime::ZERO).unwrap(), []);

    admin.remove(key("1", "1")).unwrap();
    assert_eq!(admin.list().unwrap(), rows[1..]);
    assert_eq!(admin.remove(key("1", "1")), Err(AdminError::NotFound(key("1", "1"))));
    assert_eq!(
        admin.remove(key("2", "2")).unwrap_err().to_string(),
        "there is no cluster 2 machine 2"
    );
    let third = admin.add(&NewNode::new(1, 1, "bin:192.168.0.5:5566")).unwrap();
    assert_eq!(third.get(), 3, "an id is never given twice");
}

#[test]
fn what_could_not_be_loaded_is_not_added() {
    let fixture = Fixture::new();
    let admin = fixture.admin();
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

#[test]
fn a_machine_is_once_in_a_cluster() {
    let fixture = Fixture::new();
    let admin = fixture.admin();
    let node = NewNode::new(1, 2, "bin:127.0.0.1:1025");
    admin.add(&node).unwrap();
    let error = admin.add(&NewNode { url: "bin:127.0.0.2".into(), ..node.clone() }).unwrap_err();
    assert_eq!(error, AdminError::Duplicate { key: key("1", "2"), id: Cell::Int(1) });
    assert_eq!(error.to_string(), "cluster 1 machine 2 exists already, in row 1");
    admin.add(&NewNode { cluster_id: 2, ..node }).unwrap();
    assert_eq!(admin.list().unwrap().len(), 2);
}

#[test]
fn a_table_that_does_not_number_its_rows_takes_no_new_one() {
    let fixture = Fixture::lax(&node(1));
    let error = fixture.admin().add(&NewNode::new(1, 2, "bin:127.0.0.1")).unwrap_err();
    assert!(matches!(error, AdminError::Store(StoreError::Refused(_))), "{error:?}");
    assert!(error.to_string().ends_with("column id does not number new rows by itself"), "{error}");
    assert_eq!(fixture.admin().list().unwrap(), [node(1)]);
}

#[test]
fn check_finds_everything_at_once_the_worst_first() {
    let fixture = Fixture::with(&[node(1)]);
    let findings = || fixture.admin().check(UnixTime::ZERO).unwrap();
    assert_eq!(findings(), []);

    fixture.sql(
        "UPDATE version SET table_version = 4;
         CREATE TABLE other AS SELECT id, machine_id, state, last_attempt, failed_attempts, duration,
            description FROM clusterer;
         DROP TABLE clusterer;
         ALTER TABLE other RENAME TO clusterer;
         ALTER TABLE clusterer ADD COLUMN url BLOB;
         ALTER TABLE clusterer ADD COLUMN no_tries VARCHAR(10)",
    );
    let texts: Vec<_> = findings().iter().map(|f| format!("{:?}: {f}", f.severity())).collect();
    assert_eq!(
        texts,
        [
            "Fatal: table clusterer has version 4, version 1 is needed",
            "Fatal: table clusterer has no column cluster_id (cluster_id_col is set to that)",
            "Warning: table clusterer: column id does not number new rows by itself, so that none can be \
             added without it",
            "Warning: table clusterer: column url is declared as BLOB, should be CHAR(64)",
            "Warning: table clusterer: column state has no default, should have 1",
            "Warning: table clusterer: column last_attempt has no default, should have 0",
            "Warning: table clusterer: column failed_attempts has no default, should have 3",
            "Warning: table clusterer: column no_tries is declared as VARCHAR(10), should be INTEGER",
            "Warning: table clusterer: column no_tries has no default, should have 0",
            "Warning: table clusterer: column duration has no default, should have 30",
            "Warning: table clusterer has no unique index over (cluster_id, machine_id)",
        ]
    );

    fixture.sql("DROP TABLE clusterer");
    assert_eq!(findings(), [Finding::MissingTable { table: "clusterer".into() }]);
}

#[test]
fn check_reads_the_rows_of_another_version_too() {
    let fixture = Fixture::with(&[node(1), RawRow { state: Cell::Int(9), ..node(2) }]);
    fixture.sql("DELETE FROM version");
    let found = fixture.admin().check(UnixTime::ZERO).unwrap();
    let severities: Vec<_> = found.iter().map(Finding::severity).collect();
    assert_eq!(severities, [Severity::Fatal, Severity::Error]);
    assert_eq!(found[1].to_string(), "row 2: column state is 9, must be 0, 1 or 2");
}

#[test]
fn check_finds_what_keeps_rows_from_being_added() {
    let fixture = Fixture::new();
    let check = |change: (&str, &str), expected: &[&str]| {
        let (from, to) = change;
        let create: String = fixture
            .connection()
            .query_row("SELECT sql FROM sqlite_master WHERE name = 'clusterer'", [], |r| r.get(0))
            .unwrap();
        assert!(create.contains(from), "{create}");
        fixture.sql(&format!("DROP TABLE clusterer; {}", create.replace(from, to)));
        let found = fixture.admin().check(UnixTime::ZERO).unwrap();
        let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected, "{to}");
        assert!(found.iter().all(|finding| finding.severity() == Severity::Warning));
        fixture.sql(&format!("DROP TABLE clusterer; {create}"));
    };
    let no_tries = "\"no_tries\" INTEGER DEFAULT 0 NOT NULL";
    for without in ["NOT NULL", "", "DEFAULT NULL"] {
        let expected = "table clusterer: column no_tries has no default, should have 0";
        check((no_tries, &format!("\"no_tries\" INTEGER {without}")), &[expected]);
    }
    // Another default, or NULL allowed, is a choice.
    check((no_tries, "\"no_tries\" INTEGER DEFAULT 7"), &[]);
    check(("\"url\" CHAR(64) NOT NULL", "\"url\" CHAR(64)"), &[]);
    check(
        (
            "\"description\" CHAR(64) DEFAULT NULL",
            "\"description\" CHAR(64) NOT NULL, owner TEXT NOT NULL",
        ),
        &[
            "table clusterer: column description is NOT NULL, so that no row can be added without it",
            "table clusterer: column owner is NOT NULL, so that no row can be added without it",
        ],
    );
    check(
        (
            "\"description\" CHAR(64) DEFAULT NULL",
            "\"description\" TEXT, owner TEXT NOT NULL DEFAULT 'x'",
        ),
        &[],
    );
    let numbered = "INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL";
    check((numbered, "INTEGER PRIMARY KEY"), &[]);
    check(
        (numbered, "INT PRIMARY KEY NOT NULL"),
        &[
            "table clusterer: column id does not number new rows by itself, so that none can be added \
           without it",
        ],
    );
}
