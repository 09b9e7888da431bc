//! The ratelimit module, which takes pipes that their sender has sent before.

use crate::codec;
use crate::meter::counted;
use crate::same::Same;
use crate::words::number;
use clusterer_bin::{Dialect, Packet};
use clusterer_node::{ClusterId, MachineId, Moment};
use clusterer_ratelimit::{Parameters, RateLimit};
use clusterer_registry::{ClusterModule, PacketContext};
use std::net::Ipv4Addr;

/// A packet's pipes are taken, and those of many packets that came together.
pub(crate) fn update(pipes: usize) {
    let parameters = Parameters { accept_pipes_from: 1, ..Parameters::default() };
    let config = parameters.validate().expect("defaults are valid");
    let limit = RateLimit::new(config, Moment::ZERO);
    let bytes = codec::packet(pipes);
    let packet = Packet::parse(Dialect::V22, &bytes).expect("its header can be read");
    let (cluster, sender) = (ClusterId::new(1), MachineId::new(2).expect("not zero"));
    let now = Moment::from_millis(1);
    let context = PacketContext::new(cluster, sender, true, Ipv4Addr::LOCALHOST.into(), now);
    let operation = || limit.on_packet(&context, &packet).expect("its fields make sense");
    operation();
    counted(&format!("ratelimit update, {}", number(pipes, "pipe")), operation);

    let operation = || limit.on_packets(&context, &mut Same::new(packet, RUN));
    operation();
    counted(&format!("ratelimit update, run of {RUN}, {}", number(pipes, "pipe")), operation);
}

/// How many packets come together.
const RUN: usize = 64;
