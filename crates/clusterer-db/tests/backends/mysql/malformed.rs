//! What only MySQL has: its types, and settings of the server that decide what becomes of a value.

use super::{Fixture, needs_server};
use crate::shared::{TestDatabase, malformed};
use clusterer_db::NewNode;
use clusterer_node::{Cell, RawRow, State, StoreError};
use clusterer_tests::conformance::{Provisioned, change, node, wait};

/// What becomes of row 2 once a column has this type and this value.
fn check(fixture: &Fixture, column: &str, kind: &str, value: &str, expected: &str) {
    fixture.make_lax(&node(1));
    fixture.sql(&format!("ALTER TABLE clusterer MODIFY {column} {kind}"));
    malformed::check(fixture, column, value, expected);
}

#[test]
fn any_type_and_value_is_loaded_as_it_is() {
    needs_server!(any_type_and_value_is_loaded_as_it_is);
    let cases = [
        ("state", "SMALLINT", "7", "skipped: column state is 7, must be 0, 1 or 2"),
        (
            "last_attempt",
            "BIGINT UNSIGNED",
            "18446744073709551615",
            "used: last_attempt 18446744073709551615 is no time of the past: taken as 0",
        ),
        (
            "last_attempt",
            "DECIMAL(40, 2)",
            "18446744073709551616",
            "used: last_attempt 18446744073709551616 is no time of the past: taken as 0",
        ),
        (
            "last_attempt",
            "DECIMAL(30, 1)",
            "1.5",
            "skipped: column last_attempt is a fraction, must be a number",
        ),
        ("no_tries", "VARCHAR(10)", "'3'", "skipped: column no_tries is text, must be a number"),
        (
            "duration",
            "DOUBLE",
            "30",
            "skipped: column duration is a floating-point number, must be a number",
        ),
        ("duration", "INT(10) ZEROFILL", "30", "used: \"none\""),
        ("state", "BIT(8)", "1", "skipped: column state is of another type, must be a number"),
        ("state", "TINYINT UNSIGNED", "2", "used: \"none\""),
        ("description", "CHAR(64)", "'Node B   '", "used: \"Node B\""),
        ("description", "VARCHAR(64)", "'Node B '", "used: \"Node B \""),
        ("description", "ENUM('x', 'Node B')", "'Node B'", "used: \"Node B\""),
        (
            "description",
            "VARBINARY(64)",
            "'Node B'",
            "skipped: column description is a blob, must be text",
        ),
        (
            "description",
            "DATETIME",
            "'2026-01-01 00:00:00'",
            "skipped: column description is a time, must be text",
        ),
        (
            "description",
            "MEDIUMTEXT",
            "REPEAT('x', 65537)",
            "skipped: column description is a text too long, must be text",
        ),
    ];
    let fixture = Fixture::new();
    for (column, kind, value, expected) in cases {
        check(&fixture, column, kind, value, expected);
    }
}

/// What the driver remembers of a statement's columns must not be what it reads the next rows by.
#[test]
fn a_type_that_changes_between_two_loads_is_noticed() {
    needs_server!(a_type_that_changes_between_two_loads_is_noticed);
    let fixture = Fixture::with(&[node(1)]);
    let store = fixture.store();
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
    fixture.sql("ALTER TABLE clusterer MODIFY no_tries VARCHAR(10), MODIFY state BIGINT");
    let rows = wait(store.load()).unwrap();
    assert_eq!(rows, [RawRow { no_tries: Cell::Text("0".into()), ..node(1) }]);
    fixture.sql("ALTER TABLE clusterer MODIFY no_tries INT");
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
}

#[test]
fn a_flush_to_a_column_of_a_wrong_type_says_so() {
    needs_server!(a_flush_to_a_column_of_a_wrong_type_says_so);
    let fixture = Fixture::with(&[node(1)]);
    let store = fixture.store();
    let flush = |last_attempt| {
        let error = wait(store.flush(&[change(1, State::Probing, 1, last_attempt)])).unwrap_err();
        assert!(matches!(error, StoreError::Schema(_)), "{error:?}");
        assert!(error.to_string().ends_with(
            "a column has another type than in OpenSIPS' table: `clustererctl db check` says which"
        ));
        error.to_string()
    };
    fixture.sql(
        "ALTER TABLE clusterer MODIFY state VARCHAR(10), MODIFY last_attempt SMALLINT;
         UPDATE clusterer SET state = 'up'",
    );
    assert!(flush(9).contains("Truncated incorrect"));
    fixture.sql("UPDATE clusterer SET state = '1'");
    assert!(flush(1_700_000_000).contains("Out of range"), "it is not cut to fit");
    assert_eq!(wait(store.load()).unwrap()[0].last_attempt, Cell::Int(0));
}

/// Whatever the server's settings: no value is cut, no blank is added, a quote is a quote.
#[test]
fn the_session_s_sql_mode_is_its_own() {
    needs_server!(the_session_s_sql_mode_is_its_own);
    struct Restored<'a>(&'a Fixture, String);
    impl Drop for Restored<'_> {
        fn drop(&mut self) {
            self.0.sql(&format!("SET GLOBAL sql_mode = '{}'", self.1));
        }
    }
    let row = RawRow { description: Cell::Text("Node \"A\"".into()), ..node(1) };
    let fixture = Fixture::with(std::slice::from_ref(&row));
    let before = fixture.texts("SELECT @@GLOBAL.sql_mode").remove(0);
    let _restored = Restored(&fixture, before);
    fixture.sql("SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH'");
    let store = fixture.store();
    assert_eq!(wait(store.load()).unwrap(), [row]);
    assert_eq!(wait(store.flush(&[change(1, State::Probing, 1, 9)])).unwrap().written, 1);
    fixture.sql("ALTER TABLE clusterer MODIFY last_attempt SMALLINT");
    let error = wait(store.flush(&[change(1, State::Probing, 1, 70_000)])).unwrap_err();
    assert!(matches!(error, StoreError::Schema(_)), "{error:?}");
}

#[test]
fn a_table_in_another_character_set_is_read_and_never_written_wrong() {
    needs_server!(a_table_in_another_character_set_is_read_and_never_written_wrong);
    let fixture = Fixture::empty();
    fixture.sql(&format!("ALTER DATABASE {} CHARACTER SET latin1", fixture.name));
    let admin = fixture.admin();
    admin.init().unwrap();
    let described = |id, text: &str| NewNode {
        description: Some(text.to_owned()),
        ..NewNode::new(1, id, format!("bin:127.0.0.1:{}", 1024 + id))
    };
    admin.add(&described(1, "gr\u{f6}\u{df}er")).unwrap();
    let error = admin.add(&described(2, "\u{2603}")).unwrap_err();
    assert!(error.to_string().contains("Incorrect string value"), "{error}");
    let row = RawRow { description: Cell::Text("gr\u{f6}\u{df}er".into()), ..node(1) };
    assert_eq!(wait(fixture.store().load()).unwrap(), [row]);
}
