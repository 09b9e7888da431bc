//! What is shown of a node whose clock is wound by hand and whose peers are not there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod bench;

use bench::{Bench, key, name};
use clusterer::{Protocol, State};
use clusterer_status::{EVENTS, Status, Update, Updates};
use expect_test::expect;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// The next update, whose time must come.
async fn next(updates: &mut Updates) -> (&'static str, Value) {
    let Update { name, data, .. } = within(updates.next()).await.expect("the node runs");
    (name, serde_json::from_str(&data).unwrap())
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.expect("it takes too long")
}

fn snapshot(status: &Status) -> Value {
    serde_json::from_str(&status.snapshot()).unwrap()
}

#[tokio::test]
async fn a_snapshot_has_everything() {
    let bench = Bench::start().await;
    bench.register("ratelimit").await;
    let status = Status::builder("program", "1.2.3")
        .section("queue", || r#"{"waiting": 3}"#.to_owned())
        .control("/mi")
        .watch(&bench.node);
    // Before anything is due.
    bench.wind(250);
    expect![[r#"
        {
          "clusters": [
            {
              "cluster_id": 1,
              "nodes": [
                {
                  "cluster_id": 1,
                  "db_id": 2,
                  "description": "none",
                  "duration_seconds": 30,
                  "failed_attempts": 3,
                  "last_attempt_unix_seconds": null,
                  "last_error": null,
                  "link": "dialling",
                  "machine_id": 2,
                  "next_attempt_unix_seconds": 1000001,
                  "no_tries": 0,
                  "protocol": "bin",
                  "queued_bytes": 0,
                  "round_trip_mean_seconds": null,
                  "round_trip_seconds": null,
                  "since_unix_seconds": 1000000,
                  "state": "up",
                  "state_number": 1,
                  "traffic": {
                    "received_bytes": 0,
                    "received_packets": 0,
                    "sent_bytes": 0,
                    "sent_packets": 0
                  },
                  "url": "bin:127.0.0.2:5566"
                },
                {
                  "cluster_id": 1,
                  "db_id": 3,
                  "description": "none",
                  "duration_seconds": 30,
                  "failed_attempts": 3,
                  "last_attempt_unix_seconds": null,
                  "last_error": null,
                  "link": "dialling",
                  "machine_id": 3,
                  "next_attempt_unix_seconds": 1000001,
                  "no_tries": 0,
                  "protocol": "bin",
                  "queued_bytes": 0,
                  "round_trip_mean_seconds": null,
                  "round_trip_seconds": null,
                  "since_unix_seconds": 1000000,
                  "state": "up",
                  "state_number": 1,
                  "traffic": {
                    "received_bytes": 0,
                    "received_packets": 0,
                    "sent_bytes": 0,
                    "sent_packets": 0
                  },
                  "url": "bin:127.0.0.3:5566"
                }
              ]
            }
          ],
          "control": {
            "path": "/mi"
          },
          "database": {
            "error": null,
            "loaded_unix_seconds": 1000000,
            "skipped_rows": [],
            "skipped_rows_total": 0,
            "up": true
          },
          "events": [],
          "listen": [
            "127.0.0.1:5566"
          ],
          "machine_id": 1,
          "modules": [
            {
              "auth_check": false,
              "cluster_id": 1,
              "name": "ratelimit",
              "nodes": [
                {
                  "disabled_until_unix_seconds": null,
                  "last_seen_unix_seconds": 1000000,
                  "machine_id": 2,
                  "received_bytes": 0,
                  "received_packets": 0
                },
                {
                  "disabled_until_unix_seconds": null,
                  "last_seen_unix_seconds": 1000000,
                  "machine_id": 3,
                  "received_bytes": 0,
                  "received_packets": 0
                }
              ],
              "protocol": "bin",
              "timeout_seconds": 2.5
            }
          ],
          "program": "program",
          "sections": {
            "queue": {
              "waiting": 3
            }
          },
          "started_unix_seconds": 1000000,
          "time_unix_seconds": 1000000.25,
          "uptime_seconds": 0.25,
          "version": "1.2.3"
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&snapshot(&status)).unwrap());
    bench.node.shutdown().await;
}

/// Every key there is, at whatever depth.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            found.insert(key.clone());
            keys(value, found);
        }),
        Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_field_is_documented() {
    let bench = Bench::start().await;
    bench.register("ratelimit").await;
    let status = Status::builder("program", "1").control("/mi").watch(&bench.node);
    bench.node.set_state(key(3), State::Probing, Protocol::Bin).await.unwrap();
    let mut updates = status.updates();
    let mut found = BTreeSet::new();
    while !found.contains("text") || !found.contains("kind") {
        keys(&next(&mut updates).await.1, &mut found);
        keys(&snapshot(&status), &mut found);
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/http.md");
    let documented = std::fs::read_to_string(path).unwrap();
    let missing: Vec<_> =
        found.iter().filter(|key| !documented.contains(&format!("`{key}`"))).collect();
    assert_eq!(missing, Vec::<&String>::new());
    bench.node.shutdown().await;
}

#[tokio::test]
async fn a_reader_gets_a_snapshot_then_what_changes() {
    let bench = Bench::start().await;
    let status = Status::builder("program", "1").watch(&bench.node);
    let mut updates = status.updates();
    let (kind, first) = next(&mut updates).await;
    assert_eq!((kind, &first["clusters"]), ("snapshot", &snapshot(&status)["clusters"]));

    bench.set(3, State::Down).await;
    // A beat may come first, and may already show what its event tells only then.
    let (mut nodes, mut events) = (Vec::new(), Vec::new());
    while nodes.is_empty() || events.is_empty() {
        let (kind, change) = next(&mut updates).await;
        assert_eq!(kind, "change");
        nodes.extend(change["nodes"].as_array().unwrap().iter().map(name));
        events.extend(change["events"].as_array().unwrap().clone());
    }
    assert!(nodes.iter().all(|node| node == "1/3 down"), "only what is another: {nodes:?}");
    assert_eq!(events[0]["kind"], "state_changed");
    assert_eq!((&events[0]["cluster_id"], &events[0]["machine_id"]), (&1.into(), &3.into()));
    bench.node.shutdown().await;
}

#[tokio::test]
async fn what_comes_too_fast_is_told_together() {
    let bench = Bench::start().await;
    let status = Status::builder("program", "1").watch(&bench.node);
    let mut updates = status.updates();
    next(&mut updates).await;
    let begun = tokio::time::Instant::now();
    for _ in 0..150 {
        bench.set(3, State::Down).await;
        bench.set(3, State::Up).await;
    }
    // What is told last.
    bench.node.reload().await.unwrap();
    let mut told = 0_u128;
    loop {
        let (_, change) = next(&mut updates).await;
        told += 1;
        if change["events"].as_array().unwrap().iter().any(|event| event["kind"] == "reloaded") {
            break;
        }
    }
    let most = begun.elapsed().as_millis() / 200 + 3;
    assert!(told <= most, "{told} updates, {most} at most");
    bench.node.shutdown().await;
}

#[tokio::test]
async fn a_beat_is_told_also_when_nothing_happens() {
    let bench = Bench::start().await;
    let status = Status::builder("program", "1").watch(&bench.node);
    let mut updates = status.updates();
    next(&mut updates).await;
    bench.wind(7_000);
    let (kind, beat) = next(&mut updates).await;
    assert_eq!((kind, &beat["time_unix_seconds"]), ("change", &1_000_007.into()));
    assert_eq!(beat["events"].as_array().map(Vec::len), Some(0));
    bench.node.shutdown().await;
}

/// A program that shows how often it was asked for its section.
fn counting(bench: &Bench) -> (Status, impl Fn() -> u32) {
    let drawn = Arc::new(AtomicU32::new(0));
    let count = drawn.clone();
    let section = move || count.fetch_add(1, Ordering::SeqCst).to_string();
    let status = Status::builder("program", "1").section("drawn", section).watch(&bench.node);
    (status, move || drawn.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_section_is_asked_for_with_the_beat_whatever_happens() {
    let bench = Bench::start().await;
    let (status, drawn) = counting(&bench);
    let mut updates = status.updates();
    next(&mut updates).await;
    let begun = tokio::time::Instant::now();
    for round in 0..8 {
        bench.set(3, if round % 2 == 0 { State::Down } else { State::Up }).await;
        while next(&mut updates).await.1["nodes"].as_array().is_none_or(Vec::is_empty) {}
    }
    // One for the reader, and one for the beat that was due when it came.
    let most = u32::try_from(begun.elapsed().as_secs() / 2).unwrap() + 3;
    assert!(drawn() <= most, "{} times, {most} at most", drawn());
    bench.node.shutdown().await;
}

/// Else one who comes and goes all the time has the whole node told to all others as often.
#[tokio::test]
async fn a_reader_who_comes_has_nothing_drawn_for_those_who_are_there() {
    let bench = Bench::start().await;
    let (status, drawn) = counting(&bench);
    let mut first = status.updates();
    next(&mut first).await;
    let before = drawn();
    for _ in 0..50 {
        let mut updates = status.updates();
        assert_eq!(updates.next().await.unwrap().name, "snapshot");
    }
    assert!(drawn() <= before + 2, "{} times", drawn() - before);
    bench.node.shutdown().await;
}

#[tokio::test]
async fn readers_in_step_are_told_the_same_and_one_who_lags_all_of_it() {
    let bench = Bench::start().await;
    let status = Status::builder("program", "1").watch(&bench.node);
    let mut readers = [status.updates(), status.updates(), status.updates()];
    for updates in &mut readers {
        assert_eq!(next(updates).await.0, "snapshot");
    }
    let [first, second, late] = &mut readers;
    let mut told = BTreeSet::new();
    for id in [2, 3] {
        bench.set(id, State::Down).await;
        loop {
            let [one, other] = [next(first).await.1, next(second).await.1];
            let same = one["time_unix_seconds"] != other["time_unix_seconds"] || one == other;
            assert!(same, "{one} and {other}");
            let nodes = one["nodes"].as_array().unwrap().iter().map(name);
            told.extend(nodes);
            if told.contains(&format!("1/{id} down")) {
                break;
            }
        }
    }
    let missed: BTreeSet<_> =
        next(late).await.1["nodes"].as_array().unwrap().iter().map(name).collect();
    assert_eq!(missed, told.into_iter().filter(|node| node.ends_with("down")).collect());
    bench.node.shutdown().await;
}

#[tokio::test]
async fn a_reader_begins_anew_when_nodes_come_or_go() {
    let bench = Bench::start().await;
    let status = Status::builder("program", "1").watch(&bench.node);
    let mut updates = status.updates();
    next(&mut updates).await;
    bench.store.edit(|rows| rows.truncate(2));
    bench.node.reload().await.unwrap();
    let (kind, after) = loop {
        let (kind, after) = next(&mut updates).await;
        if kind == "snapshot" {
            break (kind, after);
        }
    };
    assert_eq!(kind, "snapshot");
    assert_eq!(after["clusters"][0]["nodes"].as_array().map(Vec::len), Some(1));
    bench.node.shutdown().await;
}

#[tokio::test]
async fn no_former_table_is_kept_once_nobody_reads() {
    let bench = Bench::start().await;
    let status = Status::builder("program", "1").watch(&bench.node);
    let former = Arc::downgrade(&bench.node.view());
    let mut updates = status.updates();
    next(&mut updates).await;
    drop(updates);
    bench.store.edit(|rows| rows.truncate(2));
    bench.node.reload().await.unwrap();
    // Its task lets go of it when it has heard of the reload.
    let gone = async {
        while former.upgrade().is_some() {
            tokio::task::yield_now().await;
        }
    };
    within(gone).await;
    assert_eq!(next(&mut status.updates()).await.0, "snapshot");
    bench.node.shutdown().await;
}

#[tokio::test]
async fn a_database_that_is_gone_and_rows_that_are_left_out_are_shown() {
    let bench = Bench::start().await;
    let status = Status::builder("program", "1").watch(&bench.node);
    bench.store.edit(|rows| rows[1].state = clusterer::Cell::Int(7));
    bench.node.reload().await.unwrap();
    let database = &snapshot(&status)["database"];
    assert_eq!((&database["up"], &database["skipped_rows_total"]), (&true.into(), &1.into()));
    assert!(database["skipped_rows"][0].as_str().unwrap().contains("state"), "{database}");

    bench.store.fail(true);
    bench.node.reload().await.unwrap_err();
    let database = &snapshot(&status)["database"];
    assert_eq!((&database["up"], &database["error"]), (&false.into(), &"it is gone".into()));
    assert_eq!(database["skipped_rows_total"], 1, "that table is still in memory");

    bench.store.fail(false);
    bench.node.reload().await.unwrap();
    assert_eq!(snapshot(&status)["database"]["up"], true);
    bench.node.shutdown().await;
}

#[tokio::test]
async fn a_broken_section_says_so_and_breaks_nothing_else() {
    let bench = Bench::start().await;
    let status = Status::builder("program", "1")
        .section("a", || panic!("a bug"))
        .section("b", || "{".to_owned())
        .section("c", || "[1]".to_owned())
        .watch(&bench.node);
    let shown = snapshot(&status);
    assert_eq!(shown["sections"]["a"]["error"], "its source panicked");
    assert_eq!(shown["sections"]["b"]["error"], "it is no JSON");
    assert_eq!(shown["sections"]["c"][0], 1);
    assert_eq!(next(&mut status.updates()).await.0, "snapshot");
    bench.node.shutdown().await;
}

#[tokio::test]
async fn only_the_last_events_are_kept() {
    let bench = Bench::start().await;
    let status = Status::builder("program", "1").watch(&bench.node);
    for _ in 0..=EVENTS / 2 {
        bench.set(2, State::Down).await;
        bench.set(2, State::Up).await;
    }
    // What is told last.
    bench.node.reload().await.unwrap();
    let mut updates = status.updates();
    let kept = loop {
        next(&mut updates).await;
        let kept = snapshot(&status)["events"].as_array().unwrap().clone();
        if kept.last().is_some_and(|event| event["kind"] == "reloaded") {
            break kept;
        }
    };
    let number = |event: &Value| event["number"].as_u64().unwrap();
    let span = number(&kept[EVENTS - 1]) - number(&kept[0]);
    assert_eq!((kept.len(), span), (EVENTS, EVENTS as u64 - 1));
    bench.node.shutdown().await;
}

#[tokio::test]
async fn readers_end_with_the_node() {
    let bench = Bench::start().await;
    let status = Status::builder("program", "1").watch(&bench.node);
    let mut updates = status.updates();
    bench.node.shutdown().await;
    while within(updates.next()).await.is_some() {}
    assert!(within(updates.next()).await.is_none());
    let mut late = status.updates();
    assert_eq!(next(&mut late).await.0, "snapshot");
    assert!(within(late.next()).await.is_none());
}

#[tokio::test]
async fn readers_end_with_the_status_which_keeps_the_node() {
    let Bench { node, .. } = Bench::start().await;
    let weak = node.downgrade();
    let status = Status::builder("program", "1").watch(&node);
    let mut updates = status.updates();
    next(&mut updates).await;
    drop(node);
    assert!(weak.upgrade().is_some());
    drop(status);
    assert!(within(updates.next()).await.is_none());
    assert!(weak.upgrade().is_none());
}
