//! The way of many packets to one module: found once, walked by each of them.

use crate::registry::Registered;
use crate::slot::{Open, Slot};
use crate::slots::SharedSlot;
use crate::{ClusterModule, Delivery, PacketContext, Registration, Volume};
use alloc::sync::Arc;
use clusterer_bin::{Dialect, Packet};
use clusterer_node::{ClusterId, MachineId, Moment, NodeKey};
use core::fmt;
use core::net::IpAddr;

/// Since when modules and nodes are what they are. Two are equal if nothing was registered or loaded in
/// between: then what was found in one [`Modules`](crate::Modules) is true in the other.
#[derive(Clone, Debug)]
pub struct Epoch(Arc<()>);

impl Epoch {
    pub(crate) fn begin() -> Self {
        Self(Arc::new(()))
    }
}

impl PartialEq for Epoch {
    /// An address is not used twice while somebody remembers it.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Epoch {}

/// What [`Modules::admit`](crate::Modules::admit) says of all packets that are like one of them and come from
/// one address: which module takes them, and as whom it knows their sender. To be dropped when the
/// [`Epoch`] ends. It keeps neither the table nor the other modules in memory.
#[derive(Clone)]
pub struct Route {
    registration: Arc<Registration>,
    module: Arc<dyn ClusterModule>,
    delivery: Delivery,
    slot: Option<SharedSlot>,
    sender: MachineId,
    from: IpAddr,
    /// What else of a header counts.
    likeness: (Dialect, i16, Option<i32>),
}

/// Leave to deliver packets that arrived together.
#[derive(Clone, Copy, Debug)]
pub struct Pass(Option<Open>);

impl Route {
    pub(crate) fn new(
        registered: &Registered,
        packet: &Packet<'_>,
        sender: MachineId,
        slot: Option<SharedSlot>,
        from: IpAddr,
    ) -> Self {
        let Registered { registration, module, delivery, .. } = registered;
        let (registration, module, delivery) = (registration.clone(), module.clone(), *delivery);
        let likeness = likeness(packet);
        Self { registration, module, delivery, slot, sender, from, likeness }
    }

    /// Whether this is the way of this packet, too, if it comes from the same address.
    #[must_use]
    #[inline]
    pub fn takes(&self, packet: &Packet<'_>) -> bool {
        packet.sender == self.sender.get()
            && likeness(packet) == self.likeness
            && packet.module == self.registration.name.as_bytes()
    }

    /// Packets have arrived, or one. Stamps the sender's last-seen if they may pass.
    ///
    /// # Errors
    /// The node is shut out: drop them, and tell the module
    /// [`TemporarilyDisabled`](crate::ModuleEvent::TemporarilyDisabled) of it.
    pub fn arrive(&self, now: Moment) -> Result<Pass, NodeKey> {
        match (self.slot(), self.cluster()) {
            (Some(slot), Some(cluster)) => match slot.arrive(now) {
                Ok(open) => Ok(Pass(Some(open))),
                Err(_) => Err(NodeKey { cluster, machine: self.sender }),
            },
            _ => Ok(Pass(None)),
        }
    }

    /// Counts what passed, bytes with headers.
    pub fn count(&self, packets: u64, bytes: u64) {
        if let Some(slot) = self.slot() {
            slot.received.add(Volume { packets, bytes });
        }
    }

    /// The sender, if it has timed out since the pass was given. Whoever calls modules on several threads asks
    /// this after the call, and tells the module [`Timeout`](crate::ModuleEvent::Timeout) once more if so:
    /// else what it took in during the call could outlive the first one. Either the one who told that sees all
    /// that was done before this is asked, or this says so.
    #[must_use]
    pub fn timed_out_since(&self, pass: Pass) -> Option<NodeKey> {
        let (slot, open) = (self.slot()?, pass.0?);
        let cluster = self.cluster().filter(|_| !slot.stayed(open))?;
        Some(NodeKey { cluster, machine: self.sender })
    }

    /// Where packets that arrive now come from.
    #[must_use]
    pub fn context(&self, now: Moment) -> PacketContext {
        let provisioned = self.slot.is_some();
        PacketContext::new(self.cluster(), self.sender, provisioned, self.from, now)
    }

    /// Who takes them.
    #[must_use]
    pub const fn module(&self) -> &Arc<dyn ClusterModule> {
        &self.module
    }

    /// As what it was registered.
    #[must_use]
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// How it wants to be called.
    #[must_use]
    pub const fn delivery(&self) -> Delivery {
        self.delivery
    }

    fn cluster(&self) -> Option<ClusterId> {
        self.registration.cluster
    }

    fn slot(&self) -> Option<&Slot> {
        self.slot.as_ref()?.get()
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({} to {})", self.sender, self.registration.name)
    }
}

#[inline]
const fn likeness(packet: &Packet<'_>) -> (Dialect, i16, Option<i32>) {
    (packet.dialect, packet.version, packet.cluster)
}
