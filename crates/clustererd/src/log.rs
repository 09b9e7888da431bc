//! The log: in which form it is written, how much of it, and how that changes while the daemon runs.

use crate::config::{Log, LogFormat, LogLevel};
use anyhow::{Context as _, Result};
use clusterer_mi::{ArgError, MiCommand, MiNode, MiReply, Param, Spec, command};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io;
use std::panic::{self, PanicHookInfo};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tracing::field::display;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt, reload};

/// A module that panics with each packet of a peer must not fill a disk.
const PANICS_EVERY: Duration = Duration::from_secs(1);

const LOG_LEVEL: Spec = Spec::new(
    "log_level",
    &[Param::optional("level", "error, warn, info, debug or trace; left out: only shows it")],
    "Shows the least severe level that is logged, or sets it until the configuration says another",
)
.also("core:log_level");

/// The log's level: a handle that all clones share.
#[derive(Clone)]
pub(crate) struct LogControl {
    filter: reload::Handle<LevelFilter, Registry>,
    now: Arc<Mutex<LogLevel>>,
}

/// Writes to standard error from now on.
pub(crate) fn begin(log: &Log) -> Result<LogControl> {
    let level = log.level.value;
    let (filter, handle) = reload::Layer::new(LevelFilter::from_level(level.0));
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(false);
    let lines = match log.format.value {
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
        LogFormat::Text => lines.boxed(),
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init()
        .context("a log is written already")?;
    let former = Mutex::new(None);
    panic::set_hook(Box::new(move |panic| note_panic(panic, &former)));
    Ok(LogControl { filter: handle, now: Arc::new(Mutex::new(level)) })
}

/// A panic is a line of the log like any other.
fn note_panic(panic: &PanicHookInfo<'_>, former: &Mutex<Option<Instant>>) {
    let now = Instant::now();
    let mut former = former.lock().unwrap_or_else(PoisonError::into_inner);
    if former.is_some_and(|former| now.duration_since(former) < PANICS_EVERY) {
        return;
    }
    *former = Some(now);
    drop(former);
    let why = panic.payload_as_str().unwrap_or("of no text");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = thread::current();
    let trace = Backtrace::capture();
    // Where it was asked for, with RUST_BACKTRACE.
    let backtrace = (trace.status() == BacktraceStatus::Captured).then(|| display(&trace));
    tracing::error!(place, thread = thread.name(), backtrace, "panicked: {why}");
}

impl LogControl {
    /// The command by which it is shown and set.
    pub(crate) fn command(&self) -> Arc<dyn MiCommand> {
        let log = self.clone();
        command(LOG_LEVEL, move |args| {
            let reply = match args.get(0).filter(|level| !level.is_empty()) {
                Some(level) => {
                    level.parse().map(|level| log.set_level(level)).map_err(|_| ArgError::Bad(0))
                }
                None => Ok(()),
            };
            let reply = match reply {
                Ok(()) => MiReply::ok().with_node(MiNode::new("Level", log.get().to_string())),
                Err(error) => error.into(),
            };
            async { reply }
        })
    }

    fn get(&self) -> LogLevel {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs this, and what is more severe. Says so, in whichever of the two levels shows more.
    pub(crate) fn set_level(&self, to: LogLevel) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let from = std::mem::replace(&mut *now, to);
        let say = || tracing::info!(%from, %to, "another level of the log was asked for");
        if to.0 < from.0 {
            say();
        }
        // The log is there as long as the process.
        let _ = self.filter.reload(LevelFilter::from_level(to.0));
        if to.0 > from.0 {
            say();
        }
    }
}

#[cfg(test)]
impl LogControl {
    /// Of no log at all.
    pub(crate) fn of_nothing() -> Self {
        let level = LogLevel(tracing::Level::INFO);
        let (_, filter) = reload::Layer::new(LevelFilter::from_level(level.0));
        Self { filter, now: Arc::new(Mutex::new(level)) }
    }
}
