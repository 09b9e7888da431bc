//! Who sends pipes: one record a machine, and how many strangers are listened to.

use crate::heard::Heard;
use crate::remote::Sender;
use clusterer_node::{MachineId, Moment};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

/// How many senders outside the table are listened to at once. So no pipe ever keeps more of their
/// counters that count.
pub const MAX_STRANGERS: usize = 128;

/// What one machine has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerStatus {
    /// The machine.
    pub machine: MachineId,
    /// It was a node of the cluster when its last packet came.
    pub provisioned: bool,
    /// Packets taken, heartbeats included.
    pub packets: u64,
    /// Pipes taken from them.
    pub pipes: u64,
    /// Pipes skipped.
    pub skipped: u64,
    /// When the last packet came.
    pub last_packet: Moment,
}

/// All machines that have sent something. Its lock is held for as long as one of them is looked up, and
/// no other is taken meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    peers: RwLock<BTreeMap<MachineId, Arc<Peer>>>,
}

/// One machine.
#[derive(Debug)]
pub(crate) struct Peer {
    sender: Arc<Sender>,
    provisioned: AtomicBool,
    /// Milliseconds.
    last_packet: AtomicU64,
    heard: Mutex<Heard>,
}

impl Peers {
    /// Notes that packets have come. None: their sender is one stranger too many. A stranger who has been
    /// silent for longer than `expire` makes room, since nothing of what it sent counts any more.
    pub(crate) fn admit(
        &self,
        now: Moment,
        machine: MachineId,
        provisioned: bool,
        expire: Duration,
    ) -> Option<Arc<Peer>> {
        if let Some(peer) = self.read().get(&machine) {
            peer.note(now, provisioned);
            return Some(Arc::clone(peer));
        }
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        if !provisioned && !peers.contains_key(&machine) {
            let full = |peers: &BTreeMap<_, Arc<Peer>>| {
                peers.values().filter(|peer| !peer.is_provisioned()).count() >= MAX_STRANGERS
            };
            if full(&peers) {
                peers.retain(|_, peer| {
                    peer.is_provisioned() || now.since(peer.last_packet()) <= expire
                });
            }
            if full(&peers) {
                return None;
            }
        }
        let peer = peers.entry(machine).or_insert_with(|| Arc::new(Peer::new(machine)));
        peer.note(now, provisioned);
        Some(Arc::clone(peer))
    }

    /// The machine, if it has sent anything.
    pub(crate) fn find(&self, machine: MachineId) -> Option<Arc<Peer>> {
        self.read().get(&machine).map(Arc::clone)
    }

    /// The peer of each sender; None where a stranger has made room.
    pub(crate) fn of(&self, senders: &[Arc<Sender>]) -> Vec<Option<Arc<Peer>>> {
        let peers = self.read();
        let peer = |sender: &Arc<Sender>| {
            let peer = peers.get(&sender.machine())?;
            Arc::ptr_eq(&peer.sender, sender).then(|| Arc::clone(peer))
        };
        senders.iter().map(peer).collect()
    }

    /// All of them, by machine id.
    pub(crate) fn list(&self) -> Vec<PeerStatus> {
        let peers: Vec<_> = self.read().values().map(Arc::clone).collect();
        peers.iter().map(|peer| peer.status()).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<MachineId, Arc<Peer>>> {
        self.peers.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Peer {
    fn new(machine: MachineId) -> Self {
        Self {
            sender: Arc::new(Sender::new(machine)),
            provisioned: AtomicBool::new(false),
            last_packet: AtomicU64::new(0),
            heard: Mutex::default(),
        }
    }

    pub(crate) const fn sender(&self) -> &Arc<Sender> {
        &self.sender
    }

    /// What it has said. All that it says is written under this lock, and its counters go under it. Whoever
    /// takes that of several peers does so in order of their machine ids; a shard's lock comes after.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes everything 0 that it has said up to now.
    pub(crate) fn forget(&self) {
        // Whoever is taking packets of it has begun before, and what comes later is of the new era.
        let _heard = self.lock();
        self.sender.forget();
    }

    fn note(&self, now: Moment, provisioned: bool) {
        self.provisioned.store(provisioned, Ordering::Relaxed);
        self.last_packet.fetch_max(now.as_millis(), Ordering::Relaxed);
    }

    fn is_provisioned(&self) -> bool {
        self.provisioned.load(Ordering::Relaxed)
    }

    fn last_packet(&self) -> Moment {
        Moment::from_millis(self.last_packet.load(Ordering::Relaxed))
    }

    fn status(&self) -> PeerStatus {
        let heard = self.lock();
        PeerStatus {
            machine: self.sender.machine(),
            provisioned: self.is_provisioned(),
            packets: heard.packets,
            pipes: heard.pipes,
            skipped: heard.skipped,
            last_packet: self.last_packet(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPIRE: Duration = Duration::from_secs(10);

    fn machine(number: usize) -> MachineId {
        MachineId::new(i32::try_from(number).unwrap()).unwrap()
    }

    #[test]
    fn strangers_are_bounded_and_nodes_are_not() {
        let peers = Peers::default();
        let admit = |now, number, provisioned| {
            peers.admit(Moment::from_millis(now), machine(number), provisioned, EXPIRE).is_some()
        };
        for number in 1..=MAX_STRANGERS {
            assert!(admit(0, number, false));
        }
        assert!(!admit(10_000, 1000, false), "the others are not yet expired");
        assert!(admit(10_000, 1000, true));
        assert!(admit(10_000, 1, false), "a known one goes on");
        assert!(admit(10_001, 1001, false), "the expired ones have made room");
        let known: Vec<_> = peers.list().iter().map(|peer| peer.machine.get()).collect();
        assert_eq!(known, [1, 1000, 1001]);
    }
}
