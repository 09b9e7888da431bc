//! The side of the transport that other threads hold.

use crate::census::Census;
use crate::command::Inbox;
use crate::desk::Desk;
use crate::directory::{Directory, Open};
use crate::drain;
use crate::entry::{Control, Limits};
use crate::levels::{Level, Levels};
use crate::meters::{Meters, Reason};
use crate::queue::LinkQueue;
use crate::transport::AfterDrain;
use crate::{Command, LinkSpec, SendError, Transport};
use clusterer_bin::Outgoing;
use clusterer_node::LinkId;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the mio threads and all handles share.
pub(crate) struct Shared {
    /// Of each mio thread, in order.
    pub(crate) desks: Box<[Arc<Desk>]>,
    pub(crate) census: Arc<Census>,
    pub(crate) levels: Levels,
    pub(crate) meters: Meters,
    pub(crate) local_addresses: Vec<SocketAddr>,
    /// The open links. Changed only under `changing`, and those of a thread under its inbox's lock.
    links: Directory,
    changing: Mutex<()>,
    /// No packet is taken any more.
    stopped: AtomicBool,
    /// How long the mio threads may go on writing, once they are to stop.
    stop: Mutex<Option<Duration>>,
    /// Threads that have not ended.
    running: AtomicUsize,
}

impl Shared {
    pub(crate) fn new(
        desks: Box<[Arc<Desk>]>,
        census: Census,
        limits: Limits,
        local_addresses: Vec<SocketAddr>,
    ) -> Self {
        Self {
            census: Arc::new(census),
            levels: Levels::new(desks.len()),
            meters: Meters::new(),
            local_addresses,
            links: Directory::new(limits),
            changing: Mutex::new(()),
            stopped: AtomicBool::new(false),
            stop: Mutex::new(None),
            running: AtomicUsize::new(desks.len()),
            desks,
        }
    }

    /// Refuses all packets from now on, and lets each mio thread end when it has written what waits on
    /// its connected links, or after `flush`.
    pub(crate) fn stop(&self, flush: Duration) {
        self.stopped.store(true, Ordering::Release);
        *lock(&self.stop) = Some(flush);
        self.desks.iter().for_each(|desk| desk.wake.wake());
    }

    pub(crate) fn stopping(&self) -> Option<Duration> {
        *lock(&self.stop)
    }

    /// A mio thread has ended. One that was not told to takes the others along: half a transport would let
    /// some peers down in silence.
    pub(crate) fn ended(&self, thread: usize) {
        if self.stopping().is_none() {
            self.stop(Duration::ZERO);
        }
        if let Some(desk) = self.desks.get(thread) {
            desk.close();
        }
        if self.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.discard_all();
        }
    }

    /// What still waits will never be sent.
    fn discard_all(&self) {
        let changing = lock(&self.changing);
        let discarded = self.links.close_all();
        drop(changing);
        self.meters.dropped(Reason::Stopped, discarded);
        for thread in 0..self.desks.len() {
            self.levels.show(thread, Level::default(), || self.queued_bytes());
        }
    }

    /// Where the thread of a link finds what is handed over to it.
    #[expect(clippy::indexing_slicing, reason = "taken modulo the number of desks")]
    fn desk(&self, link: LinkId) -> &Desk {
        // Indices are dense: each thread has its share.
        &self.desks[usize::try_from(link.index).unwrap_or_default() % self.desks.len()]
    }

    /// Bytes queued on all links.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.links.room().total.load(Ordering::Relaxed)
    }

    /// Where a link leads, and its queue, if it is open.
    pub(crate) fn route(&self, link: LinkId) -> Option<(LinkSpec, LinkQueue)> {
        self.links.with(link, |open| Some((open.entry.spec(link)?, open.queue()))).flatten()
    }

    fn open(&self, spec: &LinkSpec) {
        let mut inbox = self.desk(spec.link).inbox();
        let _changing = lock(&self.changing);
        if let Some(discarded) = self.links.open(spec) {
            self.discard(&mut inbox, spec.link, discarded);
        }
    }

    fn close(&self, link: LinkId) {
        let mut inbox = self.desk(link).inbox();
        let _changing = lock(&self.changing);
        if let Some(discarded) = self.links.close(link) {
            self.discard(&mut inbox, link, discarded);
        }
    }

    fn discard(&self, inbox: &mut Inbox, link: LinkId, packets: usize) {
        inbox.hangup(link);
        self.meters.dropped(Reason::LinkClosed, packets);
    }

    /// Does something in the inbox, if the link is open.
    fn with_inbox(&self, link: LinkId, act: impl FnOnce(&mut Inbox)) {
        let mut inbox = self.desk(link).inbox();
        if self.links.is_open(link) {
            act(&mut inbox);
        }
    }

    /// Does something with an open link, whose queue it returns if the mio thread is to be told. Counts the
    /// packet as dropped if it is refused.
    fn with_link(
        &self,
        link: LinkId,
        act: impl FnOnce(Open<'_>) -> Result<Option<LinkQueue>, SendError>,
    ) -> Result<(), SendError> {
        let result = if self.stopped.load(Ordering::Acquire) {
            Err(SendError::Stopped)
        } else {
            self.links.with(link, act).unwrap_or(Err(SendError::UnknownLink))
        };
        let reason = match result {
            Ok(Some(queue)) => {
                self.desk(link).announce(queue);
                return Ok(());
            }
            Ok(None) => return Ok(()),
            Err(SendError::Full { .. }) => Reason::QueueFull,
            Err(SendError::Stopped) => Reason::Stopped,
            Err(SendError::UnknownLink) => Reason::LinkClosed,
        };
        self.meters.dropped(reason, 1);
        result.map(|_| ())
    }
}

