//! Receives datagrams, runs what they ask for, sends the replies.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::SocketAddrAny;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep, timeout};

use super::endpoint::{Endpoint, Received, Socket};
use super::reply::Reply;
use super::request::Asked;
use super::{DatagramAddress, DatagramConfig, DatagramError};
use crate::CommandTable;
use crate::guard::Patience;
use crate::limited::LimitedLog;
use crate::runner::{MAX_JSON, Runner, SHUTDOWN_GRACE, Turn, in_order, stop_of, too_late};

/// How often to look whether a client has room for its reply, and whether a socket that failed works again.
const RETRY: Duration = Duration::from_millis(20);

/// A socket that is bound, but not yet read: everything that can go wrong at start is behind it.
/// Dropping it removes a Unix socket.
#[derive(Debug)]
pub struct DatagramServer {
    config: DatagramConfig,
    endpoint: Endpoint,
}

impl DatagramServer {
    /// Binds the socket. A Unix socket that was left over is replaced. Needs no runtime.
    ///
    /// # Errors
    /// What [`DatagramConfig::check`] finds, when the socket cannot be made as configured, when another
    /// process receives there, or when something else is at its path.
    pub fn bind(config: DatagramConfig) -> Result<Self, DatagramError> {
        let endpoint = Endpoint::bind(&config)?;
        Ok(Self { config, endpoint })
    }

    /// Starts to receive, on the tokio runtime of the caller, which must have IO and time enabled.
    ///
    /// # Errors
    /// When there is no runtime, or the socket cannot be registered with it.
    pub fn serve(self, table: Arc<CommandTable>) -> Result<DatagramHandle, DatagramError> {
        let runtime = Handle::try_current().map_err(|_| DatagramError::NoRuntime)?;
        let Self { config, endpoint } = self;
        let address = endpoint.address().clone();
        let socket = Socket::register(endpoint).map_err(|source| match &address {
            DatagramAddress::Udp(address) => DatagramError::Bind { address: *address, source },
            DatagramAddress::Unix(path) => DatagramError::Create { path: path.clone(), source },
        })?;
        let socket = Arc::new(socket);
        let log = Arc::new(LimitedLog::new("datagrams"));
        let places = u32::try_from(config.max_requests).unwrap_or(u32::MAX).max(1);
        let slots = usize::try_from(places).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let (jobs, queue) = mpsc::channel(slots);
        let patience = Patience { timeout: config.command_timeout, log: Arc::clone(&log) };
        let executor = Arc::new(Executor {
            runner: Runner { table: Arc::clone(&table), patience },
            socket: Arc::downgrade(&socket),
            reply_timeout: config.reply_timeout,
        });
        let executor =
            runtime.spawn(in_order(queue, move |job, turn| executor.clone().execute(job, turn)));
        let (stop, stopped) = watch::channel(());
        let slots = Arc::new(Semaphore::new(slots));
        let listener = Listener { socket, table, slots, places, jobs, log };
        let task = runtime.spawn(run(listener, executor, stopped));
        Ok(DatagramHandle { address, stop, task })
    }
}

/// A running datagram server. Dropping it stops the server as [`DatagramHandle::shutdown`] does, without
/// waiting.
#[derive(Debug)]
pub struct DatagramHandle {
    address: DatagramAddress,
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl DatagramHandle {
    /// Where it receives; for UDP with the port that it was given.
    pub fn address(&self) -> &DatagramAddress {
        &self.address
    }

    /// Removes a Unix socket, receives what is there already, and what comes while requests are under way, for at
    /// most a second; gives those that were accepted another to finish, and ends.
    pub async fn shutdown(self) {
        drop(self.stop);
        // An error would be a panic or the end of the runtime: over in any case.
        let _ = self.task.await;
    }
}

async fn run(listener: Listener, mut executor: JoinHandle<()>, stopped: watch::Receiver<()>) {
    // The last replies are sent from the socket, which is closed once they are.
    let socket = Arc::clone(&listener.socket);
    tokio::select! {
        () = too_late(stopped.clone()) => {}
        () = listener.serve(stopped) => {}
    }
    if timeout(SHUTDOWN_GRACE, &mut executor).await.is_err() {
        executor.abort();
    }
    drop(socket);
}

struct Listener {
    socket: Arc<Socket>,
    /// Where requests are counted that are none.
    table: Arc<CommandTable>,
    slots: Arc<Semaphore>,
    /// How many slots there are.
    places: u32,
    jobs: mpsc::Sender<Job>,
    log: Arc<LimitedLog>,
}

/// A request, and to whom its reply goes.
struct Job {
    asked: Asked,
    from: Option<SocketAddrAny>,
    /// Its place among the requests under way.
    permit: OwnedSemaphorePermit,
}

impl Listener {
    async fn serve(self, stopped: watch::Receiver<()>) {
        self.listen(stopped).await;
        self.socket.remove();
        self.listen_while_busy().await;
    }

