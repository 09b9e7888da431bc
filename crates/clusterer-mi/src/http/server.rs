//! Accepts connections.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::connection;
use super::connections::Connections;
use super::routes::{Mounts, Page, Routes};
use super::{EventSender, HttpAccess, HttpConfig, HttpError, HttpResponse};
use crate::CommandTable;
use crate::limited::LimitedLog;

/// How long answers under way may take to finish once the server stops.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// How many connections wait to be accepted. With the 128 of the standard library a crowd that comes at
/// once makes others try again, a second later.
const BACKLOG: i32 = 4096;

/// How long nobody is accepted after accepting has failed, usually for want of a descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An HTTP server whose address is bound, and which does not serve yet: clients that connect wait.
///
/// ```
/// use std::sync::Arc;
/// use clusterer_mi::{CommandTable, HttpConfig, HttpResponse, HttpServer};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let running = HttpServer::bind(HttpConfig::new("127.0.0.1:0".parse()?))?
///     .commands(Arc::new(CommandTable::new()))
///     .get("/hello", || async { HttpResponse::text(200, "Hello") })
///     .serve()?;
/// println!("http://{}/hello", running.local_address());
/// running.shutdown().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `GET /healthz` and `GET /readyz` are there in every server.
pub struct HttpServer {
    config: HttpConfig,
    listener: TcpListener,
    address: SocketAddr,
    mounts: Mounts,
}

impl HttpServer {
    /// Binds the address. Needs no runtime.
    ///
    /// # Errors
    /// When the address cannot be listened on, when others than this machine could reach it and there
    /// is no token, or when the configuration says what cannot be.
    pub fn bind(config: HttpConfig) -> Result<Self, HttpError> {
        config.check()?;
        let listener = TcpListener::bind(config.listen)
            .map_err(|source| HttpError::Bind { address: config.listen, source })?;
        Self::over(config, listener)
    }

    /// Takes a socket that somebody else has bound to the address of the configuration: who connects to it
    /// while nobody accepts waits for whoever does next.
    ///
    /// # Errors
    /// When it has another address, on which other rules may hold; when others than this machine could
    /// reach it and there is no token, or when the configuration says what cannot be.
    pub fn over(config: HttpConfig, listener: TcpListener) -> Result<Self, HttpError> {
        config.check()?;
        let error = |source| HttpError::Bind { address: config.listen, source };
        let address = listener.local_addr().map_err(error)?;
        let is_chosen = config.listen.port() == 0 && config.listen.ip() == address.ip();
        if address != config.listen && !is_chosen {
            let message = format!("the socket that was passed listens on {address}");
            return Err(error(io::Error::new(io::ErrorKind::InvalidInput, message)));
        }
        listener.set_nonblocking(true).map_err(error)?;
        rustix::net::listen(&listener, BACKLOG).map_err(|errno| error(errno.into()))?;
        Ok(Self { config, listener, address, mounts: Mounts::default() })
    }

    /// The address that is bound, with the port that was chosen if none was configured.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Runs the commands of a table at `POST /ROOT`.
    #[must_use]
    pub fn commands(mut self, table: Arc<CommandTable>) -> Self {
        self.mounts.commands = Some(table);
        self
    }

    /// Answers `GET PATH` with what `make` makes for each request. It is for reading: nothing may
    /// change because of it. Beyond loopback it needs the token.
    ///
    /// `make` is called on the threads of the runtime, several times at once; one that panics or takes
    /// too long is a 500.
    #[must_use]
    pub fn get<F, R>(self, path: impl Into<String>, make: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = HttpResponse> + Send + 'static,
    {
        self.mount(path, Page::Made(Box::new(move || Box::pin(make()))))
    }

    /// Answers `GET PATH` with the same response always, to everybody: a page, a style sheet or a script
    /// that holds nothing of what is going on. It never needs the token.
    #[must_use]
    pub fn asset(self, path: impl Into<String>, response: HttpResponse) -> Self {
        self.mount(path, Page::Asset(response))
    }

    /// Answers `GET PATH` with server-sent events. Beyond loopback it needs the token.
    ///
    /// For each client `source` is called and its future run, on the runtime, until it ends or the client
    /// is gone, when it is dropped. 256 events or 1 MiB wait for a client at most.
    #[must_use]
    pub fn stream<F, R>(self, path: impl Into<String>, source: F) -> Self
    where
        F: Fn(EventSender) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.mount(path, Page::Stream(Box::new(move |sender| Box::pin(source(sender)))))
    }

