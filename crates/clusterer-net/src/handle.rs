//! The side of the transport that other threads hold.

use crate::command::Inbox;
use crate::directory::{Directory, Open};
use crate::entry::{Control, Limits};
use crate::meters::{Meters, Reason};
use crate::queue::LinkQueue;
use crate::transport::{AfterDrain, Drained};
use crate::wake::Wake;
use crate::{Command, LinkSpec, SendError, Transport};
use clusterer_bin::Outgoing;
use clusterer_node::LinkId;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the mio thread and all handles share.
pub(crate) struct Shared {
    pub(crate) wake: Wake,
    pub(crate) meters: Meters,
    pub(crate) local_addresses: Vec<SocketAddr>,
    /// The open links. Changed only under the inbox's lock.
    links: Directory,
    inbox: Mutex<Inbox>,
    /// Queues with something new in them, each at most once.
    announced: Mutex<Vec<LinkQueue>>,
    /// Who is to be told when everything that has arrived was read; `None` once nothing is read any
    /// more.
    drains: Mutex<Option<Vec<AfterDrain>>>,
    /// No packet is taken any more.
    stopped: AtomicBool,
    /// How long the mio thread may go on writing, once it is to stop.
    stop: Mutex<Option<Duration>>,
}

impl Shared {
    pub(crate) fn new(wake: Wake, limits: Limits, local_addresses: Vec<SocketAddr>) -> Self {
        Self {
            wake,
            meters: Meters::new(),
            local_addresses,
            links: Directory::new(limits),
            inbox: Mutex::default(),
            announced: Mutex::default(),
            drains: Mutex::new(Some(Vec::new())),
            stopped: AtomicBool::new(false),
            stop: Mutex::new(None),
        }
    }

    pub(crate) fn inbox(&self) -> MutexGuard<'_, Inbox> {
        lock(&self.inbox)
    }

    /// Moves the queues with something new to `into`, which is empty.
    pub(crate) fn take_announced(&self, into: &mut Vec<LinkQueue>) {
        std::mem::swap(&mut *lock(&self.announced), into);
    }

    pub(crate) fn take_drains(&self) -> Vec<AfterDrain> {
        lock(&self.drains).as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Refuses all packets from now on, and lets the mio thread end when it has written what waits on
    /// connected links, or after `flush`.
    pub(crate) fn stop(&self, flush: Duration) {
        self.stopped.store(true, Ordering::Release);
        *lock(&self.stop) = Some(flush);
        self.wake.wake();
    }

    pub(crate) fn stopping(&self) -> Option<Duration> {
        *lock(&self.stop)
    }

    /// The mio thread has ended: what still waits will never be sent.
    pub(crate) fn ended(&self) {
        self.stopped.store(true, Ordering::Release);
        let inbox = self.inbox();
        let discarded = self.links.close_all();
        drop(inbox);
        self.meters.dropped(Reason::Stopped, discarded);
        self.meters.queued(self.queued_bytes());
        // Nothing more will be read, so nothing is waited for.
        let drains = lock(&self.drains).take();
        drains.into_iter().flatten().for_each(|then| then(Drained::default()));
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
        let mut inbox = self.inbox();
        if let Some(discarded) = self.links.open(spec) {
            self.discard(&mut inbox, spec.link, discarded);
        }
    }

    fn close(&self, link: LinkId) {
        let mut inbox = self.inbox();
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
        let mut inbox = self.inbox();
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
                lock(&self.announced).push(queue);
                self.wake.wake();
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
        match command {
            Command::Close(link) => shared.close(link),
            Command::Dial(attempt) => {
                shared.with_inbox(attempt.link, |inbox| inbox.dial(attempt));
            }
            Command::Hangup(link) => shared.with_inbox(link, |inbox| inbox.hangup(link)),
            Command::Open(spec) => shared.open(&spec),
        }
        shared.wake.wake();
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
        let mut drains = lock(&self.shared.drains);
        let Some(waiting) = drains.as_mut() else {
            drop(drains);
            return then(Drained::default());
        };
        waiting.push(then);
        drop(drains);
        self.shared.wake.wake();
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
