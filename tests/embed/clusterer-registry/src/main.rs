//! A program that registers a module of its own and judges who may talk to it.

use std::{sync::Arc, time::Duration};

use clusterer_node::{ClusterId, MachineId, Moment};
use clusterer_registry::{
    ClusterModule, Malformed, ModuleEvent, PacketContext, Registration, Registry,
};

struct Listener;

impl ClusterModule for Listener {
    fn on_packet(
        &self,
        context: &PacketContext,
        packet: &clusterer_bin::Packet<'_>,
    ) -> Result<(), Malformed> {
        println!("node {} says {:?}", context.sender, packet.body().str()?);
        Ok(())
    }

    fn on_event(&self, event: ModuleEvent) {
        println!("{event:?}");
    }
}

fn main() {
    let (Some(cluster), Some(own)) = (ClusterId::new(1), MachineId::new(1)) else { return };
    let mut registry = Registry::new(own);
    let registration = Registration::new("listener", cluster, Duration::from_secs(5));
    match registry.register(Moment::ZERO, registration.auth_check(true), Arc::new(Listener)) {
        Ok(_) => println!("the listener is registered"),
        Err(error) => eprintln!("{error}"),
    }
}