/// Sends and commands. Cheap to clone; outlives the [`Net`](crate::Net), after which every send says
/// [`SendError::Stopped`].
#[derive(Clone)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl Transport for Handle {
    fn command(&self, command: Command) {
        let shared = &self.shared;
        if shared.stopped.load(Ordering::Acquire) {
            return;
        }
        let link = match command {
            Command::Close(link) => {
                shared.close(link);
                link
            }
            Command::Dial(attempt) => {
                shared.with_inbox(attempt.link, |inbox| inbox.dial(attempt));
                attempt.link
            }
            Command::Hangup(link) => {
                shared.with_inbox(link, |inbox| inbox.hangup(link));
                link
            }
            Command::Open(spec) => {
                shared.open(&spec);
                spec.link
            }
        };
        shared.desk(link).wake.wake();
    }

    fn send(&self, link: LinkId, packet: Outgoing) -> Result<(), SendError> {
        self.shared.with_link(link, |mut open| {
            if packet.is_empty() {
                return Ok(None);
            }
            open.push(packet)?;
            Ok(open.announce())
        })
    }

    fn send_control(&self, link: LinkId, packet: Outgoing) -> Result<(), SendError> {
        self.shared.with_link(link, |mut open| {
            if packet.is_empty() {
                return Ok(None);
            }
            match open.entry.push_control(packet)? {
                Control::NotConnected => {
                    self.shared.meters.dropped(Reason::NotConnected, 1);
                    Ok(None)
                }
                Control::Queued => Ok(open.announce()),
            }
        })
    }

    fn drain(&self, then: AfterDrain) {
        let shared = Arc::clone(&self.shared);
        let mut parts = drain::parts(then, shared.desks.len()).into_iter();
        let Some(first) = parts.next() else { return };
        // The first thread accepts. What it has handed on by its answer, the others find when they are asked.
        let then_others = move |drained| {
            first(drained);
            for (desk, part) in shared.desks.iter().skip(1).zip(parts) {
                desk.drain(part);
            }
        };
        if let Some(desk) = self.shared.desks.first() {
            desk.drain(Box::new(then_others));
        }
    }

    fn forget(&self) {
        self.shared.desks.iter().for_each(|desk| desk.forget());
    }

    fn local_addresses(&self) -> Vec<SocketAddr> {
        self.shared.local_addresses.clone()
    }

    fn queued_bytes(&self, link: LinkId) -> usize {
        self.shared.links.with(link, |open| open.entry.queued_bytes()).unwrap_or_default()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("local_addresses", &self.shared.local_addresses)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No caller's code runs under these locks, so what they guard is whole even after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
