//! The file: locked, read-only, replaced, gone, no database at all.

use super::fixture::Fixture;
use crate::shared::TestDatabase;
use clusterer_node::{Flushed, State, StoreError};
use clusterer_tests::conformance::{Provisioned, change, eventually, node, poll_once, wait};
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::net::UnixListener;
use std::task::Poll;
use std::time::{Duration, Instant};

fn probing(no_tries: u32) -> [clusterer_node::Change; 1] {
    [change(1, State::Probing, no_tries, 9)]
}

#[test]
fn a_missing_file_is_not_created_and_says_how_to() {
    let fixture = Fixture::empty();
    let error = fixture.open_error();
    assert!(matches!(error, StoreError::Schema(_)), "{error:?}");
    assert_eq!(
        fixture.plain(&error),
        "URL: there is no such file: create it with `clustererctl db init --db-url \
         'URL'`"
    );
    assert!(matches!(fixture.admin().list(), Err(StoreError::Schema(_))));
    assert!(matches!(fixture.admin().check(Default::default()), Err(StoreError::Schema(_))));
    assert_eq!(fs::read_dir(fixture.directory()).unwrap().count(), 0);
}

#[test]
fn what_is_no_database_is_refused() {
    let fixture = Fixture::empty();
    fs::write(fixture.path(), "not a database, but long enough to look at. ".repeat(100)).unwrap();
    let error = fixture.open_error();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert_eq!(fixture.plain(&error), "URL: the file is no SQLite database");
    let error = fixture.admin().init().unwrap_err();
    assert_eq!(fixture.plain(&error), "URL: the file is no SQLite database");

    fs::write(fixture.path(), "").unwrap();
    assert!(matches!(fixture.open_error(), StoreError::Schema(_)), "an empty file has no table");
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let directory = Fixture::empty();
    fs::create_dir(directory.path()).unwrap();
    let socket = Fixture::empty();
    let _listener = UnixListener::bind(socket.path()).unwrap();
    for fixture in [directory, socket] {
        for error in [fixture.open_error(), fixture.admin().init().unwrap_err()] {
            assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
            assert_eq!(fixture.plain(&error), "URL: this is no regular file");
        }
    }
}

#[test]
fn a_missing_directory_is_named() {
    let fixture = Fixture::empty();
    let path = fixture.directory().join("missing/cluster.db");
    let url = clusterer_db::DbUrl::sqlite(path.to_str().unwrap()).unwrap();
    let error = clusterer_db::Admin::new(&url, fixture.options()).init().unwrap_err();
    assert_eq!(
        fixture.plain(&error),
        "sqlite:DIR/missing/cluster.db: there is no directory DIR/missing: make it first"
    );
}

/// A file of a future write version is read-only for SQLite, for root too.
#[test]
fn a_read_only_file_is_loaded_and_a_flush_is_refused_until_it_can_be_written() {
    let fixture = Fixture::with(&[node(1)]);
    fixture.sql("PRAGMA journal_mode = DELETE");
    set_write_version(&fixture, 3);

    let store = fixture.store();
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
    let error = wait(store.flush(&probing(1))).unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert!(error.to_string().contains("read-only"), "{error}");
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
    set_write_version(&fixture, 1);
    assert_eq!(
        wait(store.flush(&probing(1))).unwrap().written,
        1,
        "it was read-only when it was loaded"
    );
}

fn set_write_version(fixture: &Fixture, version: u8) {
    let mut file = fs::OpenOptions::new().write(true).open(fixture.path()).unwrap();
    file.seek(SeekFrom::Start(18)).unwrap();
    file.write_all(&[version]).unwrap();
}

#[test]
fn a_locked_database_is_unavailable_until_the_lock_goes() {
    let fixture = Fixture::with(&[node(1)]).impatient();
    let store = fixture.store();
    let other = fixture.connection();
    other.execute_batch("BEGIN IMMEDIATE; UPDATE clusterer SET duration = 99").unwrap();

    assert_eq!(wait(store.load()).unwrap(), [node(1)], "a log: who reads does not wait");
    let error = wait(store.flush(&probing(1))).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert_eq!(fixture.plain(&error), "URL: somebody else holds the lock, for longer than 100ms");

    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(wait(store.flush(&probing(1))).unwrap().written, 1);
}

#[test]
fn a_file_locked_as_a_whole_is_unavailable_to_readers_too() {
    let fixture = Fixture::with(&[node(1)]).impatient();
    fixture.sql("PRAGMA journal_mode = DELETE");
    let store = fixture.store();
    let other = fixture.connection();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert!(matches!(wait(store.load()), Err(StoreError::Unavailable(_))));
    assert!(matches!(fixture.open_error(), StoreError::Unavailable(_)));
    let admin = fixture.admin();
    assert!(matches!(admin.list(), Err(StoreError::Unavailable(_))));
    assert!(matches!(admin.init(), Err(StoreError::Unavailable(_))));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
}

