//! The page as a whole: what is on it from the start, and the reference that is made from it.

use super::page::{Family, families, lint};
use super::{describe, recorder, render};
use crate::commands::commands;
use crate::log::LogControl;
use clusterer::{Cell, Cluster, ClusterId, MachineId, MemoryStore};
use clusterer_ratelimit::{Parameters, RateLimit};
use expect_test::expect_file;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

/// A node whose peers, this many, are down, so that nobody is dialled. With ratelimit, or without a module.
fn with_node<T>(peers: i32, ratelimit: bool, run: impl FnOnce(&dyn Fn() -> String) -> T) -> T {
    let recorder = recorder().unwrap();
    let figures = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // What other threads count goes nowhere; the zeros are shown from here.
    metrics::with_local_recorder(&recorder, || {
        describe();
        runtime.block_on(async {
            let machine = |id| MachineId::new(id).unwrap();
            let url = |id: i32| format!("bin:127.{}.{}.1:5566", id / 250, id % 250);
            let urls = (1..=peers + 1).map(|id| (machine(id), url(id)));
            let store = MemoryStore::of(ClusterId::new(1).unwrap(), urls);
            store.edit(|rows| rows.iter_mut().skip(1).for_each(|row| row.state = Cell::Int(0)));
            let cluster = Cluster::builder(machine(1), Arc::new(store)).start().await.unwrap();
            let parameters = Parameters { accept_pipes_from: 1, ..Parameters::default() };
            let limits = RateLimit::new(parameters.validate().unwrap(), cluster.now());
            let running =
                if ratelimit { Some(limits.start(&cluster).await.unwrap()) } else { None };
            drop(commands(&cluster, Some(&limits), &LogControl::of_nothing()).unwrap());
            let result = run(&|| render(&figures, &cluster));
            if let Some(running) = running {
                running.stop().await;
            }
            cluster.shutdown().await;
            result
        })
    })
}

#[test]
fn every_family_is_there_from_the_start_with_its_zeros() {
    let page = with_node(2, true, |page| page());
    assert_eq!(lint(&page), Vec::<String>::new());
    let families = families(&page).unwrap();
    assert!(families.len() >= 25, "{}", families.len());
    for (name, family) in families {
        assert!(!family.samples.is_empty(), "{name} has no sample");
        // The configuration was read; the database has answered; the state that both nodes are in; how old something is; what is configured.
        let lives = [
            "_age_seconds",
            "_config_read",
            "_db_up",
            "_info",
            "_nodes",
            "_state",
            "start_time_seconds",
            "timeout_seconds",
        ];
        if name.starts_with("clusterer_node_round_trip_") {
            assert!(
                family.samples.iter().all(|it| it.value.is_nan()),
                "{name}: nobody has answered"
            );
        } else if !lives.iter().any(|end| name.ends_with(end)) {
            let sum: f64 =
                family.samples.iter().filter(|it| it.name == name).map(|it| it.value).sum();
            assert_eq!(sum, 0.0, "{name}");
        }
    }
}

#[test]
fn a_node_alone_and_without_modules_has_a_page_without_faults() {
    let page = with_node(0, false, |page| page());
    assert_eq!(lint(&page), Vec::<String>::new());
    assert!(page.contains("clusterer_nodes{cluster_id=\"1\",state=\"1\"} 0\n"), "{page}");
}

#[test]
fn a_page_is_well_below_two_kilobytes_a_node() {
    let (few, many) =
        (with_node(10, true, |page| page().len()), with_node(110, true, |page| page().len()));
    assert!((many - few) / 100 < 2_000, "{few} and {many}");
}

const HEAD: &str = "\
# Metrics

<!-- Generated from what a node shows at its start.
     UPDATE_EXPECT=1 cargo test -p clustererd writes it anew. -->

With `[metrics]` in its configuration, `clustererd` answers `GET /metrics` in the text format of Prometheus.

- Every metric is there from the start, with its zero: a query finds a series before the first packet. Those of a
  module begin with its registration, those of a node with its row, and both end with it. A round trip that nobody
  knows yet is `NaN`, since a zero would be the best of all: it passes no threshold, graphs have a gap, and a mean
  of nodes takes those that are known by `avg(clusterer_node_round_trip_seconds >= 0)`.
- Labels are bounded: `machine_id` and `cluster_id` are those of the node table, `module` those that are
  registered, `command` those of [mi.md](mi.md). Nothing that a peer or a client sends becomes a label.
- Units are seconds and bytes. What ends with `_total` only grows, until the daemon is started anew.
- What a node is known by (state, round trip, queue, traffic) is read when it is asked for. Nothing is kept for it in
  between, and nothing is out of date.
- A program that embeds the engine has the same: the crates record through the `metrics` facade
  (`describe_metrics` of each), and `clusterer_status::render_metrics` is the part by node.

A scrape is made on a thread of its own, one at a time: the threads that receive, send and judge go on meanwhile, as
nothing that they need is locked for longer than a queue's length is read. With 1,000 nodes and one module a page has
1.30 MB and takes 2.3 ms of one core (the median of 101 pages of a release build, two cores shared with compilers; the
longest 22 ms): scraped every 15 seconds, 0.02 % of a core.

| metric | type | labels | meaning |
|---|---|---|---|
";

/// The labels whose values depend on the configuration.
const OPEN: [&str; 5] = ["cluster_id", "command", "machine_id", "module", "version"];

fn labels(family: &Family) -> String {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let labels = family.samples.iter().flat_map(|sample| &sample.labels);
    for (name, value) in labels.filter(|(name, _)| name != "le") {
        values.entry(name).or_default().insert(value);
    }
    let described = values.into_iter().map(|(name, values)| {
        if OPEN.contains(&name) {
            return format!("`{name}`");
        }
        let values: Vec<_> = values.into_iter().collect();
        format!("`{name}`: {}", values.join(", "))
    });
    described.collect::<Vec<_>>().join("; ")
}

#[test]
fn the_reference_is_current() {
    let page = with_node(2, true, |page| page());
    let mut text = HEAD.to_owned();
    for (name, family) in families(&page).unwrap() {
        let labels = labels(&family);
        let Family { help, kind, .. } = family;
        writeln!(text, "| `{name}` | {kind} | {labels} | {help} |").unwrap();
    }
    expect_file!["../../../../docs/metrics.md"].assert_eq(&text);
}
