//! What a store promises of hints that somebody else has changed the table.

use super::{Telling, change, eventually, node, poll_once, wait};
use clusterer_node::{NodeStore, RawRow, State};
use std::sync::Arc;
use std::time::Duration;

const EVERY: Duration = Duration::from_millis(20);

pub fn what_somebody_else_changes_is_told_until_it_is_loaded<P: Telling>(
    make: impl Fn(&[RawRow]) -> P,
) {
    let table = make(&[node(1), node(2)]);
    let store = attentive(&table);
    for change in [|table: &P| table.set_state(1, 0), |table: &P| table.delete(2)] {
        let mut hint = store.changed(EVERY);
        assert!(poll_once(&mut hint).is_pending());
        change(&table);
        wait(hint).unwrap();
        wait(store.changed(EVERY)).unwrap();
        wait(store.load()).unwrap();
        silent(&*store);
    }
}

pub fn own_flushes_are_not_told<P: Telling>(make: impl Fn(&[RawRow]) -> P) {
    let table = make(&[node(1), node(2)]);
    let store = attentive(&table);
    let mut hint = store.changed(EVERY);
    for tries in 1..10 {
        assert!(poll_once(&mut hint).is_pending());
        assert_eq!(wait(store.flush(&[change(1, State::Probing, tries, 9)])).unwrap().written, 1);
        std::thread::sleep(EVERY);
    }
    table.set_state(2, 0);
    wait(hint).unwrap();
}

pub fn what_is_changed_before_anybody_waits_is_told<P: Telling>(make: impl Fn(&[RawRow]) -> P) {
    let table = make(&[node(1)]);
    let store = table.store();
    wait(store.load()).unwrap();
    table.set_state(1, 0);
    wait(store.flush(&[change(1, State::Probing, 1, 9)])).unwrap();
    wait(store.changed(EVERY)).unwrap();
    // And between a load and the next time.
    wait(store.load()).unwrap();
    table.set_state(1, 1);
    wait(store.changed(EVERY)).unwrap();
}

/// What is not remembered before anybody waits, only another load can tell.
pub fn who_begins_to_wait_is_told_once_at_most_of_nothing<P: Telling>(
    make: impl Fn(&[RawRow]) -> P,
) {
    let table = make(&[node(1)]);
    let store = table.store();
    for _ in 0..3 {
        wait(store.load()).unwrap();
        wait(store.flush(&[change(1, State::Probing, 1, 9)])).unwrap();
    }
    let mut hint = store.changed(EVERY);
    let _ = poll_once(&mut hint);
    wait(store.load()).unwrap();
    drop(hint);
    silent(&*store);
}

pub fn changes_are_told_again_after_the_connection_was_lost<P: Telling>(
    make: impl Fn(&[RawRow]) -> P,
) {
    let table = make(&[node(1)]);
    let store = attentive(&table);
    silent(&*store);
    table.cut();
    // Whether it was changed meanwhile, only a load can tell; or it could not even be asked.
    let _ = wait(store.changed(EVERY));
    eventually("a load over a new connection", || wait(store.load()).is_ok());
    silent(&*store);
    let mut hint = store.changed(EVERY);
    assert!(poll_once(&mut hint).is_pending());
    table.set_state(1, 0);
    wait(hint).unwrap();
}

/// A store that has been waited on, so that it remembers what it has loaded.
pub fn attentive(table: &impl Telling) -> Arc<dyn NodeStore> {
    let store = table.store();
    wait(store.load()).unwrap();
    let mut hint = store.changed(EVERY);
    let _ = poll_once(&mut hint);
    wait(store.load()).unwrap();
    drop(hint);
    store
}

/// Nothing is told for some looks.
fn silent(store: &dyn NodeStore) {
    let mut hint = store.changed(EVERY);
    for _ in 0..5 {
        assert!(poll_once(&mut hint).is_pending());
        std::thread::sleep(EVERY);
    }
}
