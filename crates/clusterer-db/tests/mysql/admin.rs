//! `clustererctl db …` without the command line.

use crate::conformance::{Provisioned, node, wait};
use crate::fixture::{Fixture, needs_server};
use clusterer_db::{AdminError, NewNode, Severity};
use clusterer_node::{Cell, NodeKey, RawRow, StoreError, UnixTime};

fn key(cluster: &str, machine: &str) -> NodeKey {
    NodeKey { cluster: cluster.parse().unwrap(), machine: machine.parse().unwrap() }
}

#[test]
fn init_creates_what_is_missing_and_nothing_else() {
    needs_server!(init_creates_what_is_missing_and_nothing_else);
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
    needs_server!(several_who_init_at_once_all_succeed);
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
    needs_server!(init_changes_nothing_where_something_is_wrong);
    let fixture = Fixture::with(&[node(1)]);
    fixture.sql("ALTER TABLE clusterer RENAME COLUMN machine_id TO node_id; DROP TABLE version");
    let error = fixture.admin().init().unwrap_err();
    assert!(matches!(error, StoreError::Schema(_)), "{error:?}");
    assert!(error.to_string().contains("has no column machine_id"), "{error}");
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()";
    assert_eq!(fixture.texts(tables), ["clusterer"], "the server takes back no table it has made");
}

#[test]
fn a_node_is_added_listed_and_removed() {
    needs_server!(a_node_is_added_listed_and_removed);
    let fixture = Fixture::new();
    let admin = fixture.admin();
    let b = NewNode {
        state: 0,
        failed_attempts: 0,
        duration: 8,
        description: Some("Node 'B' \u{2603}".into()),
        ..NewNode::new(1, 2, "bin:[2001:db8::6]:5566")
    };
    admin.add(&NewNode::new(1, 1, "bin:127.0.0.1:1025")).unwrap();
    assert_eq!(admin.add(&b).unwrap().get(), 2);
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
    assert_eq!(wait(fixture.store().load()).unwrap(), rows);
    assert_eq!(
        admin.add(&b).unwrap_err(),
        AdminError::Duplicate { key: key("1", "2"), id: Cell::Int(2) }
    );
    admin.remove(key("1", "1")).unwrap();
    assert_eq!(admin.list().unwrap(), rows[1..]);
    assert_eq!(admin.remove(key("1", "1")), Err(AdminError::NotFound(key("1", "1"))));
    let third = admin.add(&NewNode::new(1, 1, "bin:192.168.0.5:5566")).unwrap();
    assert_eq!(third.get(), 3, "an id is never given twice");
}

/// No index keeps them from it here.
#[test]
fn several_who_add_one_node_at_once_add_it_once() {
    needs_server!(several_who_add_one_node_at_once_add_it_once);
    let fixture = &Fixture::lax(&node(1));
    fixture.sql("ALTER TABLE clusterer MODIFY id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY");
    let added = std::thread::scope(|scope| {
        let add = || fixture.admin().add(&NewNode::new(1, 2, "bin:127.0.0.1"));
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(add)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(added.iter().filter(|added| added.is_ok()).count(), 1, "{added:?}");
    assert_eq!(fixture.admin().list().unwrap().len(), 2);
}

#[test]
fn a_table_that_does_not_number_its_rows_takes_no_new_one() {
    needs_server!(a_table_that_does_not_number_its_rows_takes_no_new_one);
    let fixture = Fixture::lax(&node(1));
    let error = fixture.admin().add(&NewNode::new(1, 2, "bin:127.0.0.1")).unwrap_err();
    assert!(matches!(error, AdminError::Store(StoreError::Refused(_))), "{error:?}");
    assert!(error.to_string().ends_with("column id does not number new rows by itself"), "{error}");
    assert_eq!(fixture.admin().list().unwrap(), [node(1)]);
}

#[test]
fn check_finds_everything_at_once_the_worst_first() {
    needs_server!(check_finds_everything_at_once_the_worst_first);
    let fixture = Fixture::with(&[node(1)]);
    let texts = || -> Vec<_> {
        let found = fixture.admin().check(UnixTime::ZERO).unwrap();
        found.iter().map(|f| format!("{:?}: {f}", f.severity())).collect()
    };
    fixture.sql(
        "DELETE FROM version;
         ALTER TABLE clusterer DROP INDEX cluster_id, DROP COLUMN cluster_id,
            MODIFY url BLOB, MODIFY no_tries VARCHAR(10)",
    );
    assert_eq!(
        texts(),
        [
            "Fatal: the version table says nothing about table clusterer, version 1 is needed",
            "Fatal: table clusterer has no column cluster_id (cluster_id_col is set to that)",
            "Warning: table clusterer: column url is declared as blob, should be CHAR(64)",
            "Warning: table clusterer: column no_tries is declared as varchar(10), should be \
             INT(10)",
            "Warning: table clusterer: column no_tries has no default, should have 0",
            "Warning: table clusterer has no unique index over (cluster_id, machine_id)",
        ]
    );
    fixture.sql("DROP TABLE clusterer");
    assert_eq!(texts(), ["Fatal: there is no table clusterer"]);
}

#[test]
fn check_reads_the_rows_of_another_version_too() {
    needs_server!(check_reads_the_rows_of_another_version_too);
    let fixture = Fixture::with(&[node(1), RawRow { state: Cell::Int(9), ..node(2) }]);
    fixture.sql("UPDATE version SET table_version = 2");
    let found = fixture.admin().check(UnixTime::ZERO).unwrap();
    let severities: Vec<_> = found.iter().map(|finding| finding.severity()).collect();
    assert_eq!(severities, [Severity::Fatal, Severity::Error]);
    assert_eq!(found[1].to_string(), "row 2: column state is 9, must be 0, 1 or 2");
}