#[test]
fn an_error_in_one_row_leaves_none_written() {
    let fixture = Fixture::with(&[node(1), node(2), node(3)]);
    fixture.sql(
        "CREATE TRIGGER no BEFORE UPDATE ON clusterer WHEN OLD.id = 3
         BEGIN SELECT RAISE(FAIL, 'row 3 is mine'); END",
    );
    let changes = [1, 2, 3].map(|id| change(id, State::Probing, 1, 9));
    let error = wait(fixture.store().flush(&changes)).unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert!(error.to_string().contains("row 3 is mine"), "{error}");
    assert_eq!(fixture.admin().list().unwrap(), [node(1), node(2), node(3)]);
}

#[test]
fn a_file_put_in_its_place_is_the_one_that_is_read() {
    let fixture = Fixture::with(&[node(1)]);
    let store = fixture.store();
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);

    let other = Fixture::with(&[node(2), node(3)]);
    fs::rename(other.path(), fixture.path()).unwrap();
    assert_eq!(wait(store.load()).unwrap(), [node(2), node(3)]);
    let flushed = wait(store.flush(&[change(2, State::Probing, 1, 9)])).unwrap();
    assert_eq!(flushed, Flushed { written: 1, conflicts: vec![] });
}

#[test]
fn a_file_that_goes_away_and_comes_back() {
    let fixture = Fixture::with(&[node(1)]);
    let store = fixture.store();
    fs::remove_file(fixture.path()).unwrap();
    assert!(matches!(wait(store.load()), Err(StoreError::Schema(_))));
    assert!(matches!(wait(store.flush(&probing(1))), Err(StoreError::Schema(_))));
    assert!(!fixture.path().exists());
    fixture.admin().init().unwrap();
    assert_eq!(wait(store.load()).unwrap(), []);
}

#[test]
fn a_file_overwritten_in_place_is_an_error() {
    let fixture = Fixture::with(&[node(1)]);
    fixture.sql("PRAGMA journal_mode = DELETE");
    let store = fixture.store();
    let size = fs::metadata(fixture.path()).unwrap().len();
    fs::write(fixture.path(), vec![0x55; usize::try_from(size).unwrap()]).unwrap();
    for _ in 0..3 {
        let error = wait(store.load()).unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    }
}

#[test]
fn a_queue_of_abandoned_calls_is_bounded() {
    let fixture = Fixture::with(&[node(1)]);
    let store = fixture.store();
    let other = fixture.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let changes = probing(1);
    let mut waiting = Vec::new();
    let refused = (0..100).find_map(|_| {
        let mut call = store.flush(&changes);
        match poll_once(&mut call) {
            Poll::Pending => {
                waiting.push(call);
                None
            }
            Poll::Ready(answer) => Some(answer),
        }
    });
    let error = refused.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains("still busy"), "{error}");
    assert!(waiting.len() <= 5, "{}", waiting.len());

    other.execute_batch("ROLLBACK").unwrap();
    for call in waiting {
        assert_eq!(wait(call).unwrap().written, 1);
    }
}

#[test]
fn a_call_dropped_before_its_turn_is_not_done() {
    let fixture = Fixture::with(&[node(1)]);
    let store = fixture.store();
    let other = fixture.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let (first, second) = (probing(1), probing(2));
    let mut kept = store.flush(&first);
    assert!(poll_once(&mut kept).is_pending());
    let mut dropped = store.flush(&second);
    assert!(poll_once(&mut dropped).is_pending());
    drop(dropped);

    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(wait(kept).unwrap().written, 1);
    let rows = wait(store.load()).unwrap();
    assert_eq!(rows[0].no_tries.to_string(), "1");
}

#[test]
fn a_dropped_store_waits_for_nothing_and_closes_the_file() {
    let fixture = Fixture::with(&[node(1)]);
    let store = fixture.store();
    let other = fixture.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let changes = probing(1);
    let mut begun = store.flush(&changes);
    assert!(poll_once(&mut begun).is_pending());

    let before = Instant::now();
    drop(begun);
    drop(store);
    assert!(before.elapsed() < Duration::from_secs(10), "the drop waited for the lock");

    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    // The last one to close the file removes the log beside it.
    let log = fixture.directory().join("cluster.db-wal");
    eventually("the thread closes the file", || !log.exists());
}

#[test]
fn a_wait_past_all_measure_is_shortened() {
    let fixture = Fixture::with(&[node(1)]);
    let fixture = fixture.with_options(|options| options.lock_timeout(Duration::MAX));
    assert_eq!(wait(fixture.store().load()).unwrap(), [node(1)]);
}

#[test]
fn a_time_past_what_the_column_holds_is_written_as_the_last_one() {
    let fixture = Fixture::with(&[node(1)]);
    wait(fixture.store().flush(&[change(1, State::Probing, 1, u64::MAX)])).unwrap();
    let row = fixture.row(1).unwrap();
    assert_eq!(row.last_attempt.to_string(), i64::MAX.to_string());
}
