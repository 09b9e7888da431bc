//! Who sends pipes: one record a machine, and how many strangers are listened to.

use clusterer_node::{MachineId, Moment};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many senders outside the table are listened to at once. So no pipe ever keeps more of their
/// counters.
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

#[derive(Debug)]
pub(crate) struct Peers {
    peers: Mutex<BTreeMap<MachineId, PeerStatus>>,
}

impl Peers {
    pub(crate) const fn new() -> Self {
        Self { peers: Mutex::new(BTreeMap::new()) }
    }

    /// Notes a packet. False: its sender is one stranger too many. A stranger who has been silent for
    /// longer than `expire` makes room, since nothing of what it sent counts any more.
    pub(crate) fn admit(
        &self,
        now: Moment,
        machine: MachineId,
        provisioned: bool,
        expire: Duration,
    ) -> bool {
        let mut peers = self.lock();
        if !provisioned && !peers.contains_key(&machine) {
            if peers.values().filter(|peer| !peer.provisioned).count() >= MAX_STRANGERS {
                peers.retain(|_, peer| peer.provisioned || now.since(peer.last_packet) <= expire);
            }
            if peers.values().filter(|peer| !peer.provisioned).count() >= MAX_STRANGERS {
                return false;
            }
        }
        let peer = peers.entry(machine).or_insert(PeerStatus {
            machine,
            provisioned,
            packets: 0,
            pipes: 0,
            skipped: 0,
            last_packet: now,
        });
        peer.provisioned = provisioned;
        peer.packets += 1;
        peer.last_packet = peer.last_packet.max(now);
        true
    }

    /// Notes what was in a packet.
    pub(crate) fn record(&self, machine: MachineId, pipes: u64, skipped: u64) {
        if let Some(peer) = self.lock().get_mut(&machine) {
            peer.pipes += pipes;
            peer.skipped += skipped;
        }
    }

    pub(crate) fn list(&self) -> Vec<PeerStatus> {
        self.lock().values().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<MachineId, PeerStatus>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
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
        let peers = Peers::new();
        let admit = |now, number, provisioned| {
            peers.admit(Moment::from_millis(now), machine(number), provisioned, EXPIRE)
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
