//! What a store promises of rows: how they are loaded, and what a flush may write.

use super::{Provisioned, change, node, poll_once, wait};
use clusterer_node::{Cell, Change, DbId, Flushed, NodeStore, RawRow, Row, State, UnixTime};
use std::collections::BTreeSet;
use std::sync::Arc;

pub fn an_empty_table_has_no_rows<P: Provisioned>(make: impl Fn(&[RawRow]) -> P) {
    let table = make(&[]);
    assert_eq!(wait(table.store().load()).unwrap(), []);
}

pub fn rows_come_as_they_are_in_order<P: Provisioned>(make: impl Fn(&[RawRow]) -> P) {
    let rows = [
        node(1),
        RawRow {
            url: Cell::Text("no url at all".into()),
            state: Cell::Int(7),
            last_attempt: Cell::Int(i64::MAX.into()),
            failed_attempts: Cell::Int(-1),
            no_tries: Cell::Int(i32::MAX.into()),
            duration: Cell::Int(0),
            description: Cell::Text("Knoten \u{e4}\u{2603} 'x' \"y\"".into()),
            ..node(2)
        },
        RawRow { cluster_id: Cell::Int(2), description: Cell::Text(String::new()), ..node(3) },
    ];
    let table = make(&rows);
    let store = table.store();
    assert_eq!(wait(store.load()).unwrap(), rows);
    assert_eq!(wait(store.load()).unwrap(), rows, "the second time");
}

pub fn rows_keep_their_order_whatever_was_written_last<P: Provisioned>(
    make: impl Fn(&[RawRow]) -> P,
) {
    let table = make(&[node(1), node(2), node(3)]);
    let store = table.store();
    wait(store.flush(&[change(1, State::Up, 0, 0)])).unwrap();
    assert_eq!(wait(store.load()).unwrap(), [node(1), node(2), node(3)]);
}

pub fn a_row_with_a_wrong_value_is_left_out_by_who_reads_it_and_no_other<P: Provisioned>(
    make: impl Fn(&[RawRow]) -> P,
) {
    let wrong = [
        RawRow { url: Cell::Text("bin:a:b:c:d".into()), ..node(2) },
        RawRow { state: Cell::Int(7), ..node(3) },
        RawRow { machine_id: Cell::Int(0), ..node(4) },
        RawRow { duration: Cell::Int(-1), ..node(5) },
    ];
    let table = make(&[&[node(1)], &wrong[..], &[node(6)]].concat());
    let loaded = wait(table.store().load()).unwrap();
    let read = loaded.iter().map(|raw| match Row::parse(raw, UnixTime::ZERO) {
        Ok(parsed) => Ok(parsed.row.id.get()),
        Err(error) => Err(error.to_string()),
    });
    let (used, left_out): (Vec<_>, Vec<_>) = read.partition(Result::is_ok);
    assert_eq!(used, [Ok(1), Ok(6)]);
    let columns =
        ["column url: ", "column state is 7", "column machine_id is 0", "column duration is -1"];
    assert_eq!(left_out.len(), columns.len());
    for (why, column) in left_out.into_iter().filter_map(Result::err).zip(columns) {
        assert!(why.starts_with(column), "{why}");
    }
}

pub fn ten_thousand_rows_come<P: Provisioned>(make: impl Fn(&[RawRow]) -> P) {
    let rows: Vec<_> = (1..=10_000).map(node).collect();
    let table = make(&rows);
    let loaded = wait(table.store().load()).unwrap();
    let ids: BTreeSet<_> =
        loaded.iter().map(|raw| Row::parse(raw, UnixTime::ZERO).unwrap().row.id.get()).collect();
    assert_eq!(loaded.len(), 10_000);
    assert_eq!(ids, (1..=10_000).collect());
}

pub fn a_change_by_others_comes_with_the_next_load<P: Provisioned>(make: impl Fn(&[RawRow]) -> P) {
    let table = make(&[node(1), node(2)]);
    let store = table.store();
    wait(store.load()).unwrap();
    table.set_state(1, 0);
    table.delete(2);
    assert_eq!(wait(store.load()).unwrap(), [RawRow { state: Cell::Int(0), ..node(1) }]);
}

pub fn only_the_three_columns_that_change_are_written<P: Provisioned>(
    make: impl Fn(&[RawRow]) -> P,
) {
    let before = RawRow {
        failed_attempts: Cell::Int(9),
        duration: Cell::Int(8),
        description: Cell::Text("Node B".into()),
        ..node(2)
    };
    let table = make(&[node(1), before.clone(), node(3)]);
    let flushed = wait(table.store().flush(&[change(2, State::Probing, 5, 1_700_000_000)]));
    assert_eq!(flushed.unwrap(), Flushed { written: 1, conflicts: vec![] });
    let after = RawRow {
        state: Cell::Int(2),
        no_tries: Cell::Int(5),
        last_attempt: Cell::Int(1_700_000_000),
        ..before
    };
    assert_eq!(table.row(2), Some(after));
    assert_eq!(table.row(1), Some(node(1)));
    assert_eq!(table.row(3), Some(node(3)));
}

