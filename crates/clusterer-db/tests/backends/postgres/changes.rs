//! What the server tells of changes by itself, and who is told of what.

use super::{Fixture, needs_server, telling};
use crate::shared::TestDatabase;
use clusterer_node::{Change, NodeStore, State};
use clusterer_tests::conformance::{Provisioned, change, eventually, hints, node, poll_once, wait};
use std::sync::Arc;
use std::time::Duration;

/// No test waits for a look that is this far away.
const NEVER: Duration = Duration::from_secs(3600);
const EVERY: Duration = Duration::from_millis(20);

/// Those of a store that listen.
const LISTENERS: &str = "SELECT pid::text FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE 'LISTEN %'";
/// The connections of stores.
const ALL: &str = "SELECT pid::text FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'clusterer'";

/// Loads, and waits until it is told of changes.
fn attentive(fixture: &Fixture) -> Arc<dyn NodeStore> {
    let before = fixture.texts(LISTENERS).len();
    let store = fixture.store();
    wait(store.load()).unwrap();
    let mut hint = store.changed(NEVER);
    assert!(poll_once(&mut hint).is_pending());
    eventually("it listens", || fixture.texts(LISTENERS).len() > before);
    // That look is over then.
    wait(store.load()).unwrap();
    drop(hint);
    store
}

#[test]
fn each_change_of_an_administrator_is_told_at_once() {
    needs_server!(each_change_of_an_administrator_is_told_at_once);
    let fixture = telling(&[node(1), node(2), node(3)]);
    let store = attentive(&fixture);
    for statement in [
        "UPDATE clusterer SET state = 0 WHERE id = 1",
        "UPDATE clusterer SET state = 1 WHERE id = 1",
        "UPDATE clusterer SET description = NULL, url = 'bin:127.0.0.2:1' WHERE id = 1",
        "UPDATE clusterer SET description = '' WHERE id = 1",
        "UPDATE clusterer SET cluster_id = 7 WHERE id = 1",
        "UPDATE clusterer SET machine_id = 7 WHERE id = 1",
        "UPDATE clusterer SET failed_attempts = 7 WHERE id = 1",
        "UPDATE clusterer SET duration = 7 WHERE id = 1",
        "UPDATE clusterer SET id = 7 WHERE id = 1",
        "DELETE FROM clusterer WHERE id = 2",
        "INSERT INTO clusterer (cluster_id, machine_id, url) VALUES (1, 9, 'bin:127.0.0.9:1')",
        "TRUNCATE clusterer",
    ] {
        let mut hint = store.changed(NEVER);
        assert!(poll_once(&mut hint).is_pending(), "{statement}");
        fixture.sql(statement);
        wait(hint).unwrap();
        wait(store.load()).unwrap();
    }
}

#[test]
fn what_nodes_write_back_is_told_to_nobody_and_their_administrators_word_to_others() {
    needs_server!(what_nodes_write_back_is_told_to_nobody_and_their_administrators_word_to_others);
    let fixture = telling(&[node(1)]);
    let [here, there] = [attentive(&fixture), attentive(&fixture)];
    let mut hints = [here.changed(EVERY), there.changed(EVERY)];
    for tries in 1..10 {
        wait(here.flush(&[change(1, State::Probing, tries, 9)])).unwrap();
        for hint in &mut hints {
            assert!(poll_once(hint).is_pending());
        }
        std::thread::sleep(EVERY);
    }
    let [mut own, other] = hints;
    let down = Change { by_administrator: true, ..change(1, State::Down, 0, 9) };
    wait(here.flush(&[down])).unwrap();
    wait(other).unwrap();
    for _ in 0..5 {
        assert!(poll_once(&mut own).is_pending());
        std::thread::sleep(EVERY);
    }
}

#[test]
fn a_listener_that_is_cut_off_is_noticed_at_once_and_replaced() {
    needs_server!(a_listener_that_is_cut_off_is_noticed_at_once_and_replaced);
    let fixture = telling(&[node(1)]);
    let store = attentive(&fixture);
    let hint = store.changed(NEVER);
    let listener = fixture.texts(LISTENERS).concat();
    fixture.sql(&format!("SELECT pg_terminate_backend({listener})"));
    wait(hint).unwrap();
    wait(store.load()).unwrap();
    let mut hint = store.changed(NEVER);
    assert!(poll_once(&mut hint).is_pending());
    eventually("it listens again", || fixture.texts(LISTENERS).iter().any(|pid| *pid != listener));
    fixture.set_state(1, 0);
    wait(hint).unwrap();
}