    /// What `GET /readyz` says: 200, or 503 with the word why. It is asked for each request and must not
    /// block. Without it a server is ready as soon as it serves.
    #[must_use]
    pub fn ready_when(
        mut self,
        ready: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.mounts.ready = Some(Box::new(ready));
        self
    }

    fn mount(mut self, path: impl Into<String>, page: Page) -> Self {
        self.mounts.pages.push((path.into(), page));
        self
    }

    /// Starts to serve, on the tokio runtime of the caller, which must have IO and time enabled.
    ///
    /// # Errors
    /// When there is no runtime, or two mounts have one path.
    pub fn serve(self) -> Result<HttpHandle, HttpError> {
        let Self { config, listener, address, mounts } = self;
        let runtime = Handle::try_current().map_err(|_| HttpError::NoRuntime)?;
        let log = Arc::new(LimitedLog::new("HTTP"));
        let connections = Connections::new(config.max_connections.max(2));
        let routes = Arc::new(Routes::new(Arc::new(config), mounts, Arc::clone(&log))?);
        let listener = tokio::net::TcpListener::from_std(listener)
            .map_err(|source| HttpError::Bind { address, source })?;
        let (ending, ended) = watch::channel(false);
        let access = routes.access();
        let acceptor = Acceptor { listener, connections, routes, ending: ended, log };
        Ok(HttpHandle { address, access, ending, task: runtime.spawn(acceptor.run()) })
    }
}

impl std::fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpServer").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A running HTTP server. Dropping it stops the server as [`HttpHandle::shutdown`] does, without waiting.
#[derive(Debug)]
pub struct HttpHandle {
    address: SocketAddr,
    access: HttpAccess,
    ending: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl HttpHandle {
    /// The address that is listened on.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Who may ask: what can be changed while the server runs.
    pub fn access(&self) -> HttpAccess {
        self.access.clone()
    }

    /// Closes the listener, idle connections and event streams, gives requests under way a second to be
    /// answered, and ends.
    pub async fn shutdown(self) {
        drop(self.ending);
        // An error would be a panic or the end of the runtime: over in any case.
        let _ = self.task.await;
    }
}

struct Acceptor {
    listener: tokio::net::TcpListener,
    connections: Arc<Connections>,
    routes: Arc<Routes>,
    ending: watch::Receiver<bool>,
    log: Arc<LimitedLog>,
}

impl Acceptor {
    async fn run(self) {
        let mut tasks = JoinSet::new();
        let mut ending = self.ending.clone();
        tokio::select! {
            _ = ending.wait_for(|ending| *ending) => {}
            () = self.accept(&mut tasks) => {}
        }
        drop(self);
        let all = async { while tasks.join_next().await.is_some() {} };
        // Those that are left end when the set is dropped.
        let _ = timeout(SHUTDOWN_GRACE, all).await;
    }

    async fn accept(&self, tasks: &mut JoinSet<()>) {
        loop {
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) if is_of_one_client(&error) => continue,
                Err(error) => {
                    self.log.warn(format_args!("nobody can be accepted now: {error}"));
                    self.connections.make_room();
                    sleep_until(Instant::now() + ACCEPT_PAUSE).await;
                    continue;
                }
            };
            while tasks.try_join_next().is_some() {}
            // The places are never closed.
            let Some(place) = self.connections.place().await else { return };
            let (routes, ending) = (Arc::clone(&self.routes), self.ending.clone());
            tasks.spawn(async move {
                let activity = Arc::clone(&place.activity);
                connection::run(stream, peer.ip(), routes, activity, ending).await;
                drop(place);
            });
        }
    }
}

/// Whether a connection was gone before it was accepted.
fn is_of_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
