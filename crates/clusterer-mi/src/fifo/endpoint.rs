//! The command FIFO as a file: made, found again, removed.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{self, CWD, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use super::{FifoConfig, FifoError};
use crate::accounts;

/// How the FIFO is to be made; checked once, used again whenever it was deleted.
#[derive(Debug)]
pub(super) struct Blueprint {
    path: PathBuf,
    mode: Mode,
    user: Option<Uid>,
    group: Option<Gid>,
}

/// A command FIFO that is ours, as long as nobody deletes it. Removed when dropped, if it still is.
#[derive(Debug)]
pub(super) struct Endpoint {
    path: PathBuf,
    /// Keeps the inode's number from being given to another file. Opened without reading, so it does
    /// not make clients believe that somebody listens.
    anchor: OwnedFd,
}

impl Blueprint {
    pub(super) fn new(config: &FifoConfig) -> Result<Self, FifoError> {
        if config.mode > 0o777 {
            return Err(FifoError::Mode { mode: config.mode });
        }
        Ok(Self {
            path: config.path.clone(),
            mode: Mode::from_raw_mode(config.mode),
            user: config
                .user
                .as_deref()
                .map(accounts::user)
                .transpose()
                .map_err(FifoError::user)?,
            group: config
                .group
                .as_deref()
                .map(accounts::group)
                .transpose()
                .map_err(FifoError::group)?,
        })
    }

    /// Makes the FIFO and opens it for reading. It gets its name last: a client that finds it finds a
    /// reader too. One that nobody reads is replaced.
    pub(super) fn build(&self) -> Result<(Endpoint, OwnedFd), FifoError> {
        self.check_place()?;
        let draft = Draft::make(self)?;
        let first = open_reader(&draft.path).map_err(|errno| self.create_error(errno))?;
        // The owner first: changing it may clear bits of the mode. Then open it once more: we will
        // have to after every end of file, so we had better be allowed to.
        let reader = fs::fchown(&first, self.user, self.group)
            .and_then(|()| fs::fchmod(&first, self.mode))
            .and_then(|()| open_reader(&draft.path))
            .map_err(|errno| FifoError::Owner { path: self.path.clone(), source: errno.into() })?;
        let anchor =
            fs::open(&draft.path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
                .map_err(|errno| self.create_error(errno))?;
        fs::rename(&draft.path, &self.path).map_err(|errno| self.create_error(errno))?;
        Ok((Endpoint { path: self.path.clone(), anchor }, reader))
    }

    fn check_place(&self) -> Result<(), FifoError> {
        match fs::lstat(&self.path) {
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(self.create_error(errno)),
            Ok(stat) if !is_fifo(&stat) => {
                return Err(FifoError::NotFifo { path: self.path.clone() });
            }
            Ok(_) => {}
        }
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::open(&self.path, flags, Mode::empty()) {
            Ok(_) => Err(FifoError::InUse { path: self.path.clone() }),
            Err(Errno::NXIO | Errno::NOENT) => Ok(()),
            Err(errno) => Err(self.create_error(errno)),
        }
    }

    pub(super) fn create_error(&self, source: impl Into<io::Error>) -> FifoError {
        FifoError::Create { path: self.path.clone(), source: source.into() }
    }
}

impl Endpoint {
    /// Whether the path still leads to this FIFO.
    pub(super) fn is_in_place(&self) -> bool {
        fs::lstat(&self.path).is_ok_and(|stat| self.is_me(&stat))
    }

    /// Another read end, for after an end of file; `None` if the path leads elsewhere by now.
    pub(super) fn reopen(&self) -> io::Result<Option<OwnedFd>> {
        match open_reader(&self.path) {
            Ok(reader) => {
                let stat = fs::fstat(&reader)?;
                Ok(self.is_me(&stat).then_some(reader))
            }
            Err(Errno::NOENT | Errno::LOOP) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Takes the name away. Who has the FIFO open keeps it.
    pub(super) fn remove(&self) {
        if self.is_in_place() {
            let _ = fs::unlink(&self.path);
        }
    }

    fn is_me(&self, stat: &Stat) -> bool {
        fs::fstat(&self.anchor).is_ok_and(|me| (me.st_dev, me.st_ino) == (stat.st_dev, stat.st_ino))
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A FIFO under a name that no client looks for; removed unless it was renamed.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn make(blueprint: &Blueprint) -> Result<Self, FifoError> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let mut name = OsString::from(".");
        name.push(blueprint.path.file_name().unwrap_or_default());
        name.push(format!(".{}.{number}", std::process::id()));
        let path = blueprint.path.with_file_name(name);
        // Left over by a process of the same number that was killed in between.
        if fs::lstat(&path).is_ok_and(|stat| is_fifo(&stat)) {
            let _ = fs::unlink(&path);
        }
        fs::mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| blueprint.create_error(errno))?;
        Ok(Self { path })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After the rename there is nothing of that name.
        let _ = fs::unlink(&self.path);
    }
}

pub(super) fn is_fifo(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Fifo
}

fn open_reader(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::open(path, flags, Mode::empty())
}
