//! What a module sends, to be counted by node.

use crate::members::Members;
use clusterer_node::MachineId;
use core::fmt;

/// The way of a module's packets to the nodes of its cluster. For drivers.
#[derive(Clone, Copy)]
pub struct Outlet<'m>(&'m Members);

impl<'m> Outlet<'m> {
    pub(crate) const fn new(members: &'m Members) -> Self {
        Self(members)
    }

    /// A packet of so many bytes was queued for a machine. Returns whether it was counted: only for nodes that
    /// the module watches. Any thread, no lock; memory is allocated once for some dozens of nodes.
    #[must_use]
    pub fn count(&self, machine: MachineId, bytes: usize) -> bool {
        self.0.count_sent(machine, bytes)
    }
}

impl fmt::Debug for Outlet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").finish_non_exhaustive()
    }
}
