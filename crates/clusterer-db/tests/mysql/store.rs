//! Many who read and write one table.

use crate::conformance::{Provisioned, change, eventually, node, wait};
use crate::fixture::{Fixture, needs_server};
use clusterer_node::{Cell, DbId, RawRow, State};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

const ROWS: i64 = 200;

#[test]
fn no_load_sees_half_of_what_others_write() {
    needs_server!(no_load_sees_half_of_what_others_write);
    let rows: Vec<_> = (1..=ROWS).map(node).collect();
    let fixture = &Fixture::with(&rows);
    let stop = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let store = fixture.store();
            for tries in 1.. {
                let changes: Vec<_> =
                    (1..=ROWS).map(|id| change(id, State::Probing, tries, 9)).collect();
                assert_eq!(wait(store.flush(&changes)).unwrap().written, changes.len());
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let store = fixture.store();
        let mut seen = BTreeSet::new();
        eventually("five writes of the other store", || {
            let loaded = wait(store.load()).unwrap();
            let tries: BTreeSet<_> = loaded.iter().map(|row| row.no_tries.to_string()).collect();
            assert_eq!(loaded.len(), rows.len());
            assert_eq!(tries.len(), 1, "rows of two transactions in one load: {tries:?}");
            seen.extend(tries);
            seen.len() > 5
        });
        stop.store(true, Ordering::Relaxed);
    });
}

/// In opposite orders, which would lock each other out if they were written as they come.
#[test]
fn two_who_flush_the_same_rows_never_lock_each_other_out() {
    needs_server!(two_who_flush_the_same_rows_never_lock_each_other_out);
    let rows: Vec<_> = (1..=ROWS).map(node).collect();
    let fixture = &Fixture::with(&rows);
    std::thread::scope(|scope| {
        for reverse in [false, true] {
            scope.spawn(move || {
                let store = fixture.store();
                let mut changes: Vec<_> =
                    (1..=ROWS).map(|id| change(id, State::Probing, 1, 9)).collect();
                if reverse {
                    changes.reverse();
                }
                for _ in 0..10 {
                    assert_eq!(wait(store.flush(&changes)).unwrap().written, changes.len());
                }
            });
        }
    });
}

/// The flush waits for the administrator's transaction, and then sees what it did.
#[test]
fn a_state_0_set_while_a_flush_waits_stays() {
    needs_server!(a_state_0_set_while_a_flush_waits_stays);
    let fixture = Fixture::with(&[node(1), node(2)]);
    let store = fixture.store();
    let other = fixture.connection();
    other.run("BEGIN; UPDATE clusterer SET state = 0 WHERE id = 1");
    let changes = [1, 2].map(|id| change(id, State::Probing, 1, 9));
    let flush = std::thread::spawn(move || wait(store.flush(&changes)).unwrap());
    eventually("the flush waits for the lock", || !fixture.who_updates().is_empty());
    other.run("COMMIT");
    let flushed = flush.join().unwrap();
    assert_eq!((flushed.written, flushed.conflicts), (1, vec![DbId::new(1).unwrap()]));
    let rows = fixture.admin().list().unwrap();
    assert_eq!(rows[0], RawRow { state: Cell::Int(0), ..node(1) });
}

#[test]
fn rows_come_in_the_order_of_their_ids_whatever_was_written_last() {
    needs_server!(rows_come_in_the_order_of_their_ids_whatever_was_written_last);
    let fixture = Fixture::with(&[node(1), node(2), node(3)]);
    let store = fixture.store();
    wait(store.flush(&[change(1, State::Up, 0, 0)])).unwrap();
    assert_eq!(wait(store.load()).unwrap(), [node(1), node(2), node(3)]);
}

#[test]
fn a_thousand_changes_are_one_transaction() {
    needs_server!(a_thousand_changes_are_one_transaction);
    let rows: Vec<_> = (1..=1000).map(node).collect();
    let fixture = Fixture::with(&rows);
    fixture.sql(
        "CREATE TRIGGER no BEFORE UPDATE ON clusterer FOR EACH ROW IF OLD.id = 900 THEN
            SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'row 900 is mine';
         END IF",
    );
    let store = fixture.store();
    let changes: Vec<_> = (1..=1000).map(|id| change(id, State::Probing, 1, 9)).collect();
    let error = wait(store.flush(&changes)).unwrap_err();
    assert!(error.to_string().contains("row 900 is mine"), "{error}");
    assert_eq!(wait(store.load()).unwrap(), rows);
    fixture.sql("DROP TRIGGER no");
    assert_eq!(wait(store.flush(&changes)).unwrap().written, 1000);
}

/// The server tells rows that were found from rows that were changed, and we mean the former.
#[test]
fn a_row_that_is_right_already_is_no_conflict() {
    needs_server!(a_row_that_is_right_already_is_no_conflict);
    let fixture = Fixture::with(&[node(1)]);
    let store = fixture.store();
    for _ in 0..2 {
        let flushed = wait(store.flush(&[change(1, State::Probing, 1, 9)])).unwrap();
        assert_eq!((flushed.written, flushed.conflicts), (1, vec![]));
    }
}
