//! Reads the command FIFO and hands requests on.

use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use tokio::net::unix::pipe::Receiver;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet, yield_now};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tracing::{info, warn};

use super::endpoint::{Blueprint, Endpoint};
use super::execute::{Executor, Job, Work};
use super::parse::{FifoParser, Incoming, JsonFault, Unfinished};
use super::reply::{ReplyError, ReplyPipe};
use super::{FifoConfig, FifoError};
use crate::guard::Patience;
use crate::limited::LimitedLog;
use crate::runner::{Runner, SHUTDOWN_GRACE, in_order, stop_of, too_late, too_long};
use crate::{CommandTable, Request, TextError, jsonrpc, render_parse_error};

/// A command FIFO that exists and is open, but not yet read: everything that can go wrong at start
/// is behind it. Dropping it removes the FIFO.
#[derive(Debug)]
pub struct FifoServer {
    config: FifoConfig,
    blueprint: Blueprint,
    endpoint: Endpoint,
    reader: OwnedFd,
}

impl FifoServer {
    /// Makes the FIFO. A left-over one that nobody reads is replaced. Needs no runtime.
    ///
    /// # Errors
    /// When the FIFO cannot be made as configured, when another process reads it, or when something
    /// else is at its path.
    pub fn bind(config: FifoConfig) -> Result<Self, FifoError> {
        check_reply_dir(&config.reply_dir)?;
        let blueprint = Blueprint::new(&config)?;
        let (endpoint, reader) = blueprint.build()?;
        Ok(Self { config, blueprint, endpoint, reader })
    }

    /// Starts to read requests, on the tokio runtime of the caller, which must have IO and time
    /// enabled.
    ///
    /// # Errors
    /// When there is no runtime, or the FIFO cannot be registered with it.
    pub fn serve(self, table: Arc<CommandTable>) -> Result<FifoHandle, FifoError> {
        let runtime = Handle::try_current().map_err(|_| FifoError::NoRuntime)?;
        let Self { config, blueprint, endpoint, reader } = self;
        let path = config.path.clone();
        let receiver =
            Receiver::from_owned_fd(reader).map_err(|error| blueprint.create_error(error))?;
        let log = Arc::new(LimitedLog::new("FIFO"));
        let slots = config.max_requests.clamp(1, Semaphore::MAX_PERMITS);
        let (jobs, queue) = mpsc::channel(slots);
        let patience = Patience { timeout: config.command_timeout, log: Arc::clone(&log) };
        let executor = Arc::new(Executor {
            runner: Runner { table: Arc::clone(&table), patience },
            reply_timeout: config.reply_timeout,
        });
        let dispatcher = Dispatcher {
            table,
            reply_dir: config.reply_dir.as_path().into(),
            reader_wait: config.reader_wait,
            slots: Arc::new(Semaphore::new(slots)),
            jobs,
            waiting: JoinSet::new(),
            log: Arc::clone(&log),
        };
        let listener = Listener {
            blueprint,
            endpoint,
            receiver: Some(receiver),
            parser: FifoParser::new(),
            unfinished_until: None,
            request_timeout: config.request_timeout,
            dispatcher,
            log,
        };
        let (stop, stopped) = watch::channel(());
        let executor =
            runtime.spawn(in_order(queue, move |job, turn| executor.clone().execute(job, turn)));
        let task = runtime.spawn(run(listener, config.check_interval, executor, stopped));
        Ok(FifoHandle { path, stop, task })
    }
}

/// A running FIFO server. Dropping it stops the server as [`FifoHandle::shutdown`] does, without waiting.
#[derive(Debug)]
pub struct FifoHandle {
    path: PathBuf,
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl FifoHandle {
    /// The command FIFO.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the FIFO, gives those who have it open a second to write and to leave, then the requests that
    /// were accepted another to finish, and ends.
    pub async fn shutdown(self) {
        drop(self.stop);
        // An error would be a panic or the end of the runtime: over in any case.
        let _ = self.task.await;
    }
}

async fn run(
    mut listener: Listener,
    check_interval: Duration,
    mut executor: JoinHandle<()>,
    stopped: watch::Receiver<()>,
) {
    tokio::select! {
        () = too_late(stopped.clone()) => {}
        () = listener.serve(check_interval, stopped) => {}
    }
    let finish = async {
        let mut waiting = listener.close().await;
        while waiting.join_next().await.is_some() {}
        // An error would be a panic: over in any case.
        let _ = (&mut executor).await;
    };
    if timeout(SHUTDOWN_GRACE, finish).await.is_err() {
        executor.abort();
    }
}

/// The reading side: one FIFO, one parser.
struct Listener {
    blueprint: Blueprint,
    endpoint: Endpoint,
    /// `None` while the FIFO was taken away and could not be made again.
    receiver: Option<Receiver>,
    parser: FifoParser,
    /// When a request that has begun to arrive is given up.
    unfinished_until: Option<Instant>,
    request_timeout: Duration,
    dispatcher: Dispatcher,
    log: Arc<LimitedLog>,
}

impl Listener {
    async fn serve(&mut self, check_interval: Duration, stopped: watch::Receiver<()>) {
        self.listen(check_interval, stopped).await;
        // Whoever comes from now on finds nothing, instead of nobody who answers.
        self.endpoint.remove();
        self.read_to_the_end().await;
    }

