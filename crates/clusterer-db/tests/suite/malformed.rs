//! Whatever stands in the rows is loaded as it is, and each wrong value is named.

use crate::conformance::{Provisioned, node, wait};
use crate::fixture::Fixture;
use clusterer_db::{Finding, Severity};
use clusterer_node::{RawRow, Row, UnixTime};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// What becomes of row 2 after this statement, as the reader of the row and `db check` tell it.
/// Row 1 must come through unharmed.
fn check(set: &str, expected: &str) {
    let fixture = Fixture::lax(&node(1));
    fixture.sql(&format!(
        "INSERT INTO clusterer (id, cluster_id, machine_id, url, state, last_attempt,
            failed_attempts, no_tries, duration)
         VALUES (2, 1, 2, 'bin:127.0.0.1:1026', 1, 0, 3, 0, 30);
         UPDATE clusterer SET {set} WHERE rowid = 2"
    ));
    let rows: Vec<RawRow> = wait(fixture.store().load()).unwrap();
    assert_eq!(rows.len(), 2, "{set}");
    assert_eq!(rows[0], node(1), "{set}");
    let got = match Row::parse(&rows[1], NOW) {
        Err(error) => format!("skipped: {error}"),
        Ok(parsed) => match parsed.warning {
            Some(warning) => format!("used: {warning}"),
            None => format!("used: {:?}", parsed.row.description),
        },
    };
    assert_eq!(got, expected, "{set}");

    let found: Vec<_> = fixture
        .admin()
        .check(NOW)
        .unwrap()
        .into_iter()
        .filter(|finding| matches!(finding, Finding::SkippedRow(_) | Finding::Warning { .. }))
        .map(|finding| (finding.severity(), finding.to_string()))
        .collect();
    match got.split_once(": ").unwrap() {
        ("skipped", why) => {
            assert_eq!(found.len(), 1, "{set}");
            assert_eq!(found[0].0, Severity::Error, "{set}");
            assert!(found[0].1.ends_with(why), "{set}: {found:?}");
        }
        (_, why) if why.starts_with("last_attempt") => {
            assert_eq!(found, [(Severity::Warning, format!("row 2: {why}"))], "{set}");
        }
        _ => assert_eq!(found, [], "{set}"),
    }
}

#[test]
fn null_in_any_column() {
    check("id = NULL", "skipped: column id is NULL");
    check("cluster_id = NULL", "skipped: column cluster_id is NULL");
    check("machine_id = NULL", "skipped: column machine_id is NULL");
    check("url = NULL", "skipped: column url is NULL");
    check("state = NULL", "skipped: column state is NULL");
    check("last_attempt = NULL", "skipped: column last_attempt is NULL");
    check("failed_attempts = NULL", "skipped: column failed_attempts is NULL");
    check("no_tries = NULL", "skipped: column no_tries is NULL");
    check("duration = NULL", "skipped: column duration is NULL");
    check("description = NULL", "used: \"none\"");
}

#[test]
fn a_value_of_another_kind() {
    check("id = 'two'", "skipped: column id is text, must be a number");
    check("cluster_id = 'x'", "skipped: column cluster_id is text, must be a number");
    check("cluster_id = ''", "skipped: column cluster_id is text, must be a number");
    check("state = 0.5", "skipped: column state is a fraction, must be a number");
    check("no_tries = 9e999", "skipped: column no_tries is a fraction, must be a number");
    check("duration = x'00ff'", "skipped: column duration is a blob, must be a number");
    check("url = x'00ff'", "skipped: column url is a blob, must be text");
    check(
        "description = CAST(x'ff41' AS TEXT)",
        "skipped: column description is text that is no UTF-8, must be text",
    );
    check(
        "description = printf('%.*c', 65537, 'x')",
        "skipped: column description is a text too long, must be text",
    );
    // SQLite turns digits into a number where the column is one.
    check("machine_id = '0003'", "used: \"none\"");
}

#[test]
fn a_number_out_of_range() {
    const ID: &str = "a number from 1 to 2147483647";
    const COUNT: &str = "a number from 0 to 2147483647";
    check("id = -1", "skipped: column id is -1, must be a number from 0");
    check("cluster_id = 0", &format!("skipped: column cluster_id is 0, must be {ID}"));
    check("machine_id = -2", &format!("skipped: column machine_id is -2, must be {ID}"));
    check(
        "cluster_id = 4294967297",
        &format!("skipped: column cluster_id is 4294967297, must be {ID}"),
    );
    check("state = 7", "skipped: column state is 7, must be 0, 1 or 2");
    check("no_tries = -1", &format!("skipped: column no_tries is -1, must be {COUNT}"));
    check(
        "duration = 2147483648",
        &format!("skipped: column duration is 2147483648, must be {COUNT}"),
    );
}

#[test]
fn junk_in_last_attempt_does_not_cost_the_row() {
    check(
        "last_attempt = 18446744073709551615",
        "used: last_attempt 18446744073709551616 is no time of the past: taken as 0",
    );
    check(
        "last_attempt = 140733193388033",
        "used: last_attempt 140733193388033 is no time of the past: taken as 0",
    );
    check("last_attempt = -1", "used: last_attempt -1 is no time of the past: taken as 0");
}

#[test]
fn a_url_that_cannot_be_read() {
    check(
        "url = 'bin:a:0'",
        "skipped: column url: \"bin:a:0\": the port is not a number from 1 to 65535",
    );
    check("url = ''", "skipped: column url: \"\": the host is empty (want [protocol:]host[:port])");
}

#[test]
fn a_second_row_with_one_id_or_key_is_found() {
    let fixture = Fixture::lax(&node(1));
    fixture.sql(
        "INSERT INTO clusterer SELECT 1, 1, 2, url, 1, 0, 3, 0, 30, NULL FROM clusterer;
         INSERT INTO clusterer SELECT 3, 1, 1, url, 1, 0, 3, 0, 30, NULL FROM clusterer WHERE machine_id = 1",
    );
    let found: Vec<_> =
        fixture.admin().check(NOW).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "table clusterer: column id does not number new rows by itself, so that none can be added \
             without it",
            "table clusterer has no unique index over (cluster_id, machine_id)",
            "row 1: another row has this id",
            "row 3: another row has cluster 1 machine 1",
        ]
    );
}
