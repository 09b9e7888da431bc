//! Nodes without sockets: packets are written, parsed and handed over in memory.

use clusterer_bin::{Dialect, Origin, Packet, PacketWriter};
use clusterer_node::{ClusterId, MachineId, Moment};
use clusterer_ratelimit::{Batch, COMMAND, Config, Parameters, RateLimit, module_name};
use clusterer_registry::{ClusterModule, Malformed, PacketContext};

pub(crate) fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

pub(crate) fn machine(number: i32) -> MachineId {
    MachineId::new(number).unwrap()
}

/// The manual's defaults, replicated both ways in cluster 1, and changed as told.
pub(crate) fn config(change: impl FnOnce(&mut Parameters)) -> Config {
    let mut parameters =
        Parameters { replicate_pipes_to: 1, accept_pipes_from: 1, ..Parameters::default() };
    change(&mut parameters);
    parameters.validate().unwrap()
}

/// A tick of one second.
pub(crate) fn second() -> Config {
    config(|parameters| parameters.timer_interval = 1)
}

pub(crate) fn context(sender: i32, provisioned: bool, now: Moment) -> PacketContext {
    let address = [127, 0, 0, 1].into();
    PacketContext::new(ClusterId::new(1), machine(sender), provisioned, address, now)
}

pub(crate) fn write(
    dialect: Dialect,
    sender: i32,
    fields: impl FnOnce(&mut PacketWriter),
) -> Vec<u8> {
    let origin = Origin { sender, cluster: 1 };
    let mut writer = PacketWriter::new(dialect, module_name(dialect), COMMAND, origin);
    fields(&mut writer);
    writer.finish(3).unwrap().to_vec()
}

pub(crate) fn encode(dialect: Dialect, sender: i32, batch: &Batch<'_>) -> Vec<u8> {
    write(dialect, sender, |writer| batch.write(writer))
}

/// All packets that are sent now.
pub(crate) fn sent(node: &RateLimit, sender: i32, now: Moment) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    node.replicate(now, &mut |batch| packets.push(encode(Dialect::V22, sender, batch)));
    packets
}

pub(crate) fn receive(node: &RateLimit, now: Moment, bytes: &[u8]) -> Result<(), Malformed> {
    receive_as(node, true, now, bytes)
}

pub(crate) fn receive_as(
    node: &RateLimit,
    provisioned: bool,
    now: Moment,
    bytes: &[u8],
) -> Result<(), Malformed> {
    let packet = Packet::parse(Dialect::V22, bytes).unwrap();
    node.on_packet(&context(packet.sender, provisioned, now), &packet)
}

/// Says that `sender` counted this much in a TAILDROP pipe.
pub(crate) fn tell(node: &RateLimit, now: Moment, sender: i32, pipe: &[u8], counter: i32) {
    let bytes = write(Dialect::V22, sender, |writer| {
        writer.str(pipe).int(1).int(100).int(counter);
    });
    receive(node, now, &bytes).unwrap();
}