#[test]
fn triggers_that_come_and_go_are_found_out() {
    needs_server!(triggers_that_come_and_go_are_found_out);
    let fixture = Fixture::with(&[node(1)]);
    let store = hints::attentive(&fixture);
    let mut hint = store.changed(EVERY);
    assert!(poll_once(&mut hint).is_pending());
    let created = fixture.admin().init_notify().unwrap();
    assert_eq!(created.to_string(), "created the triggers that tell of changes");
    assert_eq!(fixture.admin().init_notify().unwrap().to_string(), "everything is there already");
    eventually("it listens", || !fixture.texts(LISTENERS).is_empty());
    assert!(poll_once(&mut hint).is_pending(), "nothing was changed");

    fixture.sql("ALTER TABLE clusterer DISABLE TRIGGER clusterer_notify_update");
    let _ = poll_once(&mut hint);
    wait(hint).unwrap();
    wait(store.load()).unwrap();
    eventually("it listens no more", || fixture.texts(LISTENERS).is_empty());
    let mut hint = store.changed(EVERY);
    assert!(poll_once(&mut hint).is_pending());
    fixture.set_state(1, 0);
    wait(hint).unwrap();
}

#[test]
fn nobody_listens_unless_somebody_waits_and_nobody_is_left_at_the_end() {
    needs_server!(nobody_listens_unless_somebody_waits_and_nobody_is_left_at_the_end);
    let fixture = telling(&[node(1)]);
    let store = fixture.store();
    wait(store.load()).unwrap();
    wait(store.flush(&[change(1, State::Probing, 1, 9)])).unwrap();
    assert_eq!(fixture.texts(ALL).len(), 1);
    drop(store);
    let store = attentive(&fixture);
    drop(store);
    eventually("both connections are closed", || fixture.texts(ALL).is_empty());
}

#[test]
fn who_may_only_read_and_write_the_table_is_told_too() {
    needs_server!(who_may_only_read_and_write_the_table_is_told_too);
    let fixture = telling(&[node(1)]).for_nobody();
    let user = fixture.user();
    fixture.sql(&format!(
        "GRANT SELECT ON version TO {user}; GRANT SELECT, UPDATE ON clusterer TO {user}"
    ));
    let store = attentive(&fixture);
    let mut hint = store.changed(NEVER);
    assert!(poll_once(&mut hint).is_pending());
    fixture.set_state(1, 0);
    wait(hint).unwrap();
}

#[test]
fn other_names_are_told_of_too() {
    needs_server!(other_names_are_told_of_too);
    let fixture = Fixture::named([("db_table", "Nodes"), ("state_col", "Order")]);
    fixture.admin().init_notify().unwrap();
    fixture.sql("INSERT INTO nodes (cluster_id, machine_id, url) VALUES (1, 1, 'bin:127.0.0.1:1')");
    let store = attentive(&fixture);
    let mut hint = store.changed(NEVER);
    assert!(poll_once(&mut hint).is_pending());
    fixture.sql("UPDATE nodes SET \"order\" = 0");
    wait(hint).unwrap();
}

/// Who made the table may have made it so. A text is no state, but what keeps its row from being used may end.
#[test]
fn a_state_that_is_a_text_or_has_decimals_is_told_of_too() {
    needs_server!(a_state_that_is_a_text_or_has_decimals_is_told_of_too);
    for (kind, by_triggers) in [
        ("VARCHAR(3)", false),
        ("VARCHAR(3)", true),
        ("NUMERIC(3, 1)", false),
        ("NUMERIC(3, 1)", true),
    ] {
        let fixture = Fixture::with(&[node(1)]);
        fixture.sql(&format!(
            "ALTER TABLE clusterer ALTER state DROP DEFAULT, ALTER state TYPE {kind} USING state::{kind}"
        ));
        if by_triggers {
            let created = fixture.admin().init_notify().unwrap();
            assert_eq!(created.to_string(), "created the triggers that tell of changes");
        }
        let store = hints::attentive(&fixture);
        for state in ["0", "1"] {
            let mut hint = store.changed(EVERY);
            assert!(poll_once(&mut hint).is_pending());
            fixture.sql(&format!("UPDATE clusterer SET state = '{state}'"));
            wait(hint).unwrap();
            wait(store.load()).unwrap();
        }
        let mut hint = store.changed(EVERY);
        fixture.sql("UPDATE clusterer SET state = '2'");
        for _ in 0..5 {
            assert!(poll_once(&mut hint).is_pending(), "{kind}: nodes write that back");
            std::thread::sleep(EVERY);
        }
    }
}

/// The checksum's function is another one here, which tells when it is called.
#[test]
fn no_checksum_is_computed_before_somebody_waits_for_changes() {
    needs_server!(no_checksum_is_computed_before_somebody_waits_for_changes);
    let fixture = Fixture::with(&[node(1)]);
    fixture.sql(&format!(
        "CREATE SCHEMA spy;
         CREATE FUNCTION spy.hashtextextended(text, bigint) RETURNS bigint LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'the table is looked at'; END $$;
         ALTER DATABASE {} SET search_path = spy, pg_catalog, public",
        fixture.name
    ));
    let store = fixture.store();
    for tries in 1..3 {
        wait(store.load()).unwrap();
        wait(store.flush(&[change(1, State::Probing, tries, 9)])).unwrap();
    }
    // Nothing was remembered that the table could be compared with.
    wait(store.changed(EVERY)).unwrap();
    let error = wait(store.load()).unwrap_err();
    assert!(error.to_string().contains("the table is looked at"), "{error}");
}
