//! A blocking client of the text FIFO.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{self, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::PIPE_BUF;
use thiserror::Error;

use crate::{EncodeError, encode_request};

/// The longest reply that is taken, in bytes.
const MAX_REPLY: usize = 16 << 20;

/// Runs a command over a text FIFO and returns the whole reply, which
/// [`TextAnswer::parse`](crate::TextAnswer::parse) takes apart. Blocks for `timeout` at most.
///
/// `path` is the server's command FIFO, `reply_dir` the directory that it is configured with. The reply
/// comes through a FIFO made there for this call (mode 0666, since the server may run as another
/// user) and removed after it. `params` are values, not lines: see [`encode_request`].
///
/// # Errors
/// When nobody answers, or the request cannot be sent. A refusal by the server is a reply.
pub fn call(
    path: &Path,
    reply_dir: &Path,
    command: &str,
    params: &[&str],
    timeout: Duration,
) -> Result<String, ClientError> {
    let deadline = Deadline { end: Instant::now() + timeout, timeout };
    let server = open_server(path)?;
    let reply = ReplyFifo::make(reply_dir)?;
    let request = encode_request(command, &reply.name, params)?;
    if request.len() > PIPE_BUF {
        return Err(ClientError::TooLong { length: request.len() });
    }
    send(&server, &request, &deadline).map_err(|error| {
        error.into_client(|source| ClientError::Send { path: path.into(), source })
    })?;
    drop(server);
    let bytes = reply.read(&deadline).map_err(|error| {
        error.into_client(|source| ClientError::Reply { path: reply.path.clone(), source })
    })?;
    if bytes.is_empty() {
        return Err(ClientError::NoAnswer);
    }
    String::from_utf8(bytes).map_err(|_| ClientError::Reply {
        path: reply.path.clone(),
        source: io::Error::new(io::ErrorKind::InvalidData, "the reply is not UTF-8"),
    })
}

/// Why a call has no reply.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The request cannot be written in the text form.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// There is nothing at the path.
    #[error("there is no FIFO {path}: the daemon is not running, or has another fifo_name")]
    Missing {
        /// The command FIFO.
        path: PathBuf,
    },
    /// The server closed the reply FIFO without a word.
    #[error("the daemon gave no answer: it may be shutting down")]
    NoAnswer,
    /// Nobody reads the command FIFO.
    #[error("nobody reads {path}: the daemon is not running")]
    NotRunning {
        /// The command FIFO.
        path: PathBuf,
    },
    /// Something else is at the path.
    #[error("{path} is no FIFO")]
    NotFifo {
        /// The path.
        path: PathBuf,
    },
    /// The reply FIFO cannot be made or read.
    #[error("cannot make or read the reply FIFO {path}: {source}")]
    Reply {
        /// The reply FIFO.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The command FIFO cannot be opened or written.
    #[error("cannot write to {path}: {source}")]
    Send {
        /// The command FIFO.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No reply in time.
    #[error("no reply within {0:?}: the daemon is busy, or has another reply_dir")]
    Timeout(Duration),
    /// The request is longer than the kernel writes to a FIFO in one piece. Part of it could end up
    /// inside another client's.
    #[error("the request has {length} bytes, at most {PIPE_BUF} stay together in a FIFO")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
}

struct Deadline {
    end: Instant,
    timeout: Duration,
}

/// What can happen while one waits for a FIFO.
enum WaitError {
    Io(io::Error),
    TimedOut(Duration),
}

impl Deadline {
    /// Waits until the descriptor is ready or hung up.
    fn wait(&self, fd: &impl AsFd, flags: PollFlags) -> Result<(), WaitError> {
        loop {
            let left = self.end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(WaitError::TimedOut(self.timeout));
            }
            // A time too long for the kernel's type is as good as none.
            let left = Timespec::try_from(left).ok();
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

impl WaitError {
    fn into_client(self, io: impl FnOnce(io::Error) -> ClientError) -> ClientError {
        match self {
            Self::Io(source) => io(source),
            Self::TimedOut(after) => ClientError::Timeout(after),
        }
    }
}

fn open_server(path: &Path) -> Result<OwnedFd, ClientError> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let error = |errno: Errno| match errno {
        Errno::NOENT => ClientError::Missing { path: path.into() },
        Errno::NXIO => ClientError::NotRunning { path: path.into() },
        Errno::ISDIR => ClientError::NotFifo { path: path.into() },
        errno => ClientError::Send { path: path.into(), source: errno.into() },
    };
    let server = fs::open(path, flags, Mode::empty()).map_err(error)?;
    let stat = fs::fstat(&server).map_err(error)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Fifo {
        return Err(ClientError::NotFifo { path: path.into() });
    }
    Ok(server)
}

/// A request that fits `PIPE_BUF` goes in whole or not at all.
fn send(server: &OwnedFd, request: &[u8], deadline: &Deadline) -> Result<(), WaitError> {
    loop {
        match rustix::io::write(server, request) {
            Ok(_) => return Ok(()),
            Err(Errno::AGAIN) => deadline.wait(server, PollFlags::OUT)?,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// A FIFO for one reply; removed when dropped.
struct ReplyFifo {
    name: String,
    path: PathBuf,
    reader: OwnedFd,
}

impl ReplyFifo {
    /// Open before the request is sent, so that the server finds a reader at once.
    fn make(dir: &Path) -> Result<Self, ClientError> {
        loop {
            let name = unique_name();
            let path = dir.join(&name);
            let error =
                |errno: Errno| ClientError::Reply { path: path.clone(), source: errno.into() };
            match fs::mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR) {
                Ok(()) => {}
                Err(Errno::EXIST) => continue,
                Err(errno) => return Err(error(errno)),
            }
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let reader = fs::open(&path, flags, Mode::empty());
            // Not the umask's business.
            let opened = reader.and_then(|reader| {
                fs::fchmod(&reader, Mode::from_raw_mode(0o666)).map(|()| reader)
            });
            return match opened {
                Ok(reader) => Ok(Self { name, path, reader }),
                Err(errno) => {
                    let _ = fs::unlink(&path);
                    Err(error(errno))
                }
            };
        }
    }

    /// Reads up to the end of file. Before the server opens its end there is nothing to poll: the kernel
    /// reports a hang-up only once a writer has come and gone.
    fn read(&self, deadline: &Deadline) -> Result<Vec<u8>, WaitError> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            deadline.wait(&self.reader, PollFlags::IN)?;
            match rustix::io::read(&self.reader, &mut buffer) {
                Ok(0) => return Ok(bytes),
                Ok(length) => bytes.extend(buffer.iter().take(length)),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            if bytes.len() > MAX_REPLY {
                return Err(WaitError::Io(io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    format!("the reply is longer than {MAX_REPLY} bytes"),
                )));
            }
        }
    }
}

impl Drop for ReplyFifo {
    fn drop(&mut self) {
        let _ = fs::unlink(&self.path);
    }
}

/// Process, call and time: also unique when containers share the directory but not process numbers.
fn unique_name() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("clusterer_mi_{}_{number}_{}", process::id(), time.as_nanos())
}
