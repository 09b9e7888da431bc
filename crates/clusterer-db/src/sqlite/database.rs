//! The file: how it is opened, and what its errors mean to whoever runs the program.

use super::session::SqliteSession;
use crate::backend::{Backend, Missing};
use crate::site::Site;
use crate::{DbUrl, Options};
use clusterer_node::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A SQLite file. Holds no connection.
#[derive(Clone, Debug)]
pub(crate) struct Sqlite {
    site: Site,
    path: PathBuf,
}

/// Which file a path led to: it changes when the file is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl Backend for Sqlite {
    type Session = SqliteSession;

    fn site(&self) -> &Site {
        &self.site
    }

    async fn connect(&self, missing: Missing) -> Result<SqliteSession, StoreError> {
        // SQLite would take an empty device for an empty database.
        if fs::metadata(&self.path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(self.site.refused("this is no regular file"));
        }
        // Before it is opened: if the file is replaced meanwhile, that is noticed the next time.
        let before = self.file_id();
        let connection = self.open(missing).map_err(|error| self.explain(&error))?;
        let file = before.or_else(|_| self.file_id())?;
        Ok(SqliteSession { database: self.clone(), file, connection, loaded_at: None })
    }

    async fn bounded<T, E: From<StoreError>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        call.await
    }
}

impl Sqlite {
    pub(crate) fn new(url: &DbUrl, path: &Path, options: &Options) -> Self {
        // An absolute path stays right when the process changes its directory, and SQLite reads no
        // meaning into it, as it does into "file:x" or ":memory:".
        let path = std::path::absolute(path).unwrap_or_else(|_| Path::new(".").join(path));
        Self { site: Site::new(url, options), path }
    }

    /// Which file it is now.
    pub(super) fn file_id(&self) -> Result<FileId, StoreError> {
        match fs::metadata(&self.path) {
            Ok(metadata) => Ok(FileId { device: metadata.dev(), inode: metadata.ino() }),
            Err(error) => Err(self.no_access(&error)),
        }
    }

    fn open(&self, missing: Missing) -> rusqlite::Result<Connection> {
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        if missing == Missing::Create {
            flags |= OpenFlags::SQLITE_OPEN_CREATE;
        }
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(self.site.options().lock_timeout)?;
        // Else SQLite takes the quoted name of a column that is not there for a text.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        if missing == Missing::Create {
            choose_journal(&connection)?;
        }
        Ok(connection)
    }

    /// What an error of SQLite means.
    pub(super) fn explain(&self, error: &rusqlite::Error) -> StoreError {
        let site = &self.site;
        match error.sqlite_error_code() {
            Some(ErrorCode::CannotOpen) => self.cannot_open(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => site.locked(),
            Some(ErrorCode::DatabaseCorrupt) => {
                site.refused(&format!("the file is damaged ({error}): restore it from a copy"))
            }
            Some(ErrorCode::DiskFull) => site.refused("the disk is full"),
            // Also who only reads needs it, where there is a write-ahead log.
            Some(ErrorCode::SystemIoFailure) if has_no_room_beside_it(error) => {
                site.refused("the disk is full: there is no room for the file -shm beside it")
            }
            Some(ErrorCode::NotADatabase) => site.refused("the file is no SQLite database"),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => site.refused(
                "the database is read-only: this user must be allowed to write the file and its \
                 directory",
            ),
            Some(
                ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OutOfMemory
                | ErrorCode::SystemIoFailure,
            ) => site.unavailable(&error.to_string()),
            _ => site.refused(&error.to_string()),
        }
    }

    /// SQLite has one code for every reason why a file cannot be opened: look for the reason.
    fn cannot_open(&self) -> StoreError {
        match fs::metadata(&self.path) {
            Err(error) => self.no_access(&error),
            Ok(_) => self.site.refused(
                "the file cannot be opened: this user must be allowed to read and write it and to \
                 create files beside it",
            ),
        }
    }

    fn no_access(&self, error: &io::Error) -> StoreError {
        let directory = self.path.parent().unwrap_or(&self.path);
        match error.kind() {
            io::ErrorKind::NotFound if !directory.exists() => self
                .site
                .refused(&format!("there is no directory {}: make it first", directory.display())),
            io::ErrorKind::NotFound => {
                self.site.schema("there is no such file", &self.site.init_advice())
            }
            _ => self.site.refused(&error.to_string()),
        }
    }
}

/// A file without contents can be made on a full disk, but gets no room.
fn has_no_room_beside_it(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE)
}

/// Lets a new file use a write-ahead log, so that nobody who reads waits for somebody who writes. A
/// file that exists keeps what it has: others may rely on that.
fn choose_journal(connection: &Connection) -> rusqlite::Result<()> {
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    if pages == 0 {
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> Sqlite {
        let url: DbUrl = "sqlite:x.db".parse().unwrap();
        Sqlite::new(&url, Path::new("x.db"), &Options::default())
    }

    /// Those that a test cannot bring about on every machine.
    #[test]
    fn each_error_of_sqlite_has_its_kind() {
        let explain = |code| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            match database().explain(&error) {
                StoreError::Refused(text) => format!("refused {text}"),
                StoreError::Schema(text) => format!("schema {text}"),
                StoreError::Unavailable(text) => format!("unavailable {text}"),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(explain(ffi::SQLITE_FULL), "refused sqlite:x.db: the disk is full");
        assert_eq!(
            explain(ffi::SQLITE_IOERR_SHMSIZE),
            "refused sqlite:x.db: the disk is full: there is no room for the file -shm beside it"
        );
        assert!(
            explain(ffi::SQLITE_CORRUPT).starts_with("refused sqlite:x.db: the file is damaged")
        );
        assert!(explain(ffi::SQLITE_IOERR).starts_with("unavailable sqlite:x.db: "));
        assert!(explain(ffi::SQLITE_IOERR_WRITE).starts_with("unavailable sqlite:x.db: "));
        assert!(explain(ffi::SQLITE_NOMEM).starts_with("unavailable sqlite:x.db: "));
        assert!(explain(ffi::SQLITE_PERM).contains("read-only"));
        assert!(explain(ffi::SQLITE_BUSY_SNAPSHOT).contains("for longer than 5s"));
        assert!(explain(ffi::SQLITE_CONSTRAINT_TRIGGER).starts_with("refused "));
    }

    #[test]
    fn a_path_is_never_read_as_anything_else() {
        let url: DbUrl = "sqlite:file:x?mode=memory".parse().unwrap();
        let database = Sqlite::new(&url, url.sqlite_path().unwrap(), &Options::default());
        assert!(database.path.is_absolute());
        assert!(database.path.ends_with("file:x?mode=memory"));
    }
}
