//! Where log lines go, and how many.

use std::io;
use std::sync::Arc;
use tracing::Level;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, reload};

/// The log's level: a handle that all clones share.
#[derive(Clone)]
pub(crate) struct LogControl {
    set: Arc<dyn Fn(Level) + Send + Sync>,
}

impl LogControl {
    /// Logs to standard error from now on.
    pub(crate) fn install(level: Level) -> Self {
        let (filter, control) = reload::Layer::new(LevelFilter::from_level(level));
        let lines = fmt::layer().with_writer(io::stderr).with_ansi(false);
        tracing_subscriber::registry().with(filter).with(lines).init();
        let set = move |level| {
            // It fails without a subscriber, and this one stays.
            let _ = control.reload(LevelFilter::from_level(level));
        };
        Self { set: Arc::new(set) }
    }

    /// Logs this, and what is more severe.
    pub(crate) fn set_level(&self, level: Level) {
        (self.set)(level);
    }
}
