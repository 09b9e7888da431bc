//! Who is registered, and who is silent.

use crate::slot::{Slot, Watch};
use crate::{ClusterModule, ModuleEvent, Modules, RegisterError, Registration};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use clusterer_node::{MachineId, Moment, NodeKey, Protocol, Timers};
use core::fmt;
use core::net::IpAddr;

/// The module name that a node's own packets carry (pings and pongs).
const RESERVED: &str = "clusterer";

/// A node, as far as the registry is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which node.
    pub node: NodeKey,
    /// Its protocol.
    pub protocol: Protocol,
    /// The address its packets must come from to pass an auth check.
    pub address: IpAddr,
}

/// A module to be told something.
#[derive(Clone)]
pub struct Notice {
    /// The module's name, for logs.
    pub registration: Arc<Registration>,
    /// Whom to call.
    pub module: Arc<dyn ClusterModule>,
    /// What to say.
    pub event: ModuleEvent,
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notice({} {:?})", self.registration.name, self.event)
    }
}

/// The modules of one machine. See the crate's documentation.
pub struct Registry {
    own: MachineId,
    members: Vec<Member>,
    modules: Vec<Registered>,
    /// One deadline a module and node, moved on when it finds that the node was heard meanwhile.
    timers: Timers<(usize, NodeKey)>,
    /// Those that were found silent, with when they were, until they are judged.
    late: Timers<(usize, NodeKey)>,
}

/// A registered module, with the nodes it watches.
#[derive(Clone)]
pub(crate) struct Registered {
    pub(crate) registration: Arc<Registration>,
    pub(crate) module: Arc<dyn ClusterModule>,
    pub(crate) peers: Arc<BTreeMap<MachineId, Peer>>,
}

/// A node that a module watches.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) slot: Arc<Slot>,
}

impl Registry {
    /// A registry without modules, for the machine with this id.
    #[must_use]
    pub const fn new(own: MachineId) -> Self {
        Self {
            own,
            members: Vec::new(),
            modules: Vec::new(),
            timers: Timers::new(),
            late: Timers::new(),
        }
    }

    /// Adds a module. Its nodes count as heard now.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn register(
        &mut self,
        now: Moment,
        registration: Registration,
        module: Arc<dyn ClusterModule>,
    ) -> Result<(), RegisterError> {
        let Registration { name, cluster, timeout, auth_check, .. } = &registration;
        if name.is_empty() || name == RESERVED {
            return Err(RegisterError::BadName(name.clone()));
        }
        if *auth_check && cluster.is_none() {
            return Err(RegisterError::AuthWithoutCluster);
        }
        if timeout.as_millis() == 0 {
            return Err(RegisterError::ZeroTimeout);
        }
        let taken = |other: &Registered| {
            other.registration.name == *name && other.registration.cluster == *cluster
        };
        if self.modules.iter().any(taken) {
            return Err(RegisterError::Duplicate { name: name.clone(), cluster: *cluster });
        }
        let registration = Arc::new(registration);
        self.modules.push(Registered { registration, module, peers: Arc::default() });
        self.watch_members(self.modules.len() - 1, now);
        Ok(())
    }

    /// Replaces the nodes. Those that stay keep their last-seen and whether they are shut out; new ones
    /// count as heard now.
    pub fn load(&mut self, now: Moment, members: impl IntoIterator<Item = Member>) {
        self.members = members.into_iter().filter(|m| m.node.machine != self.own).collect();
        for index in 0..self.modules.len() {
            self.watch_members(index, now);
        }
    }

    /// Finds who has been silent for too long, and shuts them out. The notices are for the caller to
    /// deliver. Who cannot be sure that everything that arrived was admitted calls
    /// [`Registry::advance`], makes sure, and calls [`Registry::judge`].
    pub fn tick(&mut self, now: Moment, out: &mut Vec<Notice>) {
        self.advance(now);
        self.judge(now, now, out);
    }

    /// Finds who has been silent for too long, and does nothing about it.
    pub fn advance(&mut self, now: Moment) {
        while let Some((index, node)) = self.timers.pop_due(now) {
            let Some(registered) = self.modules.get(index) else { continue };
            let Some(peer) = registered.peers.get(&node.machine) else { continue };
            match peer.slot.look(now, registered.registration.timeout) {
                Some(again) => self.timers.set((index, node), again),
                None => self.late.set((index, node), now),
            }
        }
    }

    /// Shuts out those that were found silent by `by` and have not been heard since. The notices are
    /// for the caller to deliver.
    pub fn judge(&mut self, now: Moment, by: Moment, out: &mut Vec<Notice>) {
        while let Some((index, node)) = self.late.pop_due(by) {
            let Some(registered) = self.modules.get(index) else { continue };
            let Some(peer) = registered.peers.get(&node.machine) else { continue };
            let again = match peer.slot.watch(now, registered.registration.timeout) {
                Watch::Again(at) => at,
                Watch::TimedOut(until) => {
                    out.push(Notice {
                        registration: registered.registration.clone(),
                        module: registered.module.clone(),
                        event: ModuleEvent::Timeout(node),
                    });
                    until
                }
            };
            self.timers.set((index, node), again);
        }
    }

    /// When [`Registry::tick`] is due next.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        [self.advance_at(), self.judge_at()].into_iter().flatten().min()
    }

    /// When [`Registry::advance`] is due next.
    #[must_use]
    pub fn advance_at(&self) -> Option<Moment> {
        self.timers.next()
    }

    /// Since when somebody waits for [`Registry::judge`].
    #[must_use]
    pub fn judge_at(&self) -> Option<Moment> {
        self.late.next()
    }

    /// What the receiving threads need. To be taken anew after [`Registry::register`] and
    /// [`Registry::load`].
    #[must_use]
    pub fn modules(&self) -> Modules {
        Modules::new(self.own, self.modules.clone())
    }

    /// Gives a module its nodes, with the slots that are there already.
    fn watch_members(&mut self, index: usize, now: Moment) {
        let Some(registered) = self.modules.get_mut(index) else { return };
        let Registration { cluster, protocol, timeout, .. } = *registered.registration;
        let mut peers = BTreeMap::new();
        for &Member { node, protocol: theirs, address } in &self.members {
            if Some(node.cluster) != cluster || theirs != protocol {
                continue;
            }
            let address = address.to_canonical();
            let slot = match registered.peers.get(&node.machine) {
                Some(peer) => peer.slot.clone(),
                None => {
                    self.timers.set((index, node), crate::slot::first_late(now, timeout));
                    Arc::new(Slot::new(now))
                }
            };
            peers.insert(node.machine, Peer { address, slot });
        }
        for &machine in registered.peers.keys() {
            if let (Some(cluster), false) = (cluster, peers.contains_key(&machine)) {
                self.timers.clear((index, NodeKey { cluster, machine }));
                self.late.clear((index, NodeKey { cluster, machine }));
            }
        }
        registered.peers = Arc::new(peers);
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let modules = self.modules.iter().map(|registered| &registered.registration);
        f.debug_list().entries(modules).finish()
    }
}