    async fn listen(&mut self, check_interval: Duration, mut stopped: watch::Receiver<()>) {
        let mut check = interval(check_interval.max(Duration::from_millis(1)));
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut buffer = vec![0; 4096];
        loop {
            tokio::select! {
                biased;
                () = stop_of(&mut stopped) => return,
                _ = check.tick() => {
                    if self.receiver.is_none() || !self.endpoint.is_in_place() {
                        self.rebuild().await;
                    }
                }
                read = read(self.receiver.as_ref(), &mut buffer) => {
                    match read {
                        Ok(0) => self.end_of_file().await,
                        Ok(length) => self.take(buffer.get(..length).unwrap_or_default()).await,
                        Err(error) => {
                            self.log.warn(format_args!("reading failed: {error}"));
                            // The check makes it again: no busy loop.
                            self.receiver = None;
                        }
                    }
                    // A writer that never stops must not keep the thread to itself.
                    yield_now().await;
                }
                () = wait_until(self.unfinished_until) => {
                    self.forget_request("was not finished in time").await;
                }
            }
        }
    }

    /// What was written before the FIFO lost its name, or is by those who have it open still: without a
    /// reader it would be gone, and they would wait for an answer.
    async fn read_to_the_end(&mut self) {
        let Some(receiver) = self.receiver.take() else { return };
        let mut buffer = vec![0; 4096];
        loop {
            // Directly first: an end of file without any writer before it is no event to wait for.
            let length = match rustix::io::read(&receiver, &mut buffer) {
                Err(Errno::AGAIN) => read(Some(&receiver), &mut buffer).await,
                result => result.map_err(io::Error::from),
            };
            match length {
                Ok(0) | Err(_) => return,
                Ok(length) => self.take(buffer.get(..length).unwrap_or_default()).await,
            }
            // Else writers that never stop would put off the end, which is looked at in between.
            yield_now().await;
        }
    }

    /// Reads nothing more. The requests whose reply FIFO nobody reads yet.
    async fn close(mut self) -> JoinSet<()> {
        self.endpoint.remove();
        self.receiver = None;
        self.forget_request("was cut off").await;
        self.dispatcher.waiting
    }

    async fn take(&mut self, mut input: &[u8]) {
        let mut finished = false;
        while let Some(item) = self.parser.next(&mut input) {
            finished = true;
            self.dispatcher.accept(item).await;
        }
        if self.parser.is_idle() {
            self.unfinished_until = None;
        } else if finished || self.unfinished_until.is_none() {
            self.unfinished_until = Some(Instant::now() + self.request_timeout);
        }
    }

    /// The last writer has left. This read end would report end of file from now on, so another is
    /// opened before it is closed: there is a reader at any time.
    async fn end_of_file(&mut self) {
        let reopened =
            self.endpoint.reopen().and_then(|fd| fd.map(Receiver::from_owned_fd).transpose());
        match reopened {
            Ok(Some(receiver)) => self.receiver = Some(receiver),
            Ok(None) => self.rebuild().await,
            Err(error) => {
                self.log.warn(format_args!("opening it again failed: {error}"));
                self.receiver = None;
            }
        }
        self.forget_request("was cut off").await;
    }

    /// Makes the FIFO again. If that fails, the next check tries once more.
    async fn rebuild(&mut self) {
        self.forget_request("was cut off").await;
        let rebuilt = self.blueprint.build().and_then(|(endpoint, reader)| {
            let receiver = Receiver::from_owned_fd(reader);
            Ok((endpoint, receiver.map_err(|error| self.blueprint.create_error(error))?))
        });
        match rebuilt {
            Ok((endpoint, receiver)) => {
                info!("the MI FIFO was gone and is made again");
                self.endpoint = endpoint;
                self.receiver = Some(receiver);
            }
            Err(error) => {
                warn!("the MI FIFO is gone: {error}");
                self.receiver = None;
            }
        }
    }

