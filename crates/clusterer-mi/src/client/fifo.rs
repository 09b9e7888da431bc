//! A command FIFO, and a FIFO for the reply.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::fs::{self, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::PIPE_BUF;

use super::deadline::{Deadline, WaitError};
use super::{ClientError, MAX_REPLY, unique_name};
use crate::encode_request;

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
    exchange(path, reply_dir, &Deadline::after(timeout), |reply| {
        Ok(encode_request(command, reply, params)?)
    })
}

/// Writes one request, made for the name of the reply FIFO, and reads the reply to its end.
pub(super) fn exchange(
    path: &Path,
    reply_dir: &Path,
    deadline: &Deadline,
    request: impl FnOnce(&str) -> Result<Vec<u8>, ClientError>,
) -> Result<String, ClientError> {
    let server = open_server(path)?;
    let reply = ReplyFifo::make(reply_dir)?;
    let request = request(&reply.name)?;
    if request.len() > PIPE_BUF {
        return Err(ClientError::TooLong { length: request.len() });
    }
    send(&server, &request, deadline).map_err(|error| {
        error.into_client(|source| ClientError::Send { path: path.into(), source })
    })?;
    drop(server);
    let bytes = reply.read(deadline).map_err(|error| {
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
