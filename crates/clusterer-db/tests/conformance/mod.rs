//! What every store must do, whatever database is behind it.
//!
//! A backend's test calls [`conformance!`] with a function that provisions rows and returns a
//! [`Provisioned`]: then each promise of `NodeStore` is a test of its own there.

use clusterer_node::{
    BoxFuture, Cell, Change, DbId, Flushed, NodeStore, RawRow, Row, State, StoredStatus, UnixTime,
};
use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// A table with rows in it, as somebody beside the store sees and changes it.
pub(crate) trait Provisioned {
    /// A store that works on this table.
    fn store(&self) -> Box<dyn NodeStore>;
    /// What an administrator does to a row behind the store's back.
    fn set_state(&self, id: i64, state: i64);
    /// Removes a row behind the store's back.
    fn delete(&self, id: i64);
    /// Breaks every connection of stores to the table.
    fn cut(&self);
    /// The row as it stands in the table.
    fn row(&self, id: i64) -> Option<RawRow>;
}

/// Makes a test of each promise, for tables that `$make: fn(&[RawRow]) -> impl Provisioned` makes.
/// Where there is a server to miss, `$runs_here: fn(&str) -> bool` reports the test of this name as
/// skipped.
macro_rules! conformance {
    ($make:expr) => {
        $crate::conformance::conformance!($make, |_| true);
    };
    ($make:expr, $runs_here:expr) => {
        $crate::conformance::conformance!(@each ($make, $runs_here),
            an_empty_table_has_no_rows
            rows_come_as_they_are_in_order
            ten_thousand_rows_come
            a_change_by_others_comes_with_the_next_load
            only_the_three_columns_that_change_are_written
            state_0_belongs_to_administrators
            what_cannot_be_written_is_a_conflict_and_the_rest_is_written
            a_row_that_changes_twice_keeps_the_last_change
            nothing_to_write_is_no_error
            a_dropped_future_leaves_the_store_working
            a_store_is_used_from_any_thread
            what_somebody_else_changes_is_told_until_it_is_loaded
            own_flushes_are_not_told
            what_is_changed_before_anybody_waits_is_told
            changes_are_told_again_after_the_connection_was_lost
        );
    };
    (@each $how:tt, $($name:ident)+) => {
        $($crate::conformance::conformance!(@one $how, $name);)+
    };
    (@one ($make:expr, $runs_here:expr), $name:ident) => {
        #[test]
        fn $name() {
            let runs_here: fn(&str) -> bool = $runs_here;
            if runs_here(concat!(module_path!(), "::", stringify!($name))) {
                $crate::conformance::$name($make);
            }
        }
    };
}
pub(crate) use conformance;

/// The node of this key, on machine `id` of cluster 1.
pub(crate) fn node(id: i64) -> RawRow {
    RawRow {
        id: Cell::Int(id.into()),
        cluster_id: Cell::Int(1),
        machine_id: Cell::Int(id.into()),
        url: Cell::Text(format!("bin:127.0.0.1:{}", 1024 + id)),
        ..RawRow::default()
    }
}

pub(crate) fn change(id: i64, state: State, no_tries: u32, last_attempt: u64) -> Change {
    Change {
        id: DbId::new(id).unwrap(),
        status: StoredStatus { state, no_tries, last_attempt: UnixTime::from_secs(last_attempt) },
        by_administrator: false,
    }
}

/// Waits for a future with nothing but a parked thread: stores need no runtime.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Waits until something that another thread or process does has happened.
pub(crate) fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !happened() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Starts a call, as whoever waits for several things does.
pub(crate) fn poll_once<T>(future: &mut BoxFuture<'_, T>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn status(table: &impl Provisioned, id: i64) -> [String; 3] {
    let row = table.row(id).unwrap();
    [row.state, row.no_tries, row.last_attempt].map(|cell| cell.to_string())
}

pub(crate) fn an_empty_table_has_no_rows<P: Provisioned>(make: impl Fn(&[RawRow]) -> P) {
    let table = make(&[]);
    assert_eq!(wait(table.store().load()).unwrap(), []);
}

