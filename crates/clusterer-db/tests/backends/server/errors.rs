//! What happens to a call on a connection that was well.

use super::engine::{Connection as _, Engine};
use super::fixture::Fixture;
use crate::shared::TestDatabase;
use clusterer_node::{Change, State, StoreError};
use clusterer_tests::conformance::{
    Provisioned, Telling, change, eventually, node, poll_once, wait,
};
use std::time::Duration;

const LOCK_ROWS: &str = "BEGIN; SELECT 1 FROM clusterer FOR UPDATE";

pub(crate) fn probing() -> [Change; 1] {
    [change(1, State::Probing, 1, 9)]
}

pub(crate) fn a_lock_is_waited_for_as_long_as_one_was_told<E: Engine>() {
    const LOCKED: &str = "URL: somebody else holds the lock, for longer than 100ms";
    let fixture = Fixture::<E>::with(&[node(1)]).impatient();
    let store = fixture.store();
    let other = fixture.connection();
    other.run(LOCK_ROWS);
    assert_eq!(wait(store.load()).unwrap(), [node(1)], "who reads does not wait");
    let error = wait(store.flush(&probing())).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert_eq!(fixture.plain(&error), LOCKED);

    let [lock, unlock] = E::LOCK_TABLE;
    other.run(&format!("COMMIT; {lock}"));
    assert_eq!(fixture.plain(&wait(store.load()).unwrap_err()), LOCKED);
    other.run(unlock);
    assert_eq!(wait(store.flush(&probing())).unwrap().written, 1);
}

pub(crate) fn a_call_that_takes_too_long_is_given_up<E: Engine>() {
    let fixture = Fixture::<E>::with(&[node(1)]);
    let fixture =
        fixture.with_options(|options| options.query_timeout(Duration::from_millis(1500)));
    let other = fixture.connection();
    let store = fixture.store();
    let [lock, unlock] = E::LOCK_TABLE;
    other.run(lock);
    let error = wait(store.load()).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    other.run(unlock);
    eventually("the store is back", || wait(store.load()).is_ok_and(|rows| rows == [node(1)]));
}

pub(crate) fn a_call_ended_by_the_operator_is_worth_another_try<E: Engine>() {
    let fixture = Fixture::<E>::with(&[node(1)]);
    let store = fixture.store();
    let other = fixture.connection();
    for at in [0, 1] {
        other.run(LOCK_ROWS);
        let changes = probing();
        let mut call = store.flush(&changes);
        assert!(poll_once(&mut call).is_pending());
        let mut expected = "";
        eventually("the flush waits for the lock", || {
            let waiting = fixture.waiting();
            for id in &waiting {
                let (end, told) = &E::endings(id)[at];
                fixture.sql(end);
                expected = told;
            }
            !waiting.is_empty()
        });
        let error = wait(call).unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
        other.run("ROLLBACK");
        assert_eq!(wait(store.load()).unwrap(), [node(1)], "nothing was written");
    }
}

pub(crate) fn a_connection_lost_between_two_calls_is_made_anew<E: Engine>() {
    let fixture = Fixture::<E>::with(&[node(1)]);
    let store = fixture.store();
    for _ in 0..3 {
        assert_eq!(wait(store.load()).unwrap(), [node(1)]);
        let ours = fixture.connected();
        assert_eq!(ours.len(), 1);
        // As a connection over which nothing was said for too long.
        fixture.cut();
        eventually("it has ended", || fixture.connected() != ours);
        // Whether the news has come yet is chance: a call may still fail, with another try worth it.
        eventually("the store is back", || match wait(store.load()) {
            Ok(rows) => rows == [node(1)],
            Err(error) => {
                assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
                false
            }
        });
    }
    assert_eq!(wait(store.flush(&probing())).unwrap().written, 1);
}

pub(crate) fn a_dropped_store_says_goodbye<E: Engine>() {
    let fixture = Fixture::<E>::with(&[node(1)]);
    let store = fixture.store();
    assert_eq!(fixture.connected().len(), 1);
    drop(store);
    eventually("the connection is closed", || fixture.connected().is_empty());
}

pub(crate) fn a_call_dropped_before_its_turn_is_not_done<E: Engine>() {
    let fixture = Fixture::<E>::with(&[node(1)]);
    let store = fixture.store();
    let other = fixture.connection();
    other.run(LOCK_ROWS);
    let (first, second) = (probing(), [change(1, State::Probing, 2, 9)]);
    let mut kept = store.flush(&first);
    assert!(poll_once(&mut kept).is_pending());
    let mut dropped = store.flush(&second);
    assert!(poll_once(&mut dropped).is_pending());
    drop(dropped);
    other.run("ROLLBACK");
    assert_eq!(wait(kept).unwrap().written, 1);
    assert_eq!(wait(store.load()).unwrap()[0].no_tries.to_string(), "1");
}

/// A flush that fails for such a reason: another try does not help, and loads go on.
pub(crate) fn only_loads<E: Engine>(fixture: &Fixture<E>, expected: &str) {
    let store = fixture.store();
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
    let error = wait(store.flush(&probing())).unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
}