    /// Drops what there is of a request. A client of JSON-RPC is told; one of the text form would take
    /// whatever it is told for the reply to a request it has never finished.
    async fn forget_request(&mut self, why: &str) {
        self.unfinished_until = None;
        let Some(unfinished) = self.parser.reset() else { return };
        self.log.warn(format_args!("a request {why}, what there is of it is dropped"));
        match unfinished {
            Unfinished::Json { reply } => {
                self.dispatcher.accept(Incoming::BadJson { fault: JsonFault::CutOff, reply }).await;
            }
            Unfinished::Text => self.dispatcher.table.note_other(),
            Unfinished::Rest => {}
        }
    }
}

/// Opens reply FIFOs and queues requests.
struct Dispatcher {
    /// Where requests are counted that are none.
    table: Arc<CommandTable>,
    reply_dir: Arc<Path>,
    reader_wait: Duration,
    slots: Arc<Semaphore>,
    jobs: mpsc::Sender<Job>,
    /// Requests whose reply FIFO nobody reads yet.
    waiting: JoinSet<()>,
    log: Arc<LimitedLog>,
}

impl Dispatcher {
    /// Waits while too many requests are under way; the FIFO holds back its writers meanwhile.
    async fn accept(&mut self, incoming: Incoming) {
        while self.waiting.try_join_next().is_some() {}
        let Some((work, reply)) = self.work(incoming) else { return };
        let Ok(permit) = Arc::clone(&self.slots).acquire_owned().await else { return };
        let Some(name) = reply else {
            return self.queue(Job { work, reply: None, permit }).await;
        };
        match ReplyPipe::open(&self.reply_dir, &name) {
            Ok(pipe) => self.queue(Job { work, reply: Some(pipe), permit }).await,
            Err(ReplyError::NoReader) => self.wait_for_reader(name, work, permit),
            Err(error) => refuse(&self.log, &name, &error),
        }
    }

    /// What is to be done, and the name of the reply FIFO; `None` if that is nothing.
    fn work(&self, incoming: Incoming) -> Option<(Work, Option<String>)> {
        let (work, reply) = match incoming {
            Incoming::Json { text, reply } => return Some((Work::Json(text), reply)),
            Incoming::Text(Request { command, reply, args }) => {
                return Some((Work::Text { command, args }, reply));
            }
            Incoming::BadJson { fault, reply } => {
                self.table.note_other();
                self.log.warn(format_args!("a request is refused: {fault}"));
                let answer = match fault {
                    JsonFault::Behind | JsonFault::CutOff => jsonrpc::PARSE_ERROR.to_owned(),
                    JsonFault::TooLong => too_long(),
                };
                (Work::Say(answer), reply)
            }
            Incoming::BadText(error) => {
                self.table.note_other();
                self.log.warn(format_args!("a request is refused: {error}"));
                let TextError { command, reply, .. } = error;
                (Work::Say(render_parse_error(&command?)), reply)
            }
        };
        // An error is all there is, and has nowhere to go.
        reply.is_some().then_some((work, reply))
    }

    /// Does not hold up the requests after it.
    fn wait_for_reader(&mut self, name: String, work: Work, permit: OwnedSemaphorePermit) {
        let (dir, patience) = (Arc::clone(&self.reply_dir), self.reader_wait);
        let (jobs, log) = (self.jobs.clone(), Arc::clone(&self.log));
        self.waiting.spawn(async move {
            match ReplyPipe::open_within(&dir, &name, patience).await {
                // No receiver means that the server ends.
                Ok(pipe) => drop(jobs.send(Job { work, reply: Some(pipe), permit }).await),
                Err(error) => refuse(&log, &name, &error),
            }
        });
    }

    async fn queue(&self, job: Job) {
        // No receiver means that the server ends.
        let _ = self.jobs.send(job).await;
    }
}

fn refuse(log: &LimitedLog, name: &str, error: &ReplyError) {
    log.warn(format_args!("a request is not run, its reply FIFO {name:?} is refused: {error}"));
}

fn check_reply_dir(dir: &Path) -> Result<(), FifoError> {
    let error = |source| FifoError::ReplyDir { path: dir.to_owned(), source };
    if std::fs::metadata(dir).map_err(error)?.is_dir() {
        return Ok(());
    }
    Err(error(io::ErrorKind::NotADirectory.into()))
}

async fn read(receiver: Option<&Receiver>, buffer: &mut [u8]) -> io::Result<usize> {
    let Some(receiver) = receiver else { return pending().await };
    loop {
        receiver.readable().await?;
        match receiver.try_read(buffer) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {}
            result => return result,
        }
    }
}

async fn wait_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
