//! `clustererctl db …` without the command line.

use super::fixture::Fixture;
use crate::shared::TestDatabase;
use crate::shared::admin::found;
use clusterer_db::Severity;
use clusterer_node::UnixTime;
use clusterer_tests::conformance::node;

#[test]
fn check_finds_everything_at_once_the_worst_first() {
    let fixture = Fixture::with(&[node(1)]);
    assert_eq!(found(&fixture), [] as [&str; 0]);

    fixture.sql(
        "UPDATE version SET table_version = 4;
         CREATE TABLE other AS SELECT id, machine_id, state, last_attempt, failed_attempts, duration,
            description FROM clusterer;
         DROP TABLE clusterer;
         ALTER TABLE other RENAME TO clusterer;
         ALTER TABLE clusterer ADD COLUMN url BLOB;
         ALTER TABLE clusterer ADD COLUMN no_tries VARCHAR(10)",
    );
    assert_eq!(
        found(&fixture),
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
    assert_eq!(found(&fixture), ["Fatal: there is no table clusterer"]);
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
