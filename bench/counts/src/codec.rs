//! The ratelimit module's packets, written and read.

use crate::meter::counted;
use crate::words::number;
use clusterer_bin::{Dialect, FieldError, Framer, Origin, Packet, PacketWriter, Reader, Step};
use std::hint::black_box;

const ORIGIN: Origin = Origin { sender: 2, cluster: 1 };

/// From the bytes of a stream to every field of the packet in it, read once.
pub(crate) fn decode(pipes: usize) {
    let stream = packet(pipes);
    let mut framer = Framer::new(Dialect::V22);
    let mut operation = || read(&mut framer, black_box(&stream)).expect("all of it can be read");
    operation();
    counted(&format!("decode, {}", number(pipes, "pipe")), operation);
}

/// From the fields to a packet for one receiver.
pub(crate) fn encode(pipes: usize) {
    let names = names(pipes);
    let operation = || {
        black_box(write(black_box(&names)).finish(2).expect("it fits"));
    };
    operation();
    counted(&format!("encode, {}", number(pipes, "pipe")), operation);
}

pub(crate) fn packet(pipes: usize) -> Vec<u8> {
    write(&names(pipes)).finish(2).expect("it fits").to_vec()
}

/// A packet of one pipe is 51 bytes long then, one of 20 is 403.
fn names(pipes: usize) -> Vec<String> {
    (0..pipes).map(|number| format!("p{number}")).collect()
}

fn write(names: &[String]) -> PacketWriter {
    let mut writer = PacketWriter::new(Dialect::V22, "ratelimit", 0, ORIGIN);
    for (name, counter) in names.iter().zip(1..) {
        writer.str(name.as_bytes()).int(1).int(100).int(counter);
    }
    writer
}

fn read(framer: &mut Framer, stream: &[u8]) -> Result<(), FieldError> {
    let Ok(Step::Packet { bytes, .. }) = framer.next(stream) else { panic!("it is whole") };
    let packet = Packet::parse(Dialect::V22, bytes)?;
    black_box(packet.module);
    black_box(packet.command);
    black_box(packet.version);
    black_box(packet.sender);
    read_pipes(packet.body())
}

/// Every field of every pipe, once. Inlined, as a module's own loop would be part of its `on_packet`.
#[inline(always)]
pub(crate) fn read_pipes(mut body: Reader<'_>) -> Result<(), FieldError> {
    while !body.is_empty() {
        black_box(body.str()?);
        black_box(body.int()?);
        black_box(body.int()?);
        black_box(body.int()?);
    }
    Ok(())
}
