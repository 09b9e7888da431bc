//! Whatever stands in the rows is loaded as it is, and each wrong value is named.

use super::TestDatabase;
use clusterer_db::{Finding, Severity};
use clusterer_node::{Cell, Column, RawRow, Row, UnixTime};
use clusterer_tests::conformance::{node, wait};

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// Beside row 1, a row 2 of which one column was set to `value`. What becomes of it, as its reader and
/// `db check` tell it.
pub(crate) fn check<D: TestDatabase>(database: &D, column: &str, value: &str, expected: &str) {
    let set = format!("{column} = {value}");
    database.sql(
        "INSERT INTO clusterer (id, cluster_id, machine_id, url, state, last_attempt,
            failed_attempts, no_tries, duration)
         VALUES (2, 1, 2, 'bin:127.0.0.1:1026', 1, 0, 3, 0, 30)",
    );
    database.sql(&format!("UPDATE clusterer SET {set} WHERE url = 'bin:127.0.0.1:1026'"));
    let rows = wait(database.open().unwrap().load()).unwrap();
    assert_eq!(rows.len(), 2, "{set}");
    // In what order keys come that are none differs.
    let second = rows.iter().find(|row| row.url != node(1).url);
    let got = told(second.unwrap());
    assert_eq!(got, expected, "{set}");

    let of_rows =
        |finding: &Finding| matches!(finding, Finding::SkippedRow(_) | Finding::Warning { .. });
    let found = database.admin().check(NOW).unwrap().into_iter().filter(of_rows);
    let found: Vec<_> = found.map(|it| (it.severity(), it.to_string())).collect();
    let says = |severity, why: &str| {
        let is_it = |(found, text): &&(Severity, String)| *found == severity && text.ends_with(why);
        assert!(found.iter().find(is_it).is_some(), "{set}: {found:?}");
    };
    match got.split_once(": ").unwrap() {
        ("skipped", why) => says(Severity::Error, why),
        (_, why) if why.starts_with("last_attempt") => says(Severity::Warning, why),
        _ => assert_eq!(found, [], "{set}"),
    }
}

fn told(row: &RawRow) -> String {
    match Row::parse(row, NOW) {
        Err(error) => format!("skipped: {error}"),
        Ok(parsed) => match parsed.warning {
            Some(warning) => format!("used: {warning}"),
            None => format!("used: {:?}", parsed.row.description),
        },
    }
}

/// The same for several values on a lax table, where row 1 comes through unharmed.
fn check_all<D: TestDatabase>(cases: &[(&str, &str, String)]) {
    let database = D::lax(&node(1));
    for (column, value, expected) in cases {
        check(&database, column, value, expected);
        let rows = wait(database.open().unwrap().load()).unwrap();
        assert!(rows.contains(&node(1)), "{column} = {value}");
        database.make_lax(&node(1));
    }
}

pub(crate) fn null_in_any_column<D: TestDatabase>() {
    let expected = |column| match column {
        Column::Description => "used: \"none\"".to_owned(),
        _ => format!("skipped: column {column} is NULL"),
    };
    check_all::<D>(&Column::ALL.map(|column| (column.name(), "NULL", expected(column))));
}

pub(crate) fn text_in_any_column_of_numbers<D: TestDatabase>() {
    let database = D::lax(&node(1));
    let numbers =
        Column::ALL.into_iter().filter(|it| !matches!(it, Column::Url | Column::Description));
    for column in numbers {
        database.make_text(column.name());
        let expected = format!("skipped: column {column} is text, must be a number");
        check(&database, column.name(), "'three'", &expected);
        database.make_lax(&node(1));
    }
}

pub(crate) fn a_number_out_of_range<D: TestDatabase>() {
    const ID: &str = "a number from 1 to 2147483647";
    const COUNT: &str = "a number from 0 to 2147483647";
    let cases = [
        ("id", "-1", "a number from 0"),
        ("cluster_id", "0", ID),
        ("machine_id", "-2", ID),
        ("cluster_id", "4294967297", ID),
        ("state", "7", "0, 1 or 2"),
        ("no_tries", "-1", COUNT),
        ("failed_attempts", "-1", COUNT),
        ("duration", "2147483648", COUNT),
    ];
    check_all::<D>(&cases.map(|(column, value, range)| {
        (column, value, format!("skipped: column {column} is {value}, must be {range}"))
    }));
}

pub(crate) fn a_time_that_is_none_does_not_cost_the_row<D: TestDatabase>() {
    check_all::<D>(&["140733193388033", "-1"].map(|value| {
        let expected = format!("used: last_attempt {value} is no time of the past: taken as 0");
        ("last_attempt", value, expected)
    }));
}

pub(crate) fn a_url_that_cannot_be_read<D: TestDatabase>() {
    let cases = [
        ("'bin:a:0'", "\"bin:a:0\": the port is not a number from 1 to 65535"),
        ("''", "\"\": the host is empty (want [protocol:]host[:port])"),
    ];
    check_all::<D>(
        &cases.map(|(value, why)| ("url", value, format!("skipped: column url: {why}"))),
    );
}

pub(crate) fn a_second_row_with_one_id_or_key_is_found<D: TestDatabase>() {
    let database = D::lax(&node(1));
    let same_id = RawRow { id: Cell::Int(1), ..node(2) };
    let same_key = RawRow { machine_id: Cell::Int(1), ..node(3) };
    database.insert(&[same_id, same_key]);
    let found = database.admin().check(NOW).unwrap();
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
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
