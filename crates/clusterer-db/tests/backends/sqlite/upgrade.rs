//! A table of the later generation in a SQLite file: it is there whole, or not at all.

use super::fixture::Fixture;
use crate::shared::{TestDatabase, upgrade};

#[test]
fn half_a_table_is_never_there() {
    let fixture = Fixture::with(&upgrade::rows());
    fixture.sql(
        "CREATE TRIGGER no BEFORE INSERT ON version BEGIN SELECT RAISE(ABORT, 'not now'); END",
    );
    let before = fixture.tables();
    let error = fixture.admin().upgrade("later").unwrap_err();
    assert!(error.to_string().ends_with("not now"), "{error}");
    assert_eq!(fixture.tables(), before);
}
