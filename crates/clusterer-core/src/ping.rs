//! The node's own packets: pings and pongs.

use clusterer_bin::{Dialect, Encoded, Origin, PacketWriter, WriteError};
use clusterer_node::MachineId;

/// The module name of a node's own packets. A 2.2 node ignores it.
pub(crate) const MODULE: &str = "clusterer";
/// The command of a ping.
pub const PING: i32 = 0;
/// The command of a pong.
pub const PONG: i32 = 1;

/// A ping of this machine.
///
/// # Errors
/// None: it is short.
pub fn ping(own: MachineId, nonce: i32) -> Result<Encoded, WriteError> {
    write(own, PING, nonce)
}

/// The answer to a ping.
///
/// # Errors
/// None: it is short.
pub fn pong(own: MachineId, nonce: i32) -> Result<Encoded, WriteError> {
    write(own, PONG, nonce)
}

fn write(own: MachineId, command: i32, nonce: i32) -> Result<Encoded, WriteError> {
    let origin = Origin { sender: own.get(), cluster: 0 };
    let mut writer = PacketWriter::new(Dialect::V22, MODULE, command, origin);
    writer.int(nonce);
    writer.encode()
}
