//! Other processes on the same file.

use crate::conformance::{Provisioned, node, wait};
use crate::fixture::{Fixture, eventually};
use clusterer_node::Cell;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const FILE: &str = "CLUSTERER_DB_TEST_FILE";

/// Runs in both processes: the child, which has the variable, only writes.
#[test]
fn no_load_sees_half_of_what_another_process_writes() {
    if let Some(file) = std::env::var_os(FILE) {
        write_until_told(Path::new(&file));
        return;
    }
    let rows: Vec<_> = (1..=200).map(node).collect();
    let fixture = Fixture::with(&rows);
    let store = fixture.store();
    let _writer = Writer::start(&fixture);

    let mut seen = BTreeSet::new();
    eventually("five writes of the other process", || {
        let loaded = wait(store.load()).unwrap();
        assert_eq!(loaded.len(), rows.len());
        let tries: BTreeSet<_> = loaded
            .iter()
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
        let tx = connection.transaction().unwrap();
        let ids: Vec<i64> = {
            let mut ids = tx.prepare("SELECT id FROM clusterer").unwrap();
            ids.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        for id in ids {
            tx.execute("UPDATE clusterer SET no_tries = no_tries + 1 WHERE id = ?1", [id]).unwrap();
        }
        tx.commit().unwrap();
    }
}

/// This very test in a process of its own. It ends with its standard input.
struct Writer(Child);

impl Writer {
    fn start(fixture: &Fixture) -> Self {
        let test = "processes::no_load_sees_half_of_what_another_process_writes";
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
