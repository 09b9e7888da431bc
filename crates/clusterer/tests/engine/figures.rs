//! What all tests of this program count: the recorder is the process's.

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

static FIGURES: OnceLock<Figures> = OnceLock::new();

struct Figures {
    snapshotter: Snapshotter,
    /// A snapshot takes away what it shows.
    sums: Mutex<BTreeMap<(String, String), u64>>,
}

/// To be called before what is to be counted is made.
pub(crate) fn install() {
    FIGURES.get_or_init(|| {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        recorder.install().expect("nobody else installs one");
        Figures { snapshotter, sums: Mutex::default() }
    });
}

/// The counter of this name, of which one label has this value.
pub(crate) fn counter(name: &str, label: &str) -> u64 {
    let Figures { snapshotter, sums } = FIGURES.get().expect("it was installed");
    let mut sums = sums.lock().unwrap();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let name = key.key().name();
        if let DebugValue::Counter(count) = value {
            for label in key.key().labels() {
                *sums.entry((name.into(), label.value().into())).or_default() += count;
            }
        }
    }
    sums.get(&(name.into(), label.into())).copied().unwrap_or_default()
}
