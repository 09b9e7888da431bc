//! Many who read and write one table.

use super::engine::{Connection as _, Engine};
use super::fixture::Fixture;
use crate::shared::TestDatabase;
use clusterer_node::{Cell, DbId, RawRow, State};
use clusterer_tests::conformance::{Provisioned, change, eventually, node, wait};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

const ROWS: i64 = 200;

pub(crate) fn no_load_sees_half_of_what_others_write<E: Engine>() {
    let rows: Vec<_> = (1..=ROWS).map(node).collect();
    let fixture = Fixture::<E>::with(&rows);
    let [writer, reader] = [(); 2].map(|()| fixture.store());
    let stop = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for tries in 1.. {
                let changes: Vec<_> =
                    (1..=ROWS).map(|id| change(id, State::Probing, tries, 9)).collect();
                assert_eq!(wait(writer.flush(&changes)).unwrap().written, changes.len());
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let mut seen = BTreeSet::new();
        eventually("five writes of the other store", || {
            let loaded = wait(reader.load()).unwrap();
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
pub(crate) fn two_who_flush_the_same_rows_never_lock_each_other_out<E: Engine>() {
    let rows: Vec<_> = (1..=ROWS).map(node).collect();
    let fixture = Fixture::<E>::with(&rows);
    std::thread::scope(|scope| {
        for reverse in [false, true] {
            let store = fixture.store();
            scope.spawn(move || {
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
pub(crate) fn a_state_0_set_while_a_flush_waits_stays<E: Engine>() {
    let fixture = Fixture::<E>::with(&[node(1), node(2)]);
    let store = fixture.store();
    let other = fixture.connection();
    other.run("BEGIN; UPDATE clusterer SET state = 0 WHERE id = 1");
    let changes = [1, 2].map(|id| change(id, State::Probing, 1, 9));
    let flush = std::thread::spawn(move || wait(store.flush(&changes)).unwrap());
    eventually("the flush waits for the lock", || !fixture.waiting().is_empty());
    other.run("COMMIT");
    let flushed = flush.join().unwrap();
    assert_eq!((flushed.written, flushed.conflicts), (1, vec![DbId::new(1).unwrap()]));
    let rows = fixture.admin().list().unwrap();
    assert_eq!(rows[0], RawRow { state: Cell::Int(0), ..node(1) });
}

pub(crate) fn a_thousand_changes_are_one_transaction<E: Engine>() {
    let rows: Vec<_> = (1..=1000).map(node).collect();
    let fixture = Fixture::<E>::with(&rows);
    let [fail, succeed] = E::FAIL_AT_900;
    fixture.sql(fail);
    let store = fixture.store();
    let changes: Vec<_> = (1..=1000).map(|id| change(id, State::Probing, 1, 9)).collect();
    let error = wait(store.flush(&changes)).unwrap_err();
    assert!(error.to_string().contains("row 900 is mine"), "{error}");
    assert_eq!(wait(store.load()).unwrap(), rows);
    fixture.sql(succeed);
    assert_eq!(wait(store.flush(&changes)).unwrap().written, 1000);
}
