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

/// Senders whose packets are taken. Each has a table with a seed of its own, by which more or fewer names collide:
/// the sum says what an update takes, one of them how lucky a seed was.
const SENDERS: usize = 64;

/// A packet's pipes are taken, and those of many packets that came together.
pub(crate) fn update(pipes: usize) {
    let parameters = Parameters { accept_pipes_from: 1, ..Parameters::default() };
    let config = parameters.validate().expect("defaults are valid");
    let limit = RateLimit::new(config, Moment::ZERO);
    let bytes = codec::packet(pipes);
    let packet = Packet::parse(Dialect::V22, &bytes).expect("its header can be read");
    let (cluster, now) = (ClusterId::new(1), Moment::from_millis(1));
    let context = |sender| {
        let sender = MachineId::new(sender).expect("not zero");
        PacketContext::new(cluster, sender, true, Ipv4Addr::LOCALHOST.into(), now)
    };
    let contexts: Vec<_> = (2..).take(SENDERS).map(context).collect();
    let operation = || {
        for context in &contexts {
            limit.on_packet(context, &packet).expect("its fields make sense");
        }
    };
    operation();
    let pipes = number(pipes, "pipe");
    counted(&format!("ratelimit update, {SENDERS} senders, {pipes}"), operation);

    let operation = || {
        for context in &contexts {
            limit.on_packets(context, &mut Same::new(packet, RUN));
        }
    };
    operation();
    counted(&format!("ratelimit update, {SENDERS} senders, run of {RUN}, {pipes}"), operation);
}

/// How many packets come together.
const RUN: usize = 64;
