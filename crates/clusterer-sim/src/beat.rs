//! The module that every node runs: it sends a number at an interval, and writes down what it is told.

use clusterer_bin::Packet;
use clusterer_registry::{ClusterModule, Malformed, ModuleEvent, PacketContext};
use std::sync::{Mutex, PoisonError};

/// Its name in packets.
pub(crate) const NAME: &str = "beat";

/// What a module was called for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heard {
    Event(ModuleEvent),
    /// With the number it carries.
    Packet(PacketContext, Option<i32>),
}

#[derive(Debug, Default)]
pub(crate) struct Beat {
    heard: Mutex<Vec<Heard>>,
}

impl Beat {
    /// What it was called for since the last time, in order.
    pub(crate) fn take(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, heard: Heard) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(heard);
    }
}

impl ClusterModule for Beat {
    fn on_packet(&self, context: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
        let number = packet.body().int();
        self.note(Heard::Packet(*context, number.ok()));
        number?;
        Ok(())
    }

    fn on_event(&self, event: ModuleEvent) {
        self.note(Heard::Event(event));
    }
}
