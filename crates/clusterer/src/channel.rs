//! The way of packets and events to a module: its mailbox, shared by the threads that deliver and the one
//! that works.

use crate::batch::Batch;
use crate::clock::Clock;
use crate::log_limit::Pace;
use crate::mailbox::{LIMITS, Limits, Mailbox, Put};
use crate::metric;
use clusterer_bin::Packet;
use clusterer_node::Moment;
use clusterer_registry::{ClusterModule, Malformed, ModuleEvent, PacketContext, Run};
use metrics::Counter;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What has waited for this long is worth a warning.
const LONG: Duration = Duration::from_secs(1);
/// No callback is under way.
const IDLE: u64 = u64::MAX;

/// Both sides' view of a module's mailbox.
pub(crate) struct Channel {
    /// The module's name.
    pub(crate) name: String,
    pub(crate) clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// For the thread that works.
    filled: Condvar,
    /// For whoever waits for that thread's end.
    over: Condvar,
    /// When the callback under way began: nanoseconds since `origin`.
    began: AtomicU64,
    origin: Instant,
    /// As the phase says, to be looked at between two callbacks.
    discarding: AtomicBool,
    busy: Counter,
}

struct State {
    mailbox: Mailbox,
    phase: Phase,
    /// The thread sleeps, or is about to; whoever wakes it says that it does not any more.
    asleep: bool,
    ended: bool,
    /// Packets dropped since the last warning.
    dropped: u64,
    pace: Pace,
}

/// What the thread is to do when a batch is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Go on.
    Open,
    /// Do what waits, then end. Nothing more is taken.
    Draining,
    /// End at once.
    Discarding,
}

/// What a warning says.
struct Backlog {
    dropped: u64,
    waiting: usize,
    waited: Duration,
}

impl Channel {
    pub(crate) fn new(name: String, clock: Arc<dyn Clock>) -> Self {
        Self::with_limits(name, clock, LIMITS)
    }

    pub(crate) fn with_limits(name: String, clock: Arc<dyn Clock>, limits: Limits) -> Self {
        let state = State {
            mailbox: Mailbox::new(limits, Batch::default()),
            phase: Phase::Open,
            asleep: false,
            ended: false,
            dropped: 0,
            pace: Pace::default(),
        };
        Self {
            name,
            clock,
            state: Mutex::new(state),
            filled: Condvar::new(),
            over: Condvar::new(),
            began: AtomicU64::new(IDLE),
            origin: Instant::now(),
            discarding: AtomicBool::new(false),
            busy: metric::module_busy(),
        }
    }

    /// Takes packets under one lock, and wakes the thread once for all of them.
    fn put_packets(&self, context: &PacketContext, run: &mut dyn Run) {
        let mut state = self.lock();
        if state.phase != Phase::Open {
            drop(state);
            let mut stopped = 0;
            while run.next().is_some() {
                stopped += 1;
            }
            return metric::dropped(metric::STOPPED, stopped);
        }
        let (mut full, mut overtaken) = (0, 0);
        while let Some(packet) = run.next() {
            match state.mailbox.put_packet(*context, packet) {
                Put::Full => full += 1,
                Put::Overtaken => overtaken += 1,
                Put::Queued => {}
            }
        }
        state.dropped += full;
        let backlog = state.backlog(context.now);
        self.wake(state);
        if full > 0 {
            self.busy.increment(full);
        }
        metric::dropped(metric::TEMPORARILY_DISABLED, overtaken);
        if let Some(backlog) = backlog {
            self.warn(&backlog);
        }
    }

    fn put_event(&self, event: ModuleEvent) {
        let now = self.clock.now();
        let mut state = self.lock();
        if state.phase != Phase::Open {
            return;
        }
        state.mailbox.put_event(now, event);
        let backlog = state.backlog(now);
        self.wake(state);
        if let Some(backlog) = backlog {
            self.warn(&backlog);
        }
    }

