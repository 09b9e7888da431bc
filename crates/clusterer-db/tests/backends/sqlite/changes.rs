//! What the store tells of changes by somebody else.

use super::fixture::Fixture;
use crate::shared::TestDatabase;
use clusterer_node::{BoxFuture, State, StoreError};
use clusterer_tests::conformance::{Provisioned, change, eventually, node, poll_once, wait};
use std::fs;
use std::time::Duration;

const EVERY: Duration = Duration::from_millis(5);

/// Nothing is told for twenty looks.
fn silent(hint: &mut BoxFuture<'_, Result<(), StoreError>>) {
    for _ in 0..20 {
        assert!(poll_once(hint).is_pending());
        std::thread::sleep(EVERY);
    }
}

#[test]
fn only_what_somebody_else_writes_is_told_until_it_is_loaded() {
    let fixture = Fixture::with(&[node(1), node(2)]);
    let store = fixture.store();
    wait(store.load()).unwrap();
    let mut hint = store.changed(EVERY);
    silent(&mut hint);
    wait(store.flush(&[change(1, State::Probing, 1, 9)])).unwrap();
    silent(&mut hint);

    fixture.set_state(2, 0);
    wait(hint).unwrap();
    wait(store.changed(EVERY)).unwrap();
    wait(store.load()).unwrap();
    silent(&mut store.changed(EVERY));
}

#[test]
fn another_node_is_somebody_else() {
    let fixture = Fixture::with(&[node(1)]);
    let [here, there] = [fixture.store(), fixture.store()];
    wait(here.load()).unwrap();
    wait(there.load()).unwrap();
    wait(there.flush(&[change(1, State::Probing, 1, 9)])).unwrap();
    wait(here.changed(EVERY)).unwrap();
    silent(&mut there.changed(EVERY));
}

#[test]
fn what_is_written_before_anybody_waits_is_told_too() {
    let fixture = Fixture::with(&[node(1)]);
    let store = fixture.store();
    wait(store.load()).unwrap();
    fixture.set_state(1, 0);
    wait(store.flush(&[change(1, State::Probing, 1, 9)])).unwrap();
    wait(store.changed(EVERY)).unwrap();
}

#[test]
fn another_file_in_its_place_is_a_change_and_so_is_none() {
    let fixture = Fixture::with(&[node(1)]);
    let store = fixture.store();
    wait(store.load()).unwrap();
    let other = Fixture::with(&[node(2)]);
    fs::rename(other.path(), fixture.path()).unwrap();
    wait(store.changed(EVERY)).unwrap();
    assert_eq!(wait(store.load()).unwrap(), [node(2)]);
    silent(&mut store.changed(EVERY));

    fs::remove_file(fixture.path()).unwrap();
    wait(store.changed(EVERY)).unwrap();
    wait(store.load()).unwrap_err();
}

#[test]
fn other_calls_go_on_while_a_change_is_waited_for() {
    let fixture = Fixture::with(&[node(1)]);
    let store = fixture.store();
    wait(store.load()).unwrap();
    let mut hint = store.changed(Duration::MAX);
    for tries in 1..50 {
        assert!(poll_once(&mut hint).is_pending());
        assert_eq!(wait(store.flush(&[change(1, State::Probing, tries, 9)])).unwrap().written, 1);
        assert_eq!(wait(store.load()).unwrap().len(), 1);
    }
}

#[test]
fn a_file_that_cannot_be_looked_at_is_an_error_and_no_end() {
    let fixture = Fixture::with(&[node(1)]).impatient();
    fixture.sql("PRAGMA journal_mode = DELETE");
    let store = fixture.store();
    wait(store.load()).unwrap();
    let other = fixture.connection();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = wait(store.changed(EVERY)).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    other.execute_batch("ROLLBACK").unwrap();
    wait(store.load()).unwrap();
    silent(&mut store.changed(EVERY));
}

#[test]
fn a_flush_that_was_given_up_while_it_waited_writes_nothing() {
    let fixture = Fixture::with(&[node(1), node(2)]);
    let store = fixture.store();
    wait(store.load()).unwrap();
    let mut beside = store.changed(EVERY);
    assert!(poll_once(&mut beside).is_pending());

    let other = fixture.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let late = [change(1, State::Probing, 7, 9)];
    let mut given_up = store.flush(&late);
    assert!(poll_once(&mut given_up).is_pending());
    // The thread is at it once the queue behind it fills.
    let mut waiting = Vec::new();
    eventually("the thread waits for the lock", || {
        let mut call = store.load();
        let queued = poll_once(&mut call).is_pending();
        waiting.push(call);
        !queued
    });
    drop((given_up, waiting));
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);

    eventually("the queue is empty again", || {
        wait(store.flush(&[change(2, State::Probing, 1, 9)])).is_ok()
    });
    assert_eq!(fixture.row(1).unwrap(), node(1));
}
