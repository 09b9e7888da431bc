//! Other processes on the same file.

use super::fixture::Fixture;
use crate::shared::TestDatabase;
use clusterer_node::{Cell, State};
use clusterer_tests::conformance::{Provisioned, change, eventually, node, wait};
use rusqlite::{Connection, TransactionBehavior};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const FILE: &str = "CLUSTERER_DB_TEST_FILE";

/// How many rows the other process writes; one more is written here.
const THEIRS: i64 = 200;

/// Runs in both processes: the child, which has the variable, only writes.
#[test]
fn no_load_sees_half_of_what_another_process_writes_and_every_flush_gets_its_turn() {
    if let Some(file) = std::env::var_os(FILE) {
        write_until_told(Path::new(&file));
        return;
    }
    let rows: Vec<_> = (1..=THEIRS + 1).map(node).collect();
    let fixture = Fixture::with(&rows);
    let store = fixture.store();
    let _writer = Writer::start(&fixture);

    let mut seen = BTreeSet::new();
    let ours = [change(THEIRS + 1, State::Probing, 1, 9)];
    eventually("five writes of the other process", || {
        let loaded = wait(store.load()).unwrap();
        assert_eq!(loaded.len(), rows.len());
        assert_eq!(wait(store.flush(&ours)).unwrap().written, 1);
        let tries: BTreeSet<_> = loaded
            .iter()
            .filter(|row| row.id != Cell::Int((THEIRS + 1).into()))
            .map(|row| match row.no_tries {
                Cell::Int(tries) => tries,
                ref other => panic!("no_tries {other:?}"),
            })
            .collect();
        assert_eq!(tries.len(), 1, "rows of two transactions in one load: {tries:?}");
        seen.extend(tries);
        seen.len() > 5
    });
}

/// Counts every row up, all in one transaction, until standard input ends.
fn write_until_told(file: &Path) {
    static STOP: AtomicBool = AtomicBool::new(false);
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        STOP.store(true, Ordering::Relaxed);
    });
    let mut connection = Connection::open(file).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    while !STOP.load(Ordering::Relaxed) {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        for id in 1..=THEIRS {
            tx.execute("UPDATE clusterer SET no_tries = no_tries + 1 WHERE id = ?1", [id]).unwrap();
        }
        tx.commit().unwrap();
        // Who waits for a lock looks for it now and then: leave it free now and then.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// This very test in a process of its own. It ends with its standard input.
struct Writer(Child);

impl Writer {
    fn start(fixture: &Fixture) -> Self {
        let test = "sqlite::processes::no_load_sees_half_of_what_another_process_writes_and_every_flush_gets_its_turn";
        let child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact"])
            .env(FILE, fixture.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
