//! What every store must do, whatever is behind it: databases, and lists in memory.
//!
//! A store's test calls [`conformance!`](crate::conformance!) with a function that provisions rows and returns
//! a [`Provisioned`]: then each promise of `NodeStore` is a test of its own there. Where the store tells
//! of changes, [`conformance_of_hints!`](crate::conformance_of_hints!) makes a test of each promise about those.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a promise that is not kept ends the test"
)]

#[allow(missing_docs, reason = "their names are what they check")]
pub mod hints;
#[allow(missing_docs, reason = "their names are what they check")]
pub mod rows;

use clusterer_node::{
    BoxFuture, Cell, Change, DbId, NodeStore, RawRow, State, StoredStatus, UnixTime,
};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// A table with rows in it, as an administrator beside the store sees and changes it.
pub trait Provisioned {
    /// A store that works on this table, another one each time where there can be several.
    fn store(&self) -> Arc<dyn NodeStore>;
    /// What an administrator does to a row behind the store's back.
    fn set_state(&self, id: i64, state: i64);
    /// Removes a row behind the store's back.
    fn delete(&self, id: i64);
    /// The row as it stands in the table.
    fn row(&self, id: i64) -> Option<RawRow>;
}

/// A table whose stores tell of changes.
pub trait Telling: Provisioned {
    /// Breaks every connection of stores to the table.
    fn cut(&self);
}

/// Makes a test of each promise about rows, for tables that `$make: fn(&[RawRow]) -> impl Provisioned` makes.
/// Where there is a server to miss, `$runs_here: fn(&str) -> bool` reports the test of this name as
/// skipped.
#[macro_export]
macro_rules! conformance {
    ($make:expr) => {
        $crate::conformance!($make, |_| true);
    };
    ($make:expr, $runs_here:expr) => {
        $crate::each_promise!(rows ($make, $runs_here)
            an_empty_table_has_no_rows
            rows_come_as_they_are_in_order
            rows_keep_their_order_whatever_was_written_last
            a_row_with_a_wrong_value_is_left_out_by_who_reads_it_and_no_other
            ten_thousand_rows_come
            a_change_by_others_comes_with_the_next_load
            only_the_three_columns_that_change_are_written
            state_0_belongs_to_administrators
            what_cannot_be_written_is_a_conflict_and_the_rest_is_written
            a_row_that_is_right_already_is_no_conflict
            a_row_that_changes_twice_keeps_the_last_change
            of_two_stores_the_last_writer_wins
            nothing_to_write_is_no_error
            a_dropped_future_leaves_the_store_working
            a_store_is_used_from_any_thread
        );
    };
}

/// The same for the promises about hints, for tables that are [`Telling`](crate::conformance::Telling).
#[macro_export]
macro_rules! conformance_of_hints {
    ($make:expr) => {
        $crate::conformance_of_hints!($make, |_| true);
    };
    ($make:expr, $runs_here:expr) => {
        $crate::each_promise!(hints ($make, $runs_here)
            what_somebody_else_changes_is_told_until_it_is_loaded
            own_flushes_are_not_told
            what_is_changed_before_anybody_waits_is_told
            who_begins_to_wait_is_told_once_at_most_of_nothing
            changes_are_told_again_after_the_connection_was_lost
        );
    };
}

/// Makes a test of each of these functions of a module.
#[doc(hidden)]
#[macro_export]
macro_rules! each_promise {
    ($module:ident $how:tt $($name:ident)+) => {
        $($crate::each_promise!(@one $module $how $name);)+
    };
    (@one $module:ident ($make:expr, $runs_here:expr) $name:ident) => {
        #[test]
        fn $name() {
            let runs_here: fn(&str) -> bool = $runs_here;
            if runs_here(concat!(module_path!(), "::", stringify!($name))) {
                $crate::conformance::$module::$name($make);
            }
        }
    };
}

/// The node of this key, on machine `id` of cluster 1.
#[must_use]
pub fn node(id: i64) -> RawRow {
    RawRow {
        id: Cell::Int(id.into()),
        cluster_id: Cell::Int(1),
        machine_id: Cell::Int(id.into()),
        url: Cell::Text(format!("bin:127.0.0.1:{}", 1024 + id)),
        ..RawRow::default()
    }
}

/// A change that a node makes by itself.
#[must_use]
pub fn change(id: i64, state: State, no_tries: u32, last_attempt: u64) -> Change {
    Change {
        id: DbId::new(id).unwrap(),
        status: StoredStatus { state, no_tries, last_attempt: UnixTime::from_secs(last_attempt) },
        by_administrator: false,
    }
}

/// Waits for a future with nothing but a parked thread: stores need no runtime.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
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
pub fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !happened() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Starts a call, as whoever waits for several things does.
pub fn poll_once<T>(future: &mut BoxFuture<'_, T>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}