    /// Waits for something to do, and swaps it for `spare`, which is empty. False: it is time to end.
    pub(crate) fn next(&self, spare: &mut Batch) -> bool {
        let mut state = self.lock();
        loop {
            if state.phase == Phase::Discarding {
                return false;
            }
            if state.mailbox.take(spare) {
                return true;
            }
            if state.phase == Phase::Draining {
                return false;
            }
            // What a peak took is given back before a sleep, and not under the lock.
            if spare.is_fat() {
                drop(state);
                spare.slim();
                state = self.lock();
                continue;
            }
            if state.mailbox.swap_fat(spare) {
                continue;
            }
            state.asleep = true;
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A callback begins, or, with `None`, has ended.
    pub(crate) fn calling(&self, since: Option<Instant>) {
        let nanos = since.map(|since| since.saturating_duration_since(self.origin).as_nanos());
        let nanos = nanos.map_or(IDLE, |nanos| u64::try_from(nanos).unwrap_or(IDLE - 1));
        self.began.store(nanos, Ordering::Relaxed);
    }

    /// For how long the callback under way has not returned; zero if there is none.
    fn in_callback(&self) -> Duration {
        match self.began.load(Ordering::Relaxed) {
            IDLE => Duration::ZERO,
            began => self.origin.elapsed().saturating_sub(Duration::from_nanos(began)),
        }
    }

    /// Takes nothing more. Never waits; a phase is never taken back.
    pub(crate) fn close(&self, phase: Phase) {
        let mut state = self.lock();
        state.phase = state.phase.max(phase);
        let discarded = match state.phase {
            Phase::Discarding => {
                self.discarding.store(true, Ordering::Relaxed);
                state.mailbox.discard()
            }
            _ => Batch::default(),
        };
        self.wake(state);
        drop(discarded);
    }

    pub(crate) fn is_discarding(&self) -> bool {
        self.discarding.load(Ordering::Relaxed)
    }

    /// The thread has ended, however it did.
    pub(crate) fn ended(&self) {
        self.lock().ended = true;
        self.over.notify_all();
    }

    /// Waits for the thread's end. If it does not come in time, what waits is discarded, and the thread
    /// ends by itself when the module lets it.
    pub(crate) fn wait(&self, until: Instant) -> bool {
        let mut state = self.lock();
        while !state.ended {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let packets = state.mailbox.waiting().packets();
                drop(state);
                self.close(Phase::Discarding);
                tracing::error!(
                    module = self.name,
                    packets,
                    in_callback = ?self.in_callback(),
                    "a module's thread does not end and is left behind; what waited is discarded"
                );
                return false;
            }
            let waited = self.over.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if asleep {
            self.filled.notify_one();
        }
    }

    fn warn(&self, backlog: &Backlog) {
        let Backlog { dropped, waiting, waited } = backlog;
        tracing::warn!(
            module = self.name,
            dropped,
            waiting,
            ?waited,
            in_callback = ?self.in_callback(),
            "a module does not keep up with its packets: its callbacks must return sooner, or hand \
             long work to a thread of its own"
        );
    }

    /// Nothing that panics is done under it; if it did, the queue would be whole all the same.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Channel {
    pub(crate) fn is_asleep(&self) -> bool {
        self.lock().asleep
    }

    pub(crate) fn phase(&self) -> Phase {
        self.lock().phase
    }

    pub(crate) fn with_waiting(&self, look: impl FnOnce(&mut Batch)) {
        look(self.lock().mailbox.waiting_mut());
    }
}

impl State {
    /// What to warn of, if that is due.
    fn backlog(&mut self, now: Moment) -> Option<Backlog> {
        let waiting = self.mailbox.waiting();
        let waited = waiting.since().map_or(Duration::ZERO, |since| now.since(since));
        if self.dropped == 0 && waited < LONG {
            return None;
        }
        self.pace.allows(now)?;
        let dropped = std::mem::take(&mut self.dropped);
        Some(Backlog { dropped, waiting: waiting.packets(), waited })
    }
}

/// The module, as core and registry know it: it takes everything, returns at once, and never panics.
/// Dropping it, as a registration that failed does, ends the module's thread.
pub(crate) struct Proxy(pub(crate) Arc<Channel>);

impl ClusterModule for Proxy {
    fn on_packet(&self, context: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
        self.0.put_packets(context, &mut One(Some(packet)));
        Ok(())
    }

    fn on_packets(&self, context: &PacketContext, run: &mut dyn Run) {
        self.0.put_packets(context, run);
    }

    fn on_event(&self, event: ModuleEvent) {
        self.0.put_event(event);
    }
}

/// A packet that comes alone.
struct One<'a, 'p>(Option<&'a Packet<'p>>);

impl Run for One<'_, '_> {
    fn next(&mut self) -> Option<&Packet<'_>> {
        self.0.take()
    }

    /// The queue asks nothing of a packet.
    fn malformed(&mut self, _: &Malformed) {}
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // After a shutdown the thread is doing, or has done, what waited: there it changes nothing.
        self.0.close(Phase::Discarding);
    }
}
