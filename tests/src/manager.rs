//! A service manager that only listens.

use anyhow::{Context as _, Result};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Hears what a daemon tells systemd. Clones are the same one; the messages come in order.
#[derive(Clone, Debug)]
pub struct ServiceManager(Arc<Ear>);

#[derive(Debug)]
struct Ear {
    socket: UnixDatagram,
    name: OsString,
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// One whose socket is a file in this directory.
    ///
    /// # Errors
    /// There is one already.
    pub fn in_directory(directory: &Path, watchdog: Option<Duration>) -> Result<Self> {
        let path = directory.join("notify");
        let socket = UnixDatagram::bind(&path)?;
        Ok(Self(Arc::new(Ear { socket, name: path.into(), watchdog })))
    }

    /// One whose socket has a name but no file, as containers like it.
    ///
    /// # Errors
    /// The system refuses it.
    pub fn abstractly() -> Result<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("clusterer-tests-{}-{number}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
        Ok(Self(Arc::new(Ear { socket, name: format!("@{name}").into(), watchdog: None })))
    }

    /// A program that is to report here.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("NOTIFY_SOCKET", &self.0.name);
        if let Some(watchdog) = self.0.watchdog {
            command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        }
        command
    }

    /// The next message, if one comes in time.
    ///
    /// # Errors
    /// The socket cannot be read, or the message is no text.
    pub fn next(&self, patience: Duration) -> Result<Option<String>> {
        // No time at all would be for ever.
        self.0.socket.set_read_timeout(Some(patience.max(Duration::from_millis(1))))?;
        let mut bytes = vec![0; 8192];
        let length = match self.0.socket.recv(&mut bytes) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        bytes.truncate(length);
        Ok(Some(String::from_utf8(bytes)?))
    }

    /// Everything up to the first message with this line, which is the last of them.
    ///
    /// # Errors
    /// None came in time; the text has those that did.
    pub fn until(&self, line: &str, patience: Duration) -> Result<Vec<String>> {
        let give_up = Instant::now() + patience;
        let mut heard = Vec::new();
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
            let message = self.next(left)?;
            heard.push(message.with_context(|| format!("no {line}, but {heard:?}"))?);
            if heard.last().is_some_and(|last| last.lines().any(|it| it == line)) {
                return Ok(heard);
            }
        }
    }
}