pub(crate) fn rows_come_as_they_are_in_order<P: Provisioned>(make: impl Fn(&[RawRow]) -> P) {
    let rows = [
        node(1),
        RawRow {
            url: Cell::Text("no url at all".into()),
            state: Cell::Int(7),
            last_attempt: Cell::Int(i64::MAX.into()),
            failed_attempts: Cell::Int(-1),
            no_tries: Cell::Int(i32::MAX.into()),
            duration: Cell::Int(0),
            description: Cell::Text("Knoten \u{e4}\u{2603} 'x' \"y\"".into()),
            ..node(2)
        },
        RawRow { cluster_id: Cell::Int(2), description: Cell::Text(String::new()), ..node(3) },
    ];
    let table = make(&rows);
    let store = table.store();
    assert_eq!(wait(store.load()).unwrap(), rows);
    assert_eq!(wait(store.load()).unwrap(), rows, "the second time");
}

pub(crate) fn ten_thousand_rows_come<P: Provisioned>(make: impl Fn(&[RawRow]) -> P) {
    let rows: Vec<_> = (1..=10_000).map(node).collect();
    let table = make(&rows);
    let loaded = wait(table.store().load()).unwrap();
    let ids: BTreeSet<_> =
        loaded.iter().map(|raw| Row::parse(raw, UnixTime::ZERO).unwrap().row.id.get()).collect();
    assert_eq!(loaded.len(), 10_000);
    assert_eq!(ids, (1..=10_000).collect());
}

pub(crate) fn a_change_by_others_comes_with_the_next_load<P: Provisioned>(
    make: impl Fn(&[RawRow]) -> P,
) {
    let table = make(&[node(1), node(2)]);
    let store = table.store();
    wait(store.load()).unwrap();
    table.set_state(1, 0);
    table.delete(2);
    assert_eq!(wait(store.load()).unwrap(), [RawRow { state: Cell::Int(0), ..node(1) }]);
}

pub(crate) fn only_the_three_columns_that_change_are_written<P: Provisioned>(
    make: impl Fn(&[RawRow]) -> P,
) {
    let before = RawRow {
        failed_attempts: Cell::Int(9),
        duration: Cell::Int(8),
        description: Cell::Text("Node B".into()),
        ..node(2)
    };
    let table = make(&[node(1), before.clone(), node(3)]);
    let flushed = wait(table.store().flush(&[change(2, State::Probing, 5, 1_700_000_000)]));
    assert_eq!(flushed.unwrap(), Flushed { written: 1, conflicts: vec![] });
    let after = RawRow {
        state: Cell::Int(2),
        no_tries: Cell::Int(5),
        last_attempt: Cell::Int(1_700_000_000),
        ..before
    };
    assert_eq!(table.row(2), Some(after));
    assert_eq!(table.row(1), Some(node(1)));
    assert_eq!(table.row(3), Some(node(3)));
}

/// Every state in the database, every state to write, by whom: what the database holds then.
pub(crate) fn state_0_belongs_to_administrators<P: Provisioned>(make: impl Fn(&[RawRow]) -> P) {
    use State::{Down, Probing, Up};
    let cases = [
        // In the database, to write, by an administrator, written.
        (0, Down, false, false),
        (0, Up, false, false),
        (0, Probing, false, false),
        (1, Down, false, false),
        (1, Up, false, true),
        (1, Probing, false, true),
        (2, Down, false, false),
        (2, Up, false, true),
        (2, Probing, false, true),
        (0, Down, true, true),
        (0, Up, true, true),
        (0, Probing, true, true),
        (1, Down, true, true),
        (1, Up, true, true),
        (1, Probing, true, true),
        (2, Down, true, true),
        (2, Up, true, true),
        (2, Probing, true, true),
    ];
    let table = make(&[node(1)]);
    let store = table.store();
    for (stored, state, by_administrator, written) in cases {
        wait(store.flush(&[Change { by_administrator: true, ..change(1, Up, 0, 0) }])).unwrap();
        table.set_state(1, stored);
        let change = Change { by_administrator, ..change(1, state, 4, 77) };
        let flushed = wait(store.flush(&[change])).unwrap();
        let case = format!("{stored} in the database, {change:?}");
        if written {
            assert_eq!(flushed, Flushed { written: 1, conflicts: vec![] }, "{case}");
            assert_eq!(status(&table, 1), [state.to_string(), "4".into(), "77".into()], "{case}");
        } else {
            assert_eq!(flushed, Flushed { written: 0, conflicts: vec![change.id] }, "{case}");
            assert_eq!(status(&table, 1), [stored.to_string(), "0".into(), "0".into()], "{case}");
        }
    }
}

