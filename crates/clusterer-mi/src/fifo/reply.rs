//! The client's reply FIFO: opened with suspicion, since its name comes from whoever can write to the
//! command FIFO and its directory is everybody's.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{self, Mode, OFlags, Stat};
use rustix::io::Errno;
use thiserror::Error;
use tokio::net::unix::pipe::Sender;
use tokio::time::{Instant, sleep, timeout};

use super::endpoint::is_fifo;

/// How often to look for a reader.
const RETRY: Duration = Duration::from_millis(20);

/// A reply FIFO that somebody reads.
#[derive(Debug)]
pub(super) struct ReplyPipe(Sender);

/// Why a reply FIFO is not used.
#[derive(Debug, Error)]
pub(super) enum ReplyError {
    #[error("it cannot be opened: {0}")]
    Io(#[from] io::Error),
    #[error("it has more than one link")]
    Linked,
    #[error("its name contains '.', '/' or '\\'")]
    Name,
    #[error("it is no FIFO")]
    NotFifo,
    #[error("nobody reads it")]
    NoReader,
}

impl ReplyPipe {
    /// Opens a reply FIFO that has a reader at this moment.
    pub(super) fn open(dir: &Path, name: &str) -> Result<Self, ReplyError> {
        if name.contains(['.', '/', '\\', '\0']) {
            return Err(ReplyError::Name);
        }
        let path = dir.join(name);
        // Looked at before it is opened too: opening a device can do things.
        check(&fs::lstat(&path).map_err(io::Error::from)?)?;
        let pipe = open_writer(&path)?;
        check(&fs::fstat(&pipe).map_err(io::Error::from)?)?;
        Ok(Self(Sender::from_owned_fd(pipe)?))
    }

    /// As [`ReplyPipe::open`], but gives a client some time to open its end.
    pub(super) async fn open_within(
        dir: &Path,
        name: &str,
        patience: Duration,
    ) -> Result<Self, ReplyError> {
        let deadline = Instant::now() + patience;
        loop {
            match Self::open(dir, name) {
                Err(ReplyError::NoReader) if Instant::now() < deadline => sleep(RETRY).await,
                result => return result,
            }
        }
    }

    /// Writes a whole reply, then closes the FIFO. The reader may have left, or be slower than
    /// `limit`.
    pub(super) async fn write(self, reply: &str, limit: Duration) -> io::Result<()> {
        match timeout(limit, self.write_all(reply.as_bytes())).await {
            Ok(result) => result,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the reader is too slow")),
        }
    }

    async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.0.writable().await?;
            match self.0.try_write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn check(stat: &Stat) -> Result<(), ReplyError> {
    if !is_fifo(stat) {
        return Err(ReplyError::NotFifo);
    }
    if stat.st_nlink != 1 {
        return Err(ReplyError::Linked);
    }
    Ok(())
}

fn open_writer(path: &Path) -> Result<OwnedFd, ReplyError> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match fs::open(path, flags, Mode::empty()) {
        Ok(pipe) => Ok(pipe),
        Err(Errno::NXIO) => Err(ReplyError::NoReader),
        Err(Errno::LOOP) => Err(ReplyError::NotFifo),
        Err(errno) => Err(ReplyError::Io(errno.into())),
    }
}
