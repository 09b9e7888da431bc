//! What happens to a call on a connection that was well.

use crate::conformance::{Provisioned, change, eventually, node, poll_once, wait};
use crate::fixture::{Fixture, needs_server};
use clusterer_node::{State, StoreError};
use std::time::Duration;

fn probing() -> [clusterer_node::Change; 1] {
    [change(1, State::Probing, 1, 9)]
}

#[test]
fn whoever_may_only_read_can_load_and_not_flush() {
    needs_server!(whoever_may_only_read_can_load_and_not_flush);
    let fixture = Fixture::with(&[node(1)]).for_nobody();
    let error = fixture.open_error();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert_eq!(
        fixture.plain(&error),
        "URL: permission denied for table version: user USER needs SELECT on both tables, in \
         persistent mode UPDATE on the nodes' (GRANT)"
    );

    fixture.sql(&format!("GRANT SELECT ON clusterer, version TO {}", fixture.user()));
    let store = fixture.store();
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
    let error = wait(store.flush(&probing())).unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert!(fixture.plain(&error).starts_with("URL: permission denied for table clusterer: "));

    fixture.sql(&format!("GRANT UPDATE ON clusterer TO {}", fixture.user()));
    assert_eq!(wait(store.flush(&probing())).unwrap().written, 1);
}

#[test]
fn a_read_only_database_is_loaded_and_a_flush_is_refused() {
    needs_server!(a_read_only_database_is_loaded_and_a_flush_is_refused);
    let fixture = Fixture::with(&[node(1)]);
    fixture.sql(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", fixture.name));
    let store = fixture.store();
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
    let error = wait(store.flush(&probing())).unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert!(error.to_string().contains("the database is read-only"), "{error}");
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
}

#[test]
fn a_lock_is_waited_for_as_long_as_one_was_told() {
    needs_server!(a_lock_is_waited_for_as_long_as_one_was_told);
    let fixture = Fixture::with(&[node(1)]).impatient();
    let store = fixture.store();
    let other = fixture.connection();
    other.run("BEGIN; SELECT 1 FROM clusterer FOR UPDATE");
    assert_eq!(wait(store.load()).unwrap(), [node(1)], "who reads does not wait");
    let error = wait(store.flush(&probing())).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert_eq!(fixture.plain(&error), "URL: somebody else holds the lock, for longer than 100ms");

    other.run("LOCK TABLE clusterer IN ACCESS EXCLUSIVE MODE");
    assert!(matches!(wait(store.load()), Err(StoreError::Unavailable(_))));
    other.run("ROLLBACK");
    assert_eq!(wait(store.flush(&probing())).unwrap().written, 1);
}

#[test]
fn a_call_that_takes_too_long_is_given_up() {
    needs_server!(a_call_that_takes_too_long_is_given_up);
    let mut fixture = Fixture::with(&[node(1)]);
    fixture.options = fixture.options.clone().query_timeout(Duration::from_secs(2));
    let other = fixture.connection();
    let store = fixture.store();
    other.run("BEGIN; LOCK TABLE clusterer IN ACCESS EXCLUSIVE MODE");
    let error = wait(store.load()).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    other.run("ROLLBACK");
    eventually("the store is back", || wait(store.load()).is_ok_and(|rows| rows == [node(1)]));
}

#[test]
fn a_backend_ended_by_its_operator_is_worth_another_try() {
    needs_server!(a_backend_ended_by_its_operator_is_worth_another_try);
    let fixture = Fixture::with(&[node(1)]);
    let store = fixture.store();
    let other = fixture.connection();
    for (how, expected) in [
        ("pg_terminate_backend", "terminating connection due to administrator command"),
        ("pg_cancel_backend", "canceling statement due to user request"),
    ] {
        other.run("BEGIN; SELECT 1 FROM clusterer FOR UPDATE");
        let changes = probing();
        let mut call = store.flush(&changes);
        assert!(poll_once(&mut call).is_pending());
        eventually("the flush waits for the lock", || {
            let waiting = "FROM pg_stat_activity WHERE datname = current_database() AND \
                           wait_event_type = 'Lock'";
            let ended = other.texts(&format!("SELECT {how}(pid)::text {waiting}"));
            !ended.is_empty()
        });
        let error = wait(call).unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
        other.run("ROLLBACK");
        assert_eq!(wait(store.load()).unwrap(), [node(1)], "nothing was written");
    }
}

#[test]
fn a_connection_lost_between_two_calls_is_made_anew() {
    needs_server!(a_connection_lost_between_two_calls_is_made_anew);
    let fixture = Fixture::with(&[node(1)]);
    let store = fixture.store();
    let ours = "FROM pg_stat_activity WHERE datname = current_database() AND \
                application_name = 'clusterer'";
    for _ in 0..3 {
        assert_eq!(wait(store.load()).unwrap(), [node(1)]);
        let ended = fixture.texts(&format!("SELECT pg_terminate_backend(pid)::text {ours}"));
        assert!(!ended.is_empty());
        // Whether the news has come yet is chance: a call may still fail, with another try worth it.
        eventually("the store is back", || match wait(store.load()) {
            Ok(rows) => rows == [node(1)],
            Err(error) => {
                assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
                false
            }
        });
    }
}

#[test]
fn a_dropped_store_says_goodbye() {
    needs_server!(a_dropped_store_says_goodbye);
    let fixture = Fixture::with(&[node(1)]);
    let ours = || {
        let query = "SELECT count(*)::text FROM pg_stat_activity WHERE datname = \
                     current_database() AND application_name = 'clusterer'";
        fixture.texts(query).remove(0)
    };
    let store = fixture.store();
    assert_eq!(ours(), "1");
    drop(store);
    eventually("the connection is closed", || ours() == "0");
}

#[test]
fn a_call_dropped_before_its_turn_is_not_done() {
    needs_server!(a_call_dropped_before_its_turn_is_not_done);
    let fixture = Fixture::with(&[node(1)]);
    let store = fixture.store();
    let other = fixture.connection();
    other.run("BEGIN; SELECT 1 FROM clusterer FOR UPDATE");
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
