//! What is counted for the exporter, by the names that the documentation gives.

use crate::cluster::{at, config, receive, receive_as, write};
use clusterer_bin::Dialect;
use clusterer_ratelimit::{MAX_STRANGERS, RateLimit};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use std::collections::BTreeMap;

/// Everything recorded, by name and value of the label.
fn recorded(run: impl FnOnce()) -> BTreeMap<String, u64> {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, run);
    let entries = recorder.snapshotter().snapshot().into_vec();
    let figures = entries.into_iter().map(|(key, _, _, value)| {
        let key = key.key();
        let labels = key.labels().map(|label| format!(" {}", label.value()));
        let name = format!("{}{}", key.name(), labels.collect::<String>());
        let figure = match value {
            DebugValue::Counter(count) => count,
            DebugValue::Gauge(gauge) => format!("{gauge}").parse().unwrap(),
            DebugValue::Histogram(_) => panic!("{name}: there are no histograms"),
        };
        (name.trim_start_matches("clusterer_ratelimit_").to_owned(), figure)
    });
    figures.collect()
}

#[test]
fn calls_and_pipes_are_published_at_the_tick() {
    let node = RateLimit::new(config(|p| p.timer_interval = 1), at(0));
    for _ in 0..5 {
        node.check(at(0), b"p", 3, None).unwrap();
    }
    let figures = recorded(|| node.tick(at(1000)));
    let expected = [("calls_total allowed", 3), ("calls_total limited", 2), ("pipes", 1)];
    assert_eq!(figures, expected.map(|(name, figure)| (name.to_owned(), figure)).into());
    assert_eq!(recorded(|| node.tick(at(2000)))["calls_total allowed"], 0);
}

#[test]
fn what_is_received_is_counted_by_what_became_of_it() {
    let node = RateLimit::new(config(|p| p.max_pipes = 1), at(0));
    let figures = recorded(|| {
        let pipes: [(&[u8], i32, i32); 5] =
            [(b"p", 1, 1), (b"", 1, 1), (b"q", 1, 1), (b"p", 9, 1), (b"p", 1, -1)];
        let bytes = write(Dialect::V22, 2, |writer| {
            for (name, algorithm, counter) in pipes {
                writer.str(name).int(algorithm).int(1).int(counter);
            }
        });
        receive(&node, at(0), &bytes).unwrap();
        for stranger in 0..=i32::try_from(MAX_STRANGERS).unwrap() {
            let heartbeat = write(Dialect::V22, 10 + stranger, |_| {});
            receive_as(&node, false, at(0), &heartbeat).unwrap();
        }
    });
    let expected = [
        ("received_total", 1),
        ("skipped_total empty_name", 1),
        ("skipped_total negative", 1),
        ("skipped_total table_full", 1),
        ("skipped_total unknown_algorithm", 1),
        ("strangers_refused_total", 1),
    ];
    assert_eq!(figures, expected.map(|(name, figure)| (name.to_owned(), figure)).into());
}
