//! The file: how it is opened, and what its errors mean to whoever runs the program.

use crate::{DbUrl, Options, TableNames};
use clusterer_node::{Column, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where the file is and how to work with it. Holds no connection.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    url: DbUrl,
    path: PathBuf,
    options: Options,
}

/// Which file a path led to: it changes when the file is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

/// Whether a file that is not there may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Create,
    Refuse,
}

impl Database {
    pub(crate) fn new(url: &DbUrl, path: &Path, options: &Options) -> Self {
        // An absolute path stays right when the process changes its directory, and SQLite reads no
        // meaning into it, as it does into "file:x" or ":memory:".
        let path = std::path::absolute(path).unwrap_or_else(|_| Path::new(".").join(path));
        Self { url: url.clone(), path, options: options.clone() }
    }

    pub(super) fn names(&self) -> &TableNames {
        &self.options.names
    }

    /// Which file it is now.
    pub(super) fn file_id(&self) -> Result<FileId, StoreError> {
        match fs::metadata(&self.path) {
            Ok(metadata) => Ok(FileId { device: metadata.dev(), inode: metadata.ino() }),
            Err(error) => Err(self.no_access(&error)),
        }
    }

    pub(super) fn connect(&self, missing: Missing) -> Result<Connection, StoreError> {
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        // SQLite would take an empty device for an empty database.
        if fs::metadata(&self.path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(self.refused("this is no regular file"));
        }
        if missing == Missing::Create {
            flags |= OpenFlags::SQLITE_OPEN_CREATE;
        }
        let open = || {
            let connection = Connection::open_with_flags(&self.path, flags)?;
            connection.busy_timeout(self.options.lock_timeout)?;
            // Else SQLite takes the quoted name of a column that is not there for a text.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
            Ok(connection)
        };
        open().map_err(|error| self.explain(&error))
    }

    /// Does this work in one transaction: all of it, or on an error nothing.
    pub(super) fn transaction<T, E: From<StoreError>>(
        &self,
        connection: &mut Connection,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let tx =
            connection.transaction_with_behavior(behavior).map_err(|error| self.explain(&error))?;
        let done = work(&tx)?;
        tx.commit().map_err(|error| self.explain(&error))?;
        Ok(done)
    }

    /// What a table that lacks something means, and what to do.
    pub(super) fn schema(&self, problem: &str, advice: &str) -> StoreError {
        StoreError::Schema(format!("{}: {problem}: {advice}", self.url))
    }

    /// The command that makes what is missing.
    pub(super) fn init_advice(&self) -> String {
        let names = self.names();
        let mut command = format!("clustererctl db init --db-url '{}'", self.url);
        if names.table() != TableNames::default().table() {
            command += &format!(" --db-table {}", names.table());
        }
        for column in Column::ALL {
            let name = names.column(column);
            if name != column.name() {
                command += &format!(" --column {}={name}", TableNames::key(column));
            }
        }
        format!("create it with `{command}`")
    }

    pub(super) fn refused(&self, why: &str) -> StoreError {
        StoreError::Refused(format!("{}: {why}", self.url))
    }

    pub(super) fn unavailable(&self, why: &str) -> StoreError {
        StoreError::Unavailable(format!("{}: {why}", self.url))
    }

    /// What an error of SQLite means.
    pub(super) fn explain(&self, error: &rusqlite::Error) -> StoreError {
        match error.sqlite_error_code() {
            Some(ErrorCode::CannotOpen) => self.cannot_open(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                self.unavailable(&format!(
                    "somebody else holds the lock, for longer than {:?}",
                    self.options.lock_timeout
                ))
            }
            Some(ErrorCode::DatabaseCorrupt) => {
                self.refused(&format!("the file is damaged ({error}): restore it from a copy"))
            }
            Some(ErrorCode::DiskFull) => self.refused("the disk is full"),
            Some(ErrorCode::NotADatabase) => self.refused("the file is no SQLite database"),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => self.refused(
                "the database is read-only: this user must be allowed to write the file and its \
                 directory",
            ),
            Some(
                ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OutOfMemory
                | ErrorCode::SystemIoFailure,
            ) => self.unavailable(&error.to_string()),
            _ => self.refused(&error.to_string()),
        }
    }

    /// SQLite has one code for every reason why a file cannot be opened: look for the reason.
    fn cannot_open(&self) -> StoreError {
        match fs::metadata(&self.path) {
            Err(error) => self.no_access(&error),
            Ok(_) => self.refused(
                "the file cannot be opened: this user must be allowed to read and write it and to \
                 create files beside it",
            ),
        }
    }

    fn no_access(&self, error: &io::Error) -> StoreError {
        let directory = self.path.parent().unwrap_or(&self.path);
        match error.kind() {
            io::ErrorKind::NotFound if !directory.exists() => self
                .refused(&format!("there is no directory {}: make it first", directory.display())),
            io::ErrorKind::NotFound => self.schema("there is no such file", &self.init_advice()),
            _ => self.refused(&error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn database() -> Database {
        let url: DbUrl = "sqlite:x.db".parse().unwrap();
        Database::new(&url, Path::new("x.db"), &Options::default())
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
        let database = Database::new(&url, url.sqlite_path().unwrap(), &Options::default());
        assert!(database.path.is_absolute());
        assert!(database.path.ends_with("file:x?mode=memory"));
    }
}
