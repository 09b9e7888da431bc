//! The store: a handle that asks, and the one thread that owns the connection. The same for every
//! kind of database.

use crate::backend::{Access, Backend, Missing, Session, transaction};
use crate::site::Site;
use crate::tables::Tables;
use clusterer_node::{BoxFuture, Change, Flushed, NodeStore, RawRow, StoreError};
use std::io;
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

/// The name of every thread that this crate starts.
pub(crate) const THREAD: &str = "clusterer-db";

/// One call is under way at a time, so more than one in the queue have been given up on.
const QUEUE: usize = 4;

/// Nobody means to look for changes more rarely, and it can be added to any instant.
const RAREST_LOOK: Duration = Duration::from_secs(24 * 3600);

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
    Watch(Duration, Reply<()>),
}

impl Store {
    /// Starts the thread and waits until it has connected and checked the tables.
    pub(crate) async fn open(backend: impl Backend) -> Result<Self, StoreError> {
        let (requests, inbox) = mpsc::channel(QUEUE);
        let (opened, answer) = oneshot::channel();
        let site = backend.site().clone();
        let started = runtime().and_then(|runtime| {
            thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
                let worker =
                    Worker { backend, session: None, has_been_watched: false, watched: None };
                runtime.block_on(worker.run(opened, inbox));
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

    fn changed(&self, every: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.ask(move |reply| Request::Watch(every.min(RAREST_LOOK), reply)))
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
    /// Somebody has waited for a change, and will again: until then nobody pays for what it takes to tell.
    has_been_watched: bool,
    watched: Option<Watched>,
}

/// Somebody who waits for a change.
struct Watched {
    every: Duration,
    next: Instant,
    reply: Reply<()>,
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
        loop {
            let due = due(self.watched.as_ref(), self.session.as_mut());
            tokio::select! {
                request = inbox.recv() => match request {
                    Some(request) => self.obey(request).await,
                    None => break,
                },
                () = due => self.look().await,
            }
        }
        if let Some(session) = self.session {
            session.close().await;
        }
    }

    async fn obey(&mut self, request: Request) {
        match request {
            Request::Flush(changes, reply) if !reply.is_closed() => {
                let flushed = self.flush(&changes, &reply).await;
                let _ = reply.send(flushed);
            }
            Request::Load(reply) if !reply.is_closed() => {
                let _ = reply.send(self.load().await);
            }
            Request::Watch(every, reply) => {
                self.has_been_watched = true;
                self.watched = Some(Watched { every, next: Instant::now(), reply });
            }
            Request::Flush(..) | Request::Load(_) => {}
        }
    }

    async fn load(&mut self) -> Result<Vec<RawRow>, StoreError> {
        let remembers = self.has_been_watched || B::Session::REMEMBERS_CHEAPLY;
        self.call(Access::Read, async |tables| {
            if remembers {
                tables.remember().await?;
            }
            tables.load().await
        })
        .await
    }

    async fn flush(
        &mut self,
        changes: &[Change],
        reply: &Reply<Flushed>,
    ) -> Result<Flushed, StoreError> {
        if changes.is_empty() {
            return Ok(Flushed::default());
        }
        let gave_up = self.backend.site().unavailable("whoever asked has given up");
        self.call(Access::Write, async |tables| {
            let flushed = tables.flush(changes).await?;
            // It is tried again, and what somebody else decides until then is not to be overwritten.
            if reply.is_closed() { Err(gave_up) } else { Ok(flushed) }
        })
        .await
    }

    /// Looks whether somebody else has changed the tables since they were last loaded.
    async fn look(&mut self) {
        let Some(mut watched) = self.watched.take() else { return };
        if watched.reply.is_closed() {
            return;
        }
        match self.is_changed().await {
            Ok(false) => {
                watched.next = Instant::now() + watched.every;
                self.watched = Some(watched);
            }
            Ok(true) => {
                let _ = watched.reply.send(Ok(()));
            }
            Err(error) => {
                let _ = watched.reply.send(Err(error));
            }
        }
    }

    async fn is_changed(&mut self) -> Result<bool, StoreError> {
        let session = self.session.take();
        let looked = async {
            // What has changed since the connection was lost, only a load can tell.
            let Some(mut session) = usable(session).await else { return Ok(None) };
            session.attend().await?;
            let looked =
                transaction(session, Access::Read, async |session| session.is_changed().await);
            looked.await.map(Some)
        };
        let Some((session, changed)) = self.backend.bounded(looked).await? else {
            return Ok(true);
        };
        self.session = Some(session);
        Ok(changed)
    }

    /// Does this work in a transaction, in which the tables have been checked. After an error the
    /// database is connected to anew the next time.
    async fn call<T>(
        &mut self,
        access: Access,
        work: impl AsyncFnOnce(&mut Tables<'_, B::Session>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let backend = &self.backend;
        let session = self.session.take();
        let call = async {
            let session = match usable(session).await {
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

/// When to look: for ever, if nobody waits.
async fn due<S: Session>(watched: Option<&Watched>, session: Option<&mut S>) {
    let Some(watched) = watched else { return std::future::pending().await };
    let told = async {
        match session {
            Some(session) => session.told().await,
            None => std::future::pending().await,
        }
    };
    // Told, or in time: it is looked all the same.
    let _ = timeout_at(watched.next, told).await;
}

async fn usable<S: Session>(session: Option<S>) -> Option<S> {
    let mut session = session?;
    session.is_usable().await.then_some(session)
}
