//! The read side of a connection: packets are walked in place in the bytes just read, and only what
//! the last of them lacks is waited for in a buffer of the connection's own.

use crate::packets::{Found, Packets};
use clusterer_bin::{Dialect, FrameError, Framer};

#[derive(Debug)]
pub(crate) struct Inflow {
    framer: Framer,
    /// The begin of a packet whose rest has not come yet. It grows with what has come, never with
    /// what was promised, and holds no memory between packets that arrive whole.
    partial: Vec<u8>,
    /// How long `partial` must be before another look at it finds more.
    need: usize,
}

/// What became of bytes that were taken in.
pub(crate) struct Fed {
    pub(crate) found: Found,
    /// An error: the stream is lost.
    pub(crate) outcome: Result<(), FrameError>,
}

impl Inflow {
    pub(crate) const fn new(dialect: Dialect) -> Self {
        Self { framer: Framer::new(dialect), partial: Vec::new(), need: 0 }
    }

    /// A packet has begun and not ended.
    pub(crate) fn is_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Takes the stream's next bytes and shows the packets that they complete: the one that had begun before,
    /// and then all others together. What is not taken is walked over.
    pub(crate) fn feed(&mut self, data: &[u8], mut take: impl FnMut(&mut Packets<'_>)) -> Fed {
        let mut found = Found::default();
        let outcome = self.walk(data, &mut take, &mut found);
        Fed { found, outcome }
    }

    fn walk(
        &mut self,
        mut data: &[u8],
        take: &mut impl FnMut(&mut Packets<'_>),
        found: &mut Found,
    ) -> Result<(), FrameError> {
        while self.is_partial() {
            let missing = self.need.saturating_sub(self.partial.len()).max(1);
            let (head, rest) = data.split_at(missing.min(data.len()));
            self.partial.extend_from_slice(head);
            data = rest;
            if self.partial.len() < self.need {
                return Ok(());
            }
            let mut packets = Packets::new(self.framer.clone(), &self.partial);
            take(&mut packets);
            let end = packets.end();
            found.add(end.found);
            let left = end.rest.len();
            (self.framer, self.need) = (end.framer, end.need?);
            self.partial.drain(..self.partial.len().saturating_sub(left));
            if data.is_empty() {
                break;
            }
        }
        if !self.is_partial() {
            // A connection that rests between packets costs no buffer.
            self.partial = Vec::new();
        }
        if !data.is_empty() {
            let mut packets = Packets::new(self.framer.clone(), data);
            take(&mut packets);
            let end = packets.end();
            found.add(end.found);
            (self.framer, self.need) = (end.framer, end.need?);
            self.partial.extend_from_slice(end.rest);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterer_bin::{Origin, PacketWriter};

    fn packet(fill: u8, len: usize) -> Vec<u8> {
        let origin = Origin { sender: 1, cluster: 1 };
        let mut writer = PacketWriter::new(Dialect::V22, "m", 0, origin);
        writer.str(&vec![fill; len]);
        writer.finish(2).unwrap().to_vec()
    }

    #[test]
    fn finds_the_same_packets_however_the_stream_is_cut() {
        let packets = [packet(1, 0), packet(2, 7), packet(3, 30)];
        // The first ends in an empty string, after which a 2.2 sender leaves a zero word.
        let stream = [packets[0].as_slice(), &[0; 4], &packets[1], &packets[2]].concat();
        for first in 0..stream.len() {
            for second in first..stream.len() {
                let mut inflow = Inflow::new(Dialect::V22);
                let mut seen = Vec::new();
                for cut in [&stream[..first], &stream[first..second], &stream[second..]] {
                    let take = |packets: &mut Packets<'_>| {
                        seen.extend(packets.map(|packet| packet.unwrap().bytes().to_vec()));
                    };
                    inflow.feed(cut, take).outcome.unwrap();
                }
                assert_eq!(seen, packets, "cut at {first} and {second}");
                assert!(!inflow.is_partial());
            }
        }
    }

    #[test]
    fn reserves_nothing_for_a_length_that_is_only_declared() {
        let mut inflow = Inflow::new(Dialect::V22);
        let mut bytes = packet(1, 10);
        bytes[4..6].copy_from_slice(&u16::MAX.to_le_bytes());
        let take = |packets: &mut Packets<'_>| assert!(packets.next().is_none(), "it is not whole");
        inflow.feed(&bytes, take).outcome.unwrap();
        assert!(inflow.is_partial());
        assert!(inflow.partial.capacity() < 1000);
    }

    #[test]
    fn keeps_no_buffer_between_packets() {
        let mut inflow = Inflow::new(Dialect::V22);
        for byte in packet(1, 5000) {
            inflow.feed(&[byte], |_| {}).outcome.unwrap();
        }
        assert_eq!(inflow.partial.capacity(), 0);
    }
}
