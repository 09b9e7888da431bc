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
    const RIGHTS: &str = ": user USER needs SELECT on both tables, in persistent mode UPDATE on the \
                          nodes' (GRANT)";
    let fixture = Fixture::with(&[node(1)]).for_nobody();
    fixture.sql("CREATE TABLE other (id INT)");
    let refused = |error: StoreError, expected: &str| {
        assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
        let text = fixture.plain(&error);
        assert!(text.starts_with(&format!("URL: {expected}")), "{text}");
        assert!(text.ends_with(RIGHTS), "{text}");
    };
    let grant = |what: &str| fixture.sql(&format!("GRANT {what} TO '{}'@'%'", fixture.user()));
    refused(fixture.open_error(), "Access denied for user 'USER'");

    // Neither table is shown to somebody who may not read it.
    grant("SELECT ON other");
    refused(fixture.open_error(), "SELECT command denied to user 'USER'");
    grant("SELECT ON clusterer");
    refused(fixture.open_error(), "SELECT command denied to user 'USER'");

    grant("SELECT ON version");
    let store = fixture.store();
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
    refused(wait(store.flush(&probing())).unwrap_err(), "UPDATE command denied to user 'USER'");

    grant("UPDATE ON clusterer");
    assert_eq!(wait(store.flush(&probing())).unwrap().written, 1);
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

    other.run("LOCK TABLES clusterer WRITE");
    let error = wait(store.load()).unwrap_err();
    assert_eq!(fixture.plain(&error), "URL: somebody else holds the lock, for longer than 100ms");
    other.run("UNLOCK TABLES");
    assert_eq!(wait(store.flush(&probing())).unwrap().written, 1);
}

#[test]
fn a_call_that_takes_too_long_is_given_up() {
    needs_server!(a_call_that_takes_too_long_is_given_up);
    let mut fixture = Fixture::with(&[node(1)]);
    fixture.options = fixture.options.clone().query_timeout(Duration::from_millis(500));
    let other = fixture.connection();
    let store = fixture.store();
    other.run("LOCK TABLES clusterer WRITE");
    let error = wait(store.load()).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    other.run("UNLOCK TABLES");
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
}

#[test]
fn a_call_ended_by_the_operator_is_worth_another_try() {
    needs_server!(a_call_ended_by_the_operator_is_worth_another_try);
    let fixture = Fixture::with(&[node(1)]);
    let store = fixture.store();
    let other = fixture.connection();
    for (how, expected) in
        [("KILL CONNECTION", ""), ("KILL QUERY", "Query execution was interrupted")]
    {
        other.run("BEGIN; SELECT 1 FROM clusterer FOR UPDATE");
        let changes = probing();
        let mut call = store.flush(&changes);
        assert!(poll_once(&mut call).is_pending());
        eventually("the flush waits for the lock", || {
            let waiting = fixture.who_updates();
            waiting.iter().for_each(|id| fixture.sql(&format!("{how} {id}")));
            !waiting.is_empty()
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
    for _ in 0..3 {
        assert_eq!(wait(store.load()).unwrap(), [node(1)]);
        let ours = fixture.connected();
        assert_eq!(ours.len(), 1);
        // As for a connection over which nothing was said for too long.
        fixture.sql(&format!("KILL CONNECTION {}", ours[0]));
        eventually("it has ended", || fixture.connected().is_empty());
    }
    assert_eq!(wait(store.flush(&probing())).unwrap().written, 1);
}

#[test]
fn a_dropped_store_says_goodbye() {
    needs_server!(a_dropped_store_says_goodbye);
    let fixture = Fixture::with(&[node(1)]);
    let store = fixture.store();
    assert_eq!(fixture.connected().len(), 1);
    drop(store);
    eventually("the connection is closed", || fixture.connected().is_empty());
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
