//! Packets to send: made before anything is measured, no two alike in a row.

use anyhow::{Context as _, Result};
use clusterer_bin::{Dialect, Origin, PacketWriter};

/// What a packet of the load is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One pipe, another one in each packet: 51 bytes.
    One,
    /// Twenty pipes, in another order in each packet: 403 bytes.
    Twenty,
}

impl Shape {
    pub(crate) const ALL: [Self; 2] = [Self::One, Self::Twenty];

    /// Pipes in a packet.
    pub(crate) const fn pipes(self) -> usize {
        match self {
            Self::One => 1,
            Self::Twenty => 20,
        }
    }

    /// Length of a packet, bytes.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::One => 51,
            Self::Twenty => 403,
        }
    }
}

/// Pipes of names of two and of three letters.
const PIPES: usize = 20;
/// The algorithm TAILDROP on the wire.
const TAILDROP: i32 = 1;
const LIMIT: i32 = 100;

/// Whole packets of one sender, one behind the other, `bytes` long at most.
pub(crate) fn ring(shape: Shape, machine: i32, bytes: usize) -> Result<Vec<u8>> {
    let mut random = Random(u64::from(machine.unsigned_abs()));
    let mut order: Vec<usize> = (0..PIPES).collect();
    let mut ring = Vec::with_capacity(bytes);
    while ring.len() + shape.bytes() <= bytes {
        match shape {
            // The names of three letters would make it longer.
            Shape::One => order = vec![random.below(PIPES / 2)],
            Shape::Twenty => random.shuffle(&mut order),
        }
        ring.extend(packet(machine, &order, &mut random)?);
    }
    Ok(ring)
}

/// A packet of one pipe that has this number in its name.
pub(crate) fn of_new_pipe(machine: i32, number: u64) -> Result<Vec<u8>> {
    let origin = Origin { sender: machine, cluster: 1 };
    let mut writer = PacketWriter::new(Dialect::V22, "ratelimit", 0, origin);
    writer.str(format!("new{number}").as_bytes()).int(TAILDROP).int(LIMIT).int(1);
    Ok(writer.finish(1).context("a packet of one pipe")?.to_vec())
}

fn packet(machine: i32, pipes: &[usize], random: &mut Random) -> Result<Vec<u8>> {
    let origin = Origin { sender: machine, cluster: 1 };
    let mut writer = PacketWriter::new(Dialect::V22, "ratelimit", 0, origin);
    for pipe in pipes {
        let counter = i32::try_from(random.below(1000))?;
        writer.str(format!("p{pipe}").as_bytes()).int(TAILDROP).int(LIMIT).int(counter);
    }
    Ok(writer.finish(1).context("a packet of a few pipes")?.to_vec())
}

/// The same numbers in each run.
struct Random(u64);

impl Random {
    /// Less than `limit`, which is not 0.
    fn below(&mut self, limit: usize) -> usize {
        // A Weyl sequence, mixed.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        mixed ^= mixed >> 32;
        usize::try_from(mixed >> 33).unwrap_or(0) % limit
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterer_bin::Packet;

    #[test]
    fn packets_have_the_length_of_their_shape_and_differ() {
        for shape in Shape::ALL {
            let ring = ring(shape, 7, 10_000).unwrap();
            let packets: Vec<_> = ring.chunks(shape.bytes()).collect();
            assert!(packets.len() >= 10_000 / shape.bytes());
            for pair in packets.windows(2) {
                assert_ne!(pair[0], pair[1]);
            }
            for bytes in packets {
                let packet = Packet::parse(Dialect::V22, bytes).unwrap();
                assert_eq!((packet.module, packet.sender), (&b"ratelimit"[..], 7));
                let mut body = packet.body();
                for _ in 0..shape.pipes() {
                    assert!(body.str().unwrap().starts_with(b"p"));
                    assert_eq!((body.int().unwrap(), body.int().unwrap()), (TAILDROP, LIMIT));
                    body.int().unwrap();
                }
                assert!(body.is_empty());
            }
        }
    }
}
