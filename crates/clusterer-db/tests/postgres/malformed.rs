//! Whatever stands in the rows is loaded as it is, and each wrong value is named.

use crate::conformance::{Provisioned, change, node, wait};
use crate::fixture::{Fixture, needs_server};
use clusterer_node::{Cell, Row, State, StoreError, UnixTime};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// What becomes of row 2 once a column has this type and this value. Row 1 must come through.
fn check(fixture: &Fixture, column: &str, kind: &str, value: &str, expected: &str) {
    fixture.sql(&format!(
        "ALTER TABLE clusterer ALTER {column} DROP DEFAULT,
            ALTER {column} TYPE {kind} USING {column}::text::{kind};
         INSERT INTO clusterer (id, cluster_id, machine_id, url, state, last_attempt,
            failed_attempts, no_tries, duration)
         VALUES (2, 1, 2, 'bin:127.0.0.1:1026', 1, 0, 3, 0, 30);
         UPDATE clusterer SET {column} = {value} WHERE machine_id::text = '2'"
    ));
    let store = fixture.store();
    let rows = wait(store.load()).unwrap();
    let got = rows.iter().find(|row| row.machine_id != Cell::Int(1)).map(|row| {
        match Row::parse(row, NOW) {
            Err(error) => format!("skipped: {error}"),
            Ok(parsed) => match parsed.warning {
                Some(warning) => format!("used: {warning}"),
                None => format!("used: {:?}", parsed.row.description),
            },
        }
    });
    assert_eq!(got.as_deref(), Some(expected), "{column} {kind} = {value}");
    assert_eq!(rows.len(), 2, "{column} {kind} = {value}");
    fixture.sql("DELETE FROM clusterer WHERE machine_id::text = '2'");
}

#[test]
fn any_type_and_value_is_loaded_as_it_is() {
    needs_server!(any_type_and_value_is_loaded_as_it_is);
    let cases = [
        ("state", "BIGINT", "NULL", "skipped: column state is NULL"),
        ("description", "TEXT", "NULL", "used: \"none\""),
        (
            "cluster_id",
            "BIGINT",
            "4294967297",
            "skipped: column cluster_id is 4294967297, must be a number from 1 to 2147483647",
        ),
        ("id", "BIGINT", "-1", "skipped: column id is -1, must be a number from 0"),
        ("state", "SMALLINT", "7", "skipped: column state is 7, must be 0, 1 or 2"),
        (
            "last_attempt",
            "NUMERIC",
            "18446744073709551615",
            "used: last_attempt 18446744073709551615 is no time of the past: taken as 0",
        ),
        (
            "last_attempt",
            "NUMERIC",
            "1.5",
            "skipped: column last_attempt is a fraction, must be a number",
        ),
        (
            "last_attempt",
            "NUMERIC",
            "'NaN'",
            "skipped: column last_attempt is a fraction, must be a number",
        ),
        // What is compared of a state must be no number either.
        ("state", "TEXT", "'one'", "skipped: column state is text, must be a number"),
        (
            "no_tries",
            "VARCHAR(10)",
            "'three'",
            "skipped: column no_tries is text, must be a number",
        ),
        (
            "duration",
            "DOUBLE PRECISION",
            "30",
            "skipped: column duration is a floating-point number, must be a number",
        ),
        ("description", "CHAR(64)", "'Node B'", "used: \"Node B\""),
        (
            "description",
            "VARCHAR(70000)",
            "repeat('x', 65537)",
            "skipped: column description is a text too long, must be text",
        ),
        (
            "url",
            "TEXT",
            "''",
            "skipped: column url: \"\": the host is empty (want [protocol:]host[:port])",
        ),
        ("machine_id", "BIGINT", "0002", "used: \"none\""),
    ];
    for (column, kind, value, expected) in cases {
        // Values of other kinds do not fit row 1, which stays as it is in what is compared.
        check(&Fixture::lax(&node(1)), column, kind, value, expected);
    }
}

/// A domain or an enumeration is no type that we know; nothing but the row is lost.
#[test]
fn a_type_of_the_user_is_named_as_such() {
    needs_server!(a_type_of_the_user_is_named_as_such);
    let fixture = Fixture::lax(&node(1));
    fixture.sql(
        "CREATE TYPE mood AS ENUM ('fine');
         ALTER TABLE clusterer DROP COLUMN description, ADD COLUMN description mood DEFAULT 'fine'",
    );
    let rows = wait(fixture.store().load()).unwrap();
    assert_eq!(rows[0].description, Cell::Other("of another type"));
}

#[test]
fn a_flush_to_a_column_of_a_wrong_type_says_so() {
    needs_server!(a_flush_to_a_column_of_a_wrong_type_says_so);
    let fixture = Fixture::with(&[node(1)]);
    fixture.sql(
        "ALTER TABLE clusterer ALTER state DROP DEFAULT, ALTER state TYPE VARCHAR(1);
         ALTER TABLE clusterer ALTER last_attempt DROP DEFAULT, ALTER last_attempt TYPE SMALLINT",
    );
    let store = fixture.store();
    let flush = |last_attempt| {
        let error = wait(store.flush(&[change(1, State::Probing, 1, last_attempt)])).unwrap_err();
        assert!(matches!(error, StoreError::Schema(_)), "{error:?}");
        assert!(error.to_string().ends_with(
            "a column has another type than in OpenSIPS' table: `clustererctl db check` says which"
        ));
        error.to_string()
    };
    assert!(flush(9).contains("operator does not exist: character varying <> integer"));
    fixture.sql("ALTER TABLE clusterer ALTER state TYPE INTEGER USING state::integer");
    assert!(flush(1_700_000_000).contains("out of range"));
    fixture
        .sql("ALTER TABLE clusterer ALTER state SET DEFAULT 1, ALTER last_attempt SET DEFAULT 0");
    let found: Vec<_> =
        fixture.admin().check(NOW).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(found, [] as [String; 0], "a narrow number is a number");
}
