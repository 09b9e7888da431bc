//! The gauges, each of which shows the sum of what the mio threads have.

use metrics::Gauge;
use std::sync::{Mutex, PoisonError};

/// What one thread has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) inbound: usize,
    pub(crate) outbound: usize,
}

/// What is shown.
#[derive(Debug)]
struct Threads {
    levels: Vec<Level>,
    queued: Option<usize>,
}

/// The recorder's handles, taken once.
#[derive(Debug)]
pub(crate) struct Levels {
    inbound: Gauge,
    outbound: Gauge,
    queued: Gauge,
    threads: Mutex<Threads>,
}

impl Levels {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            inbound: metrics::gauge!("clusterer_bin_connections", "direction" => "inbound"),
            outbound: metrics::gauge!("clusterer_bin_connections", "direction" => "outbound"),
            queued: metrics::gauge!("clusterer_bin_link_queue_bytes"),
            threads: Mutex::new(Threads { levels: vec![Level::default(); threads], queued: None }),
        }
    }

    /// This is what the thread has now; and `queued`, the bytes queued on all links, is looked at.
    pub(crate) fn show(&self, thread: usize, level: Level, queued: impl Fn() -> usize) {
        // Looked at and set under the lock: else an older sum could overwrite a younger one, and stay.
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let queued = queued();
        let Some(shown) = threads.levels.get_mut(thread) else { return };
        let former = std::mem::replace(shown, level);
        if former == level && threads.queued == Some(queued) {
            return;
        }
        threads.queued = Some(queued);
        let sum = |of: fn(&Level) -> usize| float(threads.levels.iter().map(of).sum());
        self.inbound.set(sum(|level| level.inbound));
        self.outbound.set(sum(|level| level.outbound));
        self.queued.set(float(queued));
    }
}

/// A gauge's value: exact up to 4 GiB, which no queue here comes near.
fn float(value: usize) -> f64 {
    u32::try_from(value).unwrap_or(u32::MAX).into()
}
