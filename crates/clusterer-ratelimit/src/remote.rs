//! What another node counts in a pipe: written by those who receive, read by those who decide.

use crate::{Config, RemoteCount};
use clusterer_node::{MachineId, Moment};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// One machine, as each of its counters knows it.
#[derive(Debug)]
pub(crate) struct Sender {
    machine: MachineId,
    /// How often it fell silent. Only what was said since counts.
    era: AtomicU32,
}

impl Sender {
    pub(crate) const fn new(machine: MachineId) -> Self {
        Self { machine, era: AtomicU32::new(0) }
    }

    pub(crate) const fn machine(&self) -> MachineId {
        self.machine
    }

    /// Where it stands among `senders`, which are in order of their machine ids.
    pub(crate) fn position(&self, senders: &[Arc<Self>]) -> Option<usize> {
        let at = senders.binary_search_by_key(&self.machine, |sender| sender.machine).ok()?;
        senders.get(at).is_some_and(|sender| std::ptr::eq(&**sender, self)).then_some(at)
    }

    pub(crate) fn era(&self) -> u32 {
        self.era.load(Ordering::Relaxed)
    }

    /// Makes all its counters 0, however many there are.
    pub(crate) fn forget(&self) {
        self.era.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a machine counts in one pipe. The pipe holds it, and so does the machine's [`Peer`], under whose lock
/// alone it is written and, at last, taken out of both.
///
/// [`Peer`]: crate::peers::Peer
#[derive(Debug)]
pub(crate) struct Remote {
    /// Who says so.
    sender: Arc<Sender>,
    /// The era above, the counter below: so that no counter is taken for one of another era.
    said: AtomicU64,
    /// Milliseconds.
    received: AtomicU64,
    /// When the counter was above 0 last; 0 is never, or so long ago that it makes no difference.
    used: AtomicU64,
}

impl Remote {
    /// Nothing has been said yet.
    pub(crate) fn new(sender: &Arc<Sender>) -> Self {
        Self {
            sender: Arc::clone(sender),
            said: AtomicU64::new(0),
            received: AtomicU64::new(0),
            used: AtomicU64::new(0),
        }
    }

    pub(crate) const fn sender(&self) -> &Arc<Sender> {
        &self.sender
    }

    /// Its machine has said what it counts. To be called under the lock of its peer.
    #[inline]
    pub(crate) fn receive(&self, now: Moment, era: u32, counter: u32) {
        let now = now.as_millis();
        self.said.store(u64::from(era) << 32 | u64::from(counter), Ordering::Relaxed);
        if counter > 0 {
            self.used.store(now, Ordering::Relaxed);
        }
        // Last: whoever sees that something was received sees what.
        self.received.store(now, Ordering::Release);
    }

    pub(crate) fn live_counter(&self, now: Moment, config: &Config) -> u32 {
        // In this order, see `receive`.
        if self.is_live(now, config) { self.counter() } else { 0 }
    }

    pub(crate) fn is_live(&self, now: Moment, config: &Config) -> bool {
        now.since(self.received()) <= config.repl_expire
    }

    pub(crate) fn used(&self) -> Moment {
        Moment::from_millis(self.used.load(Ordering::Relaxed))
    }

    pub(crate) fn count(&self, now: Moment, config: &Config) -> RemoteCount {
        RemoteCount {
            machine: self.sender.machine,
            counter: self.live_counter(now, config),
            received: self.received(),
        }
    }

    fn received(&self) -> Moment {
        Moment::from_millis(self.received.load(Ordering::Acquire))
    }

    fn counter(&self) -> u32 {
        let [c0, c1, c2, c3, e0, e1, e2, e3] = self.said.load(Ordering::Relaxed).to_le_bytes();
        let era = u32::from_le_bytes([e0, e1, e2, e3]);
        if era == self.sender.era() { u32::from_le_bytes([c0, c1, c2, c3]) } else { 0 }
    }
}
