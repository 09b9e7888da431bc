//! The store: a handle that asks, and the one thread that owns the connection. The same for every
//! kind of database.

use crate::backend::{Access, Backend, Missing, Session, transaction};
use crate::site::Site;
use crate::tables::Tables;
use clusterer_node::{BoxFuture, Change, Flushed, NodeStore, RawRow, StoreError};
use std::io;
use std::thread;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

/// The name of every thread that this crate starts.
pub(crate) const THREAD: &str = "clusterer-db";

/// One call is under way at a time, so more than one in the queue have been given up on.
const QUEUE: usize = 4;

/// A database as a store. Its thread ends, after what it is doing, once the store is dropped.
#[derive(Debug)]
pub(crate) struct Store {
    site: Site,
    requests: mpsc::Sender<Request>,
}

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

#[derive(Debug)]
enum Request {
    Flush(Vec<Change>, Reply<Flushed>),
    Load(Reply<Vec<RawRow>>),
}

impl Store {
    /// Starts the thread and waits until it has connected and checked the tables.
    pub(crate) async fn open(backend: impl Backend) -> Result<Self, StoreError> {
        let (requests, inbox) = mpsc::channel(QUEUE);
        let (opened, answer) = oneshot::channel();
        let site = backend.site().clone();
        let started = runtime().and_then(|runtime| {
            thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
                runtime.block_on(Worker { backend, session: None }.run(opened, inbox));
                // Looking up a host's name may hang, and nobody waits for it any more.
                runtime.shutdown_background();
            })
        });
        if let Err(error) = started {
            return Err(site.unavailable(&format!("cannot start a thread: {error}")));
        }
        let store = Self { site, requests };
        answer.await.unwrap_or_else(|_| Err(store.thread_ended()))?;
        Ok(store)
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        match self.requests.try_send(request(reply)) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(self.thread_ended())),
            Err(TrySendError::Closed(_)) => Err(self.thread_ended()),
            Err(TrySendError::Full(_)) => {
                Err(self.site.unavailable("still busy with what was asked before"))
            }
        }
    }

    fn thread_ended(&self) -> StoreError {
        self.site.unavailable("the thread of the database has ended")
    }
}

impl NodeStore for Store {
    fn load(&self) -> BoxFuture<'_, Result<Vec<RawRow>, StoreError>> {
        Box::pin(self.ask(Request::Load))
    }

    fn flush<'a>(&'a self, changes: &'a [Change]) -> BoxFuture<'a, Result<Flushed, StoreError>> {
        Box::pin(self.ask(|reply| Request::Flush(changes.to_vec(), reply)))
    }
}

/// What a thread that owns a connection runs on.
pub(crate) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// What the thread owns.
struct Worker<B: Backend> {
    backend: B,
    session: Option<B::Session>,
}

impl<B: Backend> Worker<B> {
    async fn run(mut self, opened: Reply<()>, mut inbox: mpsc::Receiver<Request>) {
        let first = self.call(Access::Read, async |_| Ok(())).await;
        let usable = first.is_ok();
        // Nobody listens any more if the caller gave up, here and below: that is no error.
        let _ = opened.send(first);
        if !usable {
            return;
        }
        while let Some(request) = inbox.recv().await {
            match request {
                Request::Flush(changes, reply) if !reply.is_closed() => {
                    let _ = reply.send(self.flush(&changes).await);
                }
                Request::Load(reply) if !reply.is_closed() => {
                    let _ = reply.send(self.load().await);
                }
                Request::Flush(..) | Request::Load(_) => {}
            }
        }
        if let Some(session) = self.session {
            session.close().await;
        }
    }

    async fn load(&mut self) -> Result<Vec<RawRow>, StoreError> {
        self.call(Access::Read, async |tables| tables.load().await).await
    }

    async fn flush(&mut self, changes: &[Change]) -> Result<Flushed, StoreError> {
        if changes.is_empty() {
            return Ok(Flushed::default());
        }
        self.call(Access::Write, async |tables| tables.flush(changes).await).await
    }

    /// Does this work in a transaction, in which the tables have been checked. After an error the
    /// database is connected to anew the next time.
    async fn call<T>(
        &mut self,
        access: Access,
        work: impl AsyncFnOnce(&mut Tables<'_, B::Session>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let backend = &self.backend;
        let connected = self.session.take();
        let call = async {
            let usable = match connected {
                Some(mut session) => session.is_usable().await.then_some(session),
                None => None,
            };
            let session = match usable {
                Some(session) => session,
                None => backend.connect(Missing::Refuse).await?,
            };
            transaction(session, access, async |session| {
                let mut tables = Tables::new(session, backend.site());
                tables.require().await?;
                work(&mut tables).await
            })
            .await
        };
        let (session, done) = backend.bounded(call).await?;
        self.session = Some(session);
        Ok(done)
    }
}
