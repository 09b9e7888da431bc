//! What all benchmarks share: how long to run, the terminal, Ctrl-C.

use anyhow::{Result, anyhow, ensure};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

pub(crate) struct Bench {
    pub(crate) quick: bool,
    begun: Instant,
    interrupted: Arc<AtomicBool>,
}

impl Bench {
    pub(crate) fn new(quick: bool) -> Result<Self> {
        Ok(Self { quick, begun: Instant::now(), interrupted: catch_interrupt()? })
    }

    /// One of the two, by how long this is to take.
    pub(crate) fn either<T>(&self, quick: T, thorough: T) -> T {
        if self.quick { quick } else { thorough }
    }

    pub(crate) fn say(&self, what: &str) {
        println!("[{:6.1} s] {what}", self.begun.elapsed().as_secs_f64());
    }

    /// Fails once Ctrl-C was typed, so that everything is cleared away in order.
    pub(crate) fn go_on(&self) -> Result<()> {
        ensure!(!self.interrupted.load(Ordering::Relaxed), "interrupted");
        Ok(())
    }

    /// Sleeps, unless it is interrupted.
    pub(crate) fn pause(&self, how_long: Duration) -> Result<()> {
        let end = Instant::now() + how_long;
        loop {
            self.go_on()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}

fn catch_interrupt() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut typed = runtime
        .block_on(async { signal(SignalKind::interrupt()) })
        .map_err(|error| anyhow!("Ctrl-C cannot be caught: {error}"))?;
    thread::spawn(move || {
        runtime.block_on(typed.recv());
        flag.store(true, Ordering::Relaxed);
    });
    Ok(interrupted)
}
