//! How late this machine is: the control of every measured time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const BEAT: Duration = Duration::from_millis(2);

/// A thread that sleeps and wakes, and notes how late it was. On a machine that does nothing else it is
/// late by less than a millisecond; where it is late by more, so is whatever is measured meanwhile.
#[derive(Debug)]
pub struct Pulse {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
    worst: AtomicU64,
}

impl Pulse {
    /// Begins to watch. Dropping it ends that.
    #[must_use]
    pub fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let beating = shared.clone();
        let beat = move || {
            while !beating.ended.load(Ordering::Relaxed) {
                let due = Instant::now() + BEAT;
                thread::sleep(BEAT);
                let late = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
                beating.worst.fetch_max(late, Ordering::Relaxed);
            }
        };
        Self { shared, thread: Some(thread::spawn(beat)) }
    }

    /// The longest that it was late until now.
    #[must_use]
    pub fn worst(&self) -> Duration {
        Duration::from_micros(self.shared.worst.load(Ordering::Relaxed))
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It cannot panic.
            let _ = thread.join();
        }
    }
}
