//! What only PostgreSQL has: its types.

use super::{Fixture, needs_server};
use crate::shared::{TestDatabase, malformed};
use clusterer_node::{Cell, State, StoreError};
use clusterer_tests::conformance::{Provisioned, change, node, wait};

/// What becomes of row 2 once a column has this type and this value.
fn check(fixture: &Fixture, column: &str, kind: &str, value: &str, expected: &str) {
    fixture.make_lax(&node(1));
    fixture.sql(&format!(
        "ALTER TABLE clusterer ALTER {column} DROP DEFAULT,
            ALTER {column} TYPE {kind} USING {column}::text::{kind}"
    ));
    malformed::check(fixture, column, value, expected);
}

#[test]
fn any_type_and_value_is_loaded_as_it_is() {
    needs_server!(any_type_and_value_is_loaded_as_it_is);
    let cases = [
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
        ("machine_id", "BIGINT", "0002", "used: \"none\""),
    ];
    let fixture = Fixture::new();
    for (column, kind, value, expected) in cases {
        check(&fixture, column, kind, value, expected);
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
        fixture.admin().check(malformed::NOW).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(found, [] as [String; 0], "a narrow number is a number");
}