/// Every state in the database, every state to write, by whom: what the database holds then.
pub fn state_0_belongs_to_administrators<P: Provisioned>(make: impl Fn(&[RawRow]) -> P) {
    use State::{Down, Probing, Up};
    let cases = [
        // In the database, to write, by an administrator, written.
        (0, Down, false, false),
        (0, Up, false, false),
        (0, Probing, false, false),
        (1, Down, false, false),
        (1, Up, false, true),
        (1, Probing, false, true),
        (2, Down, false, false),
        (2, Up, false, true),
        (2, Probing, false, true),
        (0, Down, true, true),
        (0, Up, true, true),
        (0, Probing, true, true),
        (1, Down, true, true),
        (1, Up, true, true),
        (1, Probing, true, true),
        (2, Down, true, true),
        (2, Up, true, true),
        (2, Probing, true, true),
    ];
    let table = make(&[node(1)]);
    let store = table.store();
    for (stored, state, by_administrator, written) in cases {
        wait(store.flush(&[Change { by_administrator: true, ..change(1, Up, 0, 0) }])).unwrap();
        table.set_state(1, stored);
        let change = Change { by_administrator, ..change(1, state, 4, 77) };
        let flushed = wait(store.flush(&[change])).unwrap();
        let case = format!("{stored} in the database, {change:?}");
        if written {
            assert_eq!(flushed, Flushed { written: 1, conflicts: vec![] }, "{case}");
            assert_eq!(status(&table, 1), [state.to_string(), "4".into(), "77".into()], "{case}");
        } else {
            assert_eq!(flushed, Flushed { written: 0, conflicts: vec![change.id] }, "{case}");
            assert_eq!(status(&table, 1), [stored.to_string(), "0".into(), "0".into()], "{case}");
        }
    }
}

pub fn what_cannot_be_written_is_a_conflict_and_the_rest_is_written<P: Provisioned>(
    make: impl Fn(&[RawRow]) -> P,
) {
    let table = make(&[node(1), node(2), node(3), node(4)]);
    let store = table.store();
    wait(store.load()).unwrap();
    table.set_state(2, 0);
    table.delete(3);
    let changes = [1, 2, 3, 4].map(|id| change(id, State::Probing, 1, 50));
    let flushed = wait(store.flush(&changes)).unwrap();
    assert_eq!(flushed.written, 2);
    assert_eq!(flushed.conflicts, [2, 3].map(|id| DbId::new(id).unwrap()));
    assert_eq!(status(&table, 1), ["2", "1", "50"]);
    assert_eq!(status(&table, 2), ["0", "0", "0"]);
    assert_eq!(table.row(3), None);
    assert_eq!(status(&table, 4), ["2", "1", "50"]);
}

pub fn a_row_that_is_right_already_is_no_conflict<P: Provisioned>(make: impl Fn(&[RawRow]) -> P) {
    let table = make(&[node(1)]);
    let store = table.store();
    for _ in 0..2 {
        let flushed = wait(store.flush(&[change(1, State::Probing, 1, 9)])).unwrap();
        assert_eq!(flushed, Flushed { written: 1, conflicts: vec![] });
    }
}

pub fn a_row_that_changes_twice_keeps_the_last_change<P: Provisioned>(
    make: impl Fn(&[RawRow]) -> P,
) {
    let table = make(&[node(1)]);
    let changes = [change(1, State::Probing, 1, 50), change(1, State::Up, 0, 50)];
    assert_eq!(wait(table.store().flush(&changes)).unwrap().written, 2);
    assert_eq!(status(&table, 1), ["1", "0", "50"]);
}

pub fn of_two_stores_the_last_writer_wins<P: Provisioned>(make: impl Fn(&[RawRow]) -> P) {
    let table = make(&[node(1)]);
    let [here, there] = [table.store(), table.store()];
    for store in [&here, &there] {
        wait(store.load()).unwrap();
    }
    for (store, state, tries) in [
        (&here, State::Probing, 1),
        (&there, State::Up, 0),
        (&here, State::Probing, 2),
        (&there, State::Probing, 3),
    ] {
        let flushed = wait(store.flush(&[change(1, state, tries, 50)])).unwrap();
        assert_eq!(flushed, Flushed { written: 1, conflicts: vec![] });
        assert_eq!(status(&table, 1), [state.to_string(), tries.to_string(), "50".into()]);
    }
}

pub fn nothing_to_write_is_no_error<P: Provisioned>(make: impl Fn(&[RawRow]) -> P) {
    let table = make(&[node(1)]);
    assert_eq!(wait(table.store().flush(&[])).unwrap(), Flushed::default());
    assert_eq!(table.row(1), Some(node(1)));
}

pub fn a_dropped_future_leaves_the_store_working<P: Provisioned>(make: impl Fn(&[RawRow]) -> P) {
    let table = make(&[node(1)]);
    let store = table.store();
    drop(store.load());
    let mut begun = store.load();
    let _ = poll_once(&mut begun);
    drop(begun);
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
}

pub fn a_store_is_used_from_any_thread<P: Provisioned>(make: impl Fn(&[RawRow]) -> P) {
    let table = make(&[node(1)]);
    let store: Arc<dyn NodeStore> = table.store();
    let there = Arc::clone(&store);
    let loaded = std::thread::spawn(move || wait(there.load())).join().unwrap();
    assert_eq!(loaded.unwrap(), [node(1)]);
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
}

fn status(table: &impl Provisioned, id: i64) -> [String; 3] {
    let row = table.row(id).unwrap();
    [row.state, row.no_tries, row.last_attempt].map(|cell| cell.to_string())
}
