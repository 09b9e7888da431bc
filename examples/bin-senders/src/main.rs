//! Who sends how much of what, by a BIN stream that was recorded: `example-bin-senders < FILE`. A stream is
//! one direction of one connection, as `tcpflow` writes it or `nc` receives it.

#![allow(clippy::print_stdout, reason = "a program talks on its terminal")]

#[cfg(test)]
mod tests;

use clusterer_bin::{Dialect, Framer, Packet, Step};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read;

fn main() -> Result<(), Box<dyn Error>> {
    let mut sums = Sums::default();
    let outcome = each_packet(std::io::stdin().lock(), Dialect::V22, |packet| sums.add(packet));
    for line in sums.lines() {
        println!("{line}");
    }
    // What was read before the stream was lost has been shown.
    outcome
}

/// Cuts a stream into packets and shows each. What is kept is at most one packet and one read.
fn each_packet(
    mut stream: impl Read,
    dialect: Dialect,
    mut see: impl FnMut(&Packet<'_>),
) -> Result<(), Box<dyn Error>> {
    let mut framer = Framer::new(dialect);
    let mut buffer = Vec::new();
    let mut read = [0; 16 * 1024];
    let mut position = 0;
    loop {
        let mut used = 0;
        loop {
            let rest = buffer.get(used..).unwrap_or_default();
            let step = framer.next(rest).map_err(|error| format!("byte {position}: {error}"))?;
            match step {
                Step::Packet { bytes, consumed } => {
                    see(&Packet::parse(dialect, bytes)?);
                    used += consumed;
                    position += consumed;
                }
                Step::More { consumed, .. } => {
                    used += consumed;
                    position += consumed;
                    break;
                }
            }
        }
        buffer.drain(..used);
        match stream.read(&mut read)? {
            0 if buffer.is_empty() => return Ok(()),
            0 => return Err(format!("byte {position}: the last packet is not whole").into()),
            length => buffer.extend_from_slice(read.get(..length).unwrap_or_default()),
        }
    }
}

/// Packets and bytes by sender, module and command.
#[derive(Default)]
struct Sums(BTreeMap<(i32, String, i32), (u64, usize)>);

impl Sums {
    fn add(&mut self, packet: &Packet<'_>) {
        let module = packet.module.escape_ascii().to_string();
        let (packets, bytes) = self.0.entry((packet.sender, module, packet.command)).or_default();
        *packets += 1;
        *bytes += packet.bytes().len();
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|((sender, module, command), (packets, bytes))| {
            format!("machine {sender}: {module} {command}: {packets} packets, {bytes} bytes")
        })
    }
}
