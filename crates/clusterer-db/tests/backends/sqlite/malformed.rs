//! What only SQLite takes: any value in any column.

use super::fixture::Fixture;
use crate::shared::{TestDatabase, malformed};
use clusterer_tests::conformance::node;

fn check(column: &str, value: &str, expected: &str) {
    malformed::check(&Fixture::lax(&node(1)), column, value, expected);
}

#[test]
fn a_value_of_another_kind() {
    check("cluster_id", "''", "skipped: column cluster_id is text, must be a number");
    check("state", "0.5", "skipped: column state is a fraction, must be a number");
    check("no_tries", "9e999", "skipped: column no_tries is a fraction, must be a number");
    check("duration", "x'00ff'", "skipped: column duration is a blob, must be a number");
    check("url", "x'00ff'", "skipped: column url is a blob, must be text");
    check(
        "description",
        "CAST(x'ff41' AS TEXT)",
        "skipped: column description is text that is no UTF-8, must be text",
    );
    check(
        "description",
        "printf('%.*c', 65537, 'x')",
        "skipped: column description is a text too long, must be text",
    );
    // SQLite turns digits into a number where the column is one.
    check("machine_id", "'0003'", "used: \"none\"");
}

#[test]
fn junk_in_last_attempt_does_not_cost_the_row() {
    check(
        "last_attempt",
        "18446744073709551615",
        "used: last_attempt 18446744073709551616 is no time of the past: taken as 0",
    );
}
