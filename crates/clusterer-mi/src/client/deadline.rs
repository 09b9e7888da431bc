//! The one time limit of a call.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::ClientError;

/// When a call ends, whatever it is doing.
pub(super) struct Deadline {
    start: Instant,
    timeout: Duration,
}

/// What can happen while one waits.
pub(super) enum WaitError {
    Io(io::Error),
    TimedOut(Duration),
}

impl Deadline {
    pub(super) fn after(timeout: Duration) -> Self {
        Self { start: Instant::now(), timeout }
    }

    /// What is left, never nothing: sockets take a time of zero for no limit.
    ///
    /// # Errors
    /// When nothing is left.
    pub(super) fn left(&self) -> Result<Duration, WaitError> {
        match self.timeout.checked_sub(self.start.elapsed()) {
            Some(left) if !left.is_zero() => Ok(left),
            _ => Err(self.timed_out()),
        }
    }

    pub(super) fn timed_out(&self) -> WaitError {
        WaitError::TimedOut(self.timeout)
    }

    /// Waits until the descriptor is ready or hung up.
    pub(super) fn wait(&self, fd: &impl AsFd, flags: PollFlags) -> Result<(), WaitError> {
        loop {
            // A time too long for the kernel's type is as good as none.
            let left = Timespec::try_from(self.left()?).ok();
            match poll(&mut [PollFd::new(fd, flags)], left.as_ref()) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl From<Errno> for WaitError {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

impl From<io::Error> for WaitError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl WaitError {
    pub(super) fn into_client(self, io: impl FnOnce(io::Error) -> ClientError) -> ClientError {
        match self {
            Self::Io(source) => io(source),
            Self::TimedOut(after) => ClientError::Timeout(after),
        }
    }
}