pub(crate) fn what_cannot_be_written_is_a_conflict_and_the_rest_is_written<P: Provisioned>(
    make: impl Fn(&[RawRow]) -> P,
) {
    let table = make(&[node(1), node(2), node(3), node(4)]);
    let store = table.store();
    wait(store.load()).unwrap();
    table.set_state(2, 0);
    table.delete(3);
    let changes = [1, 2, 3, 4].map(|id| change(id, State::Probing, 1, 50));
    let flushed = wait(store.flush(&changes)).unwrap();
    assert_eq!(flushed.written, 2);
    assert_eq!(flushed.conflicts, [2, 3].map(|id| DbId::new(id).unwrap()));
    assert_eq!(status(&table, 1), ["2", "1", "50"]);
    assert_eq!(status(&table, 2), ["0", "0", "0"]);
    assert_eq!(table.row(3), None);
    assert_eq!(status(&table, 4), ["2", "1", "50"]);
}

pub(crate) fn a_row_that_changes_twice_keeps_the_last_change<P: Provisioned>(
    make: impl Fn(&[RawRow]) -> P,
) {
    let table = make(&[node(1)]);
    let changes = [change(1, State::Probing, 1, 50), change(1, State::Up, 0, 50)];
    assert_eq!(wait(table.store().flush(&changes)).unwrap().written, 2);
    assert_eq!(status(&table, 1), ["1", "0", "50"]);
}

pub(crate) fn nothing_to_write_is_no_error<P: Provisioned>(make: impl Fn(&[RawRow]) -> P) {
    let table = make(&[node(1)]);
    assert_eq!(wait(table.store().flush(&[])).unwrap(), Flushed::default());
    assert_eq!(table.row(1), Some(node(1)));
}

pub(crate) fn a_dropped_future_leaves_the_store_working<P: Provisioned>(
    make: impl Fn(&[RawRow]) -> P,
) {
    let table = make(&[node(1)]);
    let store = table.store();
    drop(store.load());
    let mut begun = store.load();
    let _ = poll_once(&mut begun);
    drop(begun);
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
}

pub(crate) fn a_store_is_used_from_any_thread<P: Provisioned>(make: impl Fn(&[RawRow]) -> P) {
    let table = make(&[node(1)]);
    let store: Arc<dyn NodeStore> = Arc::from(table.store());
    let there = Arc::clone(&store);
    let loaded = std::thread::spawn(move || wait(there.load())).join().unwrap();
    assert_eq!(loaded.unwrap(), [node(1)]);
    assert_eq!(wait(store.load()).unwrap(), [node(1)]);
}

const EVERY: Duration = Duration::from_millis(20);

/// Nothing is told for some looks.
fn silent(store: &dyn NodeStore) {
    let mut hint = store.changed(EVERY);
    for _ in 0..5 {
        assert!(poll_once(&mut hint).is_pending());
        std::thread::sleep(EVERY);
    }
}

pub(crate) fn what_somebody_else_changes_is_told_until_it_is_loaded<P: Provisioned>(
    make: impl Fn(&[RawRow]) -> P,
) {
    let table = make(&[node(1), node(2)]);
    let store = table.store();
    wait(store.load()).unwrap();
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

pub(crate) fn own_flushes_are_not_told<P: Provisioned>(make: impl Fn(&[RawRow]) -> P) {
    let table = make(&[node(1), node(2)]);
    let store = table.store();
    wait(store.load()).unwrap();
    let mut hint = store.changed(EVERY);
    for tries in 1..10 {
        assert!(poll_once(&mut hint).is_pending());
        assert_eq!(wait(store.flush(&[change(1, State::Probing, tries, 9)])).unwrap().written, 1);
        std::thread::sleep(EVERY);
    }
    table.set_state(2, 0);
    wait(hint).unwrap();
}

pub(crate) fn what_is_changed_before_anybody_waits_is_told<P: Provisioned>(
    make: impl Fn(&[RawRow]) -> P,
) {
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

pub(crate) fn changes_are_told_again_after_the_connection_was_lost<P: Provisioned>(
    make: impl Fn(&[RawRow]) -> P,
) {
    let table = make(&[node(1)]);
    let store = table.store();
    wait(store.load()).unwrap();
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
