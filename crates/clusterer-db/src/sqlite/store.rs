//! The store: a handle that asks, and the one thread that owns the connection.

use super::Database;
use super::database::{FileId, Missing};
use super::rows;
use super::schema::Found;
use clusterer_node::{BoxFuture, Change, Flushed, NodeStore, RawRow, StoreError};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread;
use tokio::sync::oneshot;

/// One call is under way at a time, so more than one in the queue have been given up on.
const QUEUE: usize = 4;

/// A SQLite file as a store. Its thread ends, after what it is doing, once the store is dropped.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    database: Database,
    requests: SyncSender<Request>,
}

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

#[derive(Debug)]
enum Request {
    Flush(Vec<Change>, Reply<Flushed>),
    Load(Reply<Vec<RawRow>>),
}

impl SqliteStore {
    /// Starts the thread and waits until it has opened the file and checked the tables.
    pub(crate) async fn open(database: Database) -> Result<Self, StoreError> {
        let (requests, inbox) = mpsc::sync_channel(QUEUE);
        let (opened, answer) = oneshot::channel();
        let worker = Worker { database: database.clone(), connected: None };
        let started = thread::Builder::new()
            .name("clusterer-db".to_owned())
            .spawn(move || worker.run(opened, &inbox));
        if let Err(error) = started {
            return Err(database.unavailable(&format!("cannot start a thread: {error}")));
        }
        let store = Self { database, requests };
        answer.await.unwrap_or_else(|_| Err(store.thread_ended()))?;
        Ok(store)
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        match self.requests.try_send(request(reply)) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(self.thread_ended())),
            Err(TrySendError::Disconnected(_)) => Err(self.thread_ended()),
            Err(TrySendError::Full(_)) => {
                Err(self.database.unavailable("still busy with what was asked before"))
            }
        }
    }

    fn thread_ended(&self) -> StoreError {
        self.database.unavailable("the thread of the database has ended")
    }
}

impl NodeStore for SqliteStore {
    fn load(&self) -> BoxFuture<'_, Result<Vec<RawRow>, StoreError>> {
        Box::pin(self.ask(Request::Load))
    }

    fn flush<'a>(&'a self, changes: &'a [Change]) -> BoxFuture<'a, Result<Flushed, StoreError>> {
        Box::pin(self.ask(|reply| Request::Flush(changes.to_vec(), reply)))
    }
}

/// What the thread owns.
struct Worker {
    database: Database,
    connected: Option<Connected>,
}

struct Connected {
    file: FileId,
    connection: Connection,
}

impl Worker {
    fn run(mut self, opened: Reply<()>, inbox: &Receiver<Request>) {
        let first = self.transaction(TransactionBehavior::Deferred, |_, _| Ok(()));
        let usable = first.is_ok();
        // Nobody listens any more if the caller gave up, here and below: that is no error.
        let _ = opened.send(first);
        if !usable {
            return;
        }
        while let Ok(request) = inbox.recv() {
            match request {
                Request::Flush(changes, reply) if !reply.is_closed() => {
                    let _ = reply.send(self.flush(&changes));
                }
                Request::Load(reply) if !reply.is_closed() => {
                    let _ = reply.send(self.load());
                }
                Request::Flush(..) | Request::Load(_) => {}
            }
        }
    }

    fn load(&mut self) -> Result<Vec<RawRow>, StoreError> {
        self.transaction(TransactionBehavior::Deferred, |tx, database| {
            rows::read(tx, database.names()).map_err(|error| database.explain(&error))
        })
    }

    fn flush(&mut self, changes: &[Change]) -> Result<Flushed, StoreError> {
        if changes.is_empty() {
            return Ok(Flushed::default());
        }
        self.transaction(TransactionBehavior::Immediate, |tx, database| {
            rows::write(tx, database.names(), changes).map_err(|error| database.explain(&error))
        })
    }

    /// Does this work in a transaction, in which the tables have been checked. After an error the
    /// file is opened anew the next time.
    fn transaction<T>(
        &mut self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>, &Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connected = self.connect()?;
        let database = &self.database;
        let done = database.transaction(&mut connected.connection, behavior, |tx| {
            let found = Found::read(tx, database.names());
            found.map_err(|error| database.explain(&error))?.require(database)?;
            work(tx, database)
        })?;
        self.connected = Some(connected);
        Ok(done)
    }

    /// The connection there is, unless the file has been replaced since.
    fn connect(&mut self) -> Result<Connected, StoreError> {
        let file = self.database.file_id()?;
        match self.connected.take() {
            Some(connected) if connected.file == file => Ok(connected),
            _ => Ok(Connected { file, connection: self.database.connect(Missing::Refuse)? }),
        }
    }
}