    /// Receives what is there, and what comes while requests are under way: unread, it would be gone with the
    /// socket, and its clients would wait for an answer.
    async fn listen_while_busy(&self) {
        let mut buffer = vec![0; MAX_JSON];
        loop {
            let received = tokio::select! {
                biased;
                received = self.socket.receive(&mut buffer) => received,
                // Nothing is under way any more. What the runtime has not noticed yet may be there all the same.
                _ = self.slots.acquire_many(self.places) => match self.socket.try_receive(&mut buffer) {
                    Ok(received) => Ok(received),
                    Err(_) => return,
                },
            };
            match received {
                Ok(received) => {
                    let Ok(permit) = Arc::clone(&self.slots).acquire_owned().await else { return };
                    let datagram = buffer.get(..received.length).unwrap_or_default();
                    self.accept(datagram, received, permit).await;
                }
                Err(error) => self.note_failure(&error).await,
            }
            yield_now().await;
        }
    }

    async fn listen(&self, mut stopped: watch::Receiver<()>) {
        let mut buffer = vec![0; MAX_JSON];
        loop {
            // While too many requests are under way, datagrams wait in the socket.
            let Ok(permit) = Arc::clone(&self.slots).acquire_owned().await else { return };
            let received = tokio::select! {
                biased;
                () = stop_of(&mut stopped) => return,
                received = self.socket.receive(&mut buffer) => received,
            };
            match received {
                Ok(received) => {
                    let datagram = buffer.get(..received.length).unwrap_or_default();
                    self.accept(datagram, received, permit).await;
                }
                Err(error) => self.note_failure(&error).await,
            }
            // Clients that never stop must not keep the thread to themselves.
            yield_now().await;
        }
    }

    async fn note_failure(&self, error: &io::Error) {
        self.log.warn(format_args!("receiving failed: {error}"));
        sleep(RETRY).await;
    }

    async fn accept(&self, datagram: &[u8], received: Received, permit: OwnedSemaphorePermit) {
        let Received { is_cut, from, .. } = received;
        let asked = Asked::read(datagram, is_cut);
        match &asked {
            Asked::Nothing => return,
            Asked::Say(_) => {
                self.table.note_other();
                self.log.warn("a request that cannot be read is refused");
            }
            Asked::Json(_) | Asked::Text { .. } => {}
        }
        // No receiver means that the server ends.
        let _ = self.jobs.send(Job { asked, from, permit }).await;
    }
}

struct Executor {
    runner: Runner,
    /// Gone once the server has stopped, whatever is still under way.
    socket: Weak<Socket>,
    reply_timeout: Duration,
}

impl Executor {
    async fn execute(self: Arc<Self>, job: Job, turn: Turn) {
        let Job { asked, from, permit } = job;
        let reply = match asked {
            Asked::Nothing => None,
            Asked::Json(text) => Reply::of_json(self.runner.json(&text).await),
            Asked::Say(reply) => Some(reply),
            Asked::Text { command, args } => {
                let reply = self.runner.text(&command, args).await;
                Some(Reply::of_text(&command, reply.as_ref()))
            }
        };
        drop(turn);
        if let (Some(reply), Some(to)) = (reply, from)
            && let Err(error) = self.reply(&reply, &to).await
        {
            self.runner.patience.log.warn(format_args!("a reply could not be sent: {error}"));
        }
        drop(permit);
    }

    async fn reply(&self, reply: &Reply, to: &SocketAddrAny) -> io::Result<()> {
        match self.send(reply, to).await {
            Err(Errno::MSGSIZE) => self.send(&reply.too_large(), to).await,
            sent => sent,
        }
        .map_err(io::Error::from)
    }

    /// Waits for room for as long as a client is given. A socket is not told when the room of another is
    /// back, so it has to be tried.
    async fn send(&self, reply: &Reply, to: &SocketAddrAny) -> Result<(), Errno> {
        let deadline = Instant::now() + self.reply_timeout;
        loop {
            let Some(socket) = self.socket.upgrade() else { return Err(Errno::SHUTDOWN) };
            match socket.send(reply.as_bytes(), to) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN | Errno::NOBUFS) if Instant::now() < deadline => {
                    drop(socket);
                    sleep(RETRY).await;
                }
                sent => return sent,
            }
        }
    }
}
