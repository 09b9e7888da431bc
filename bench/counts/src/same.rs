//! A run of packets, all of them the same.

use clusterer_bin::Packet;
use clusterer_registry::{Malformed, Run};

/// A packet that comes again and again.
pub(crate) struct Same<'p> {
    packet: Packet<'p>,
    left: usize,
}

impl<'p> Same<'p> {
    pub(crate) const fn new(packet: Packet<'p>, times: usize) -> Self {
        Self { packet, left: times }
    }
}

impl Run for Same<'_> {
    fn next(&mut self) -> Option<&Packet<'_>> {
        self.left = self.left.checked_sub(1)?;
        Some(&self.packet)
    }

    fn malformed(&mut self, error: &Malformed) {
        panic!("its fields make sense: {error}");
    }
}
