//! The end of a watch: Ctrl-C, or a signal that means the same.

use std::future::poll_fn;
use std::io::{self, Write};
use std::process;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long a call that is under way may take to end by itself, and to remove what it has made.
const GRACE: Duration = Duration::from_millis(500);

/// Tells when to stop. A thread of its own waits for the signals: the loop may be in a call.
pub(super) struct Stop {
    stopped: Receiver<()>,
    terminal: Arc<Terminal>,
}

/// What brings the terminal back, as long as it is needed.
#[derive(Default)]
struct Terminal(Mutex<Option<&'static str>>);

impl Stop {
    /// From here on, SIGINT, SIGTERM and SIGHUP end the watch and not the process.
    pub(super) fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let mut signals = {
            let _inside = runtime.enter();
            kinds.into_iter().map(signal).collect::<io::Result<Vec<_>>>()?
        };
        let (stop, stopped) = mpsc::channel();
        let terminal = Arc::<Terminal>::default();
        let shared = Arc::clone(&terminal);
        thread::Builder::new().name("signals".into()).spawn(move || {
            runtime.block_on(poll_fn(|context| {
                let came =
                    |signal: &mut tokio::signal::unix::Signal| signal.poll_recv(context).is_ready();
                if signals.iter_mut().any(came) { Poll::Ready(()) } else { Poll::Pending }
            }));
            let _ = stop.send(());
            thread::park_timeout(GRACE);
            shared.restore();
            process::exit(0);
        })?;
        Ok(Self { stopped, terminal })
    }

    /// Waits, and tells whether it is time to stop.
    pub(super) fn within(&self, time: Duration) -> bool {
        self.stopped.recv_timeout(time) != Err(RecvTimeoutError::Timeout)
    }

    /// Remembers what to write at the end. Tells whether that is new.
    pub(super) fn restore_with(&self, text: &'static str) -> bool {
        self.terminal.0.lock().unwrap_or_else(PoisonError::into_inner).replace(text).is_none()
    }

    pub(super) fn restore(&self) {
        self.terminal.restore();
    }
}

impl Terminal {
    /// Once.
    fn restore(&self) {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(text) = text {
            // Nobody is left to tell if this fails.
            let mut out = io::stdout().lock();
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        }
    }
}
