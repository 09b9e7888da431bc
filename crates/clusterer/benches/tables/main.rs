//! What a large table costs: time of each step of a load, as a multiple of a bare SELECT in the same run,
//! memory of a node, and one flush against many.
//!
//! `cargo bench -p clusterer`, or quicker to build and slower to run, `cargo bench -p clusterer --profile dev`;
//! with ` -- engine`, only the memory of a whole engine, which is the same in each profile.
//! On SQLite, and on the servers that `cargo xtask servers` starts and whose variables are set here.

#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "this is no library"
)]

mod client;
mod database;
mod engine;
mod layers;
mod memory;

use clusterer::{
    Change, Cluster, DbId, MachineId, Malformed, Moment, NodeStore, Packet, PacketContext, RawRow,
    Row, State, UnixTime,
};
use clusterer_core::{Core, Input, Settings};
use clusterer_node::{Host, Now, ResolvedRow, StoredStatus, Table};
use clusterer_registry::{ClusterModule, ModuleEvent};
use database::{Database, Kind};
use std::hint::black_box;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Each step is done this often; the quickest counts.
const TIMES: usize = 5;
const ROWS: [i64; 2] = [10_000, 100_000];
const CHANGES: i64 = 1_000;

const NOW: Now = Now { mono: Moment::from_millis(1), unix: UnixTime::from_secs(1_000_000_000) };

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for rows in ROWS {
        println!("\n{rows} rows in a whole engine");
        engine::tell(rows, &runtime);
    }
    if std::env::args().any(|argument| argument == "engine") {
        return;
    }
    for kind in Kind::ALL {
        for rows in ROWS {
            match Database::of(kind, rows, &runtime) {
                Ok(database) => measure(&database, &runtime),
                Err(why) => println!("\nNOT MEASURED: {rows} rows in {}: {why}", kind.name()),
            }
        }
    }
}

fn measure(database: &Database<'_>, runtime: &Runtime) {
    let (rows, name) = (database.rows, database.kind.name());
    println!("\n{rows} rows in {name}");
    time_load(database, runtime);
    if matches!(database.kind, Kind::Sqlite) {
        // Wherever they come from.
        let store = database.store();
        layers::tell(&runtime.block_on(store.load()).unwrap(), &store, runtime);
    }
    if rows == 10_000 {
        println!("\n{CHANGES} changed rows of {rows} in {name}");
        time_flushes(&*database.store(), runtime);
    }
}

fn time_load(database: &Database<'_>, runtime: &Runtime) {
    let mut client = database.client();
    let select = quickest(|| (), |()| client.select());
    let tell = |step: &str, took: Duration| {
        let ratio = took.as_secs_f64() / select.as_secs_f64();
        println!("  {step:<34}{:>9.1} ms {ratio:>6.1}", took.as_secs_f64() * 1e3);
    };
    tell("a bare SELECT", select);
    let store = database.store();
    tell("store: query", quickest(|| (), |()| runtime.block_on(store.load()).unwrap()));
    let raw = runtime.block_on(store.load()).unwrap();
    tell("node: parse rows", quickest(|| (), |()| parse(&raw)));
    tell("node: table", quickest(|| parse(&raw), table));
    let build = || table(parse(&raw));
    tell("core: take in, first", quickest(|| (core(), build()), |(core, table)| load(core, table)));
    let again = || (load(core(), build()), build());
    tell("core: take in, again", quickest(again, |(core, table)| load(core, table)));
    let view = |mut core: Core| (core.take_view(), core);
    tell("core: view", quickest(|| load(core(), build()), view));
    let own = MachineId::new(1).unwrap();
    let engine = runtime.block_on(Cluster::builder(own, store).start()).unwrap();
    let reload = || runtime.block_on(engine.reload()).unwrap();
    tell("engine: a reload as a whole", quickest(|| (), |()| reload()));
    runtime.block_on(engine.shutdown());
}

fn time_flushes(store: &dyn NodeStore, runtime: &Runtime) {
    let changes: Vec<Change> = (2..2 + CHANGES).map(change).collect();
    let flush = |changes: &[Change]| runtime.block_on(store.flush(changes)).unwrap().written;
    assert_eq!(flush(&changes), changes.len());
    let together = quickest(|| (), |()| flush(&changes));
    let begun = Instant::now();
    changes.chunks(1).for_each(|one| assert_eq!(flush(one), 1));
    let single = begun.elapsed();
    println!("  {:<34}{:>9.1} ms", "one transaction", together.as_secs_f64() * 1e3);
    let ratio = single.as_secs_f64() / together.as_secs_f64();
    println!("  {:<34}{:>9.1} ms {ratio:>6.1}", "one each", single.as_secs_f64() * 1e3);
}

/// A module that does nothing.
struct Deaf;

impl ClusterModule for Deaf {
    fn on_packet(&self, _: &PacketContext, _: &Packet<'_>) -> Result<(), Malformed> {
        Ok(())
    }

    fn on_event(&self, _: ModuleEvent) {}
}

fn parse(raw: &[RawRow]) -> Vec<Row> {
    raw.iter().map(|raw| Row::parse(raw, NOW.unix).unwrap().row).collect()
}

/// In use, so that it is dialled and has its deadlines.
fn up(row: Row) -> Row {
    Row { state: State::Up, ..row }
}

fn table(rows: Vec<Row>) -> Table {
    let resolve = |row: Row| {
        let Host::Address(ip) = row.url.host() else { unreachable!("all are addresses") };
        ResolvedRow { row, ip }
    };
    Table::build(MachineId::new(1).unwrap(), rows.into_iter().map(resolve).collect()).0
}

fn core() -> Core {
    Core::new(MachineId::new(1).unwrap(), Settings::default(), 0)
}

fn load(mut core: Core, table: Table) -> Core {
    core.handle(NOW, Input::Loaded(table), &mut Vec::new());
    core
}

fn change(id: i64) -> Change {
    let status = StoredStatus { state: State::Probing, no_tries: 1, last_attempt: NOW.unix };
    // The rows are down.
    Change { id: DbId::new(id).unwrap(), status, by_administrator: true }
}

/// The quickest of several times; `prepare` and letting go are not counted.
fn quickest<P, T>(mut prepare: impl FnMut() -> P, mut work: impl FnMut(P) -> T) -> Duration {
    let once = |_| {
        let prepared = prepare();
        let begun = Instant::now();
        let made = black_box(work(prepared));
        let took = begun.elapsed();
        drop(made);
        took
    };
    (0..TIMES).map(once).min().unwrap_or_default()
}
