//! The write side of a connection: packets in the order in which they go out, and how far the first
//! of them is written.

use crate::SendError;
use crate::entry::Taken;
use crate::meters::Tally;
use crate::queue::LinkQueue;
use clusterer_bin::Outgoing;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Write};

/// Most buffers a write: a packet takes one or two.
const MAX_SLICES: usize = 64;
/// Most packets taken out of a link's queue at a time.
const MAX_TAKEN: usize = 64;
/// Bytes of answers that may wait for a peer that does not read them.
const MAX_REPLIES: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Outflow {
    pieces: VecDeque<Piece>,
    /// How much of the first piece is written, bytes.
    written: usize,
    reply_bytes: usize,
}

#[derive(Debug)]
struct Piece {
    packet: Outgoing,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Control,
    Reply,
    /// The only kind that survives its connection.
    Traffic,
}

/// Where a turn's writing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrote {
    All,
    /// The peer, or the network, takes no more for now.
    Blocked,
    /// There may be more to write; other connections come first.
    Paused,
}

impl Outflow {
    /// Queues an answer behind what is already here.
    pub(crate) fn reply(&mut self, packet: Outgoing) -> Result<(), SendError> {
        let queued = self.reply_bytes;
        if queued + packet.len() > MAX_REPLIES {
            return Err(SendError::Full { queued });
        }
        if !packet.is_empty() {
            self.reply_bytes += packet.len();
            self.pieces.push_back(Piece { packet, kind: Kind::Reply });
        }
        Ok(())
    }

    /// Nothing waits here. More may wait in the link's queue.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Writes at most `budget` bytes, roughly, of what is here and in the link's queue.
    pub(crate) fn write(
        &mut self,
        stream: &mut impl Write,
        queue: Option<&LinkQueue>,
        budget: usize,
        tally: &mut Tally,
    ) -> io::Result<Wrote> {
        let mut left = budget;
        loop {
            if let Some(queue) = queue {
                self.refill(queue);
            }
            if self.pieces.is_empty() {
                return Ok(Wrote::All);
            }
            if left == 0 {
                return Ok(Wrote::Paused);
            }
            match self.write_once(stream) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    left = left.saturating_sub(count);
                    tally.bytes_sent += count;
                    let sent = self.advance(count, tally);
                    if let Some(queue) = queue {
                        queue.release(sent.bytes, sent.packets);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Wrote::Blocked),
                Err(error) => return Err(error),
            }
        }
    }

    /// The connection is lost: returns the traffic to be sent again from the first byte of its first
    /// packet, and how many other packets are dropped.
    pub(crate) fn into_unsent(self) -> (VecDeque<Outgoing>, usize) {
        let all = self.pieces.len();
        let unsent: VecDeque<_> = self
            .pieces
            .into_iter()
            .filter(|piece| piece.kind == Kind::Traffic)
            .map(|piece| piece.packet)
            .collect();
        let dropped = all - unsent.len();
        (unsent, dropped)
    }

    fn refill(&mut self, queue: &LinkQueue) {
        let room = MAX_TAKEN.saturating_sub(self.pieces.len());
        // Control packets overtake all but the packet that is half written and each other.
        let begun = usize::from(self.written > 0);
        let ahead = self.pieces.iter().skip(begun);
        let mut at = begun + ahead.take_while(|piece| piece.kind == Kind::Control).count();
        queue.take(room, |taken| match taken {
            Taken::Control(packet) => {
                self.pieces.insert(at, Piece { packet, kind: Kind::Control });
                at += 1;
            }
            Taken::Traffic(packet) => {
                self.pieces.push_back(Piece { packet, kind: Kind::Traffic });
            }
        });
    }

    fn write_once(&self, stream: &mut impl Write) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut skip = self.written;
        let mut count = 0;
        let parts = self
            .pieces
            .iter()
            .flat_map(|piece| [piece.packet.shared.as_ref(), piece.packet.tail.as_slice()]);
        for part in parts {
            let rest = part.get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(part.len());
            if rest.is_empty() {
                continue;
            }
            let Some(slice) = slices.get_mut(count) else { break };
            *slice = IoSlice::new(rest);
            count += 1;
        }
        stream.write_vectored(slices.get(..count).unwrap_or_default())
    }

    /// Drops what is written whole; returns how much of it was traffic.
    fn advance(&mut self, count: usize, tally: &mut Tally) -> Sent {
        let mut sent = Sent { bytes: 0, packets: 0 };
        self.written += count;
        while let Some(piece) = self.pieces.front()
            && self.written >= piece.packet.len()
        {
            let bytes = piece.packet.len();
            self.written -= bytes;
            tally.packets_sent += 1;
            match piece.kind {
                Kind::Control => {}
                Kind::Reply => self.reply_bytes -= bytes,
                Kind::Traffic => {
                    sent.bytes += bytes;
                    sent.packets += 1;
                }
            }
            self.pieces.pop_front();
        }
        sent
    }
}

struct Sent {
    bytes: usize,
    packets: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Limits;
    use bytes::Bytes;
    use clusterer_bin::{Dialect, Origin, PacketWriter};

    /// A socket that takes `room` bytes, at most `step` a write.
    struct Pipe {
        taken: Vec<u8>,
        room: usize,
        step: usize,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.write_vectored(&[IoSlice::new(bytes)])
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            assert!(slices.len() <= MAX_SLICES);
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            let count = all.len().min(self.step).min(self.room);
            if count == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.room -= count;
            self.taken.extend_from_slice(&all[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn pipe(room: usize, step: usize) -> Pipe {
        Pipe { taken: Vec::new(), room, step }
    }

    fn queue() -> LinkQueue {
        LinkQueue::alone(Limits { bytes: 1 << 20, packets: 1000 })
    }

    fn packet(text: &'static str) -> Outgoing {
        Outgoing::new(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn short_writes_resume_where_they_stopped_tails_included() {
        let origin = Origin { sender: 1, cluster: 7 };
        for step in [1, 3, 7, 19, 1000] {
            let queue = queue();
            let mut expected = Vec::new();
            for receiver in 0..100 {
                let mut writer = PacketWriter::new(Dialect::V24, "module", 3, origin);
                writer.int(receiver);
                let packet = writer.finish(receiver).unwrap();
                expected.extend(packet.to_vec());
                queue.push(packet).unwrap();
            }
            let (mut out, mut pipe, mut tally) =
                (Outflow::default(), pipe(usize::MAX, step), Tally::default());
            let wrote = out.write(&mut pipe, Some(&queue), usize::MAX, &mut tally).unwrap();
            assert_eq!(wrote, Wrote::All);
            assert!(pipe.taken == expected, "at {step} bytes a write");
            assert_eq!((tally.packets_sent, queue.queued_bytes()), (100, 0));
            assert_eq!(tally.bytes_sent, expected.len());
        }
    }

    #[test]
    fn control_goes_out_at_the_next_packet_boundary() {
        let queue = queue();
        queue.connected();
        let (mut out, mut tally) = (Outflow::default(), Tally::default());
        for text in ["<first>", "<second>", "<third>"] {
            queue.push(packet(text)).unwrap();
        }
        let mut pipe = pipe(3, 100);
        let wrote = out.write(&mut pipe, Some(&queue), 1000, &mut tally).unwrap();
        assert_eq!(wrote, Wrote::Blocked);
        queue.push_control(packet("<ping1>")).unwrap();
        queue.push_control(packet("<ping2>")).unwrap();
        out.reply(packet("<pong>")).unwrap();
        pipe.room = 1000;
        assert_eq!(out.write(&mut pipe, Some(&queue), 1000, &mut tally).unwrap(), Wrote::All);
        let text = String::from_utf8(pipe.taken).unwrap();
        assert_eq!(text, "<first><ping1><ping2><second><third><pong>");
    }

    #[test]
    fn only_traffic_survives_and_from_its_first_byte() {
        let queue = queue();
        queue.connected();
        let (mut out, mut tally) = (Outflow::default(), Tally::default());
        queue.push(packet("<first>")).unwrap();
        queue.push(packet("<second>")).unwrap();
        out.write(&mut pipe(10, 100), Some(&queue), 1000, &mut tally).unwrap();
        queue.push_control(packet("<ping>")).unwrap();
        out.reply(packet("<pong>")).unwrap();
        out.write(&mut pipe(0, 100), Some(&queue), 1000, &mut tally).unwrap();
        let (unsent, dropped) = out.into_unsent();
        assert_eq!((unsent, dropped), ([packet("<second>")].into(), 2));
    }

    #[test]
    fn stops_at_its_share() {
        let queue = queue();
        for _ in 0..100 {
            queue.push(packet("0123456789")).unwrap();
        }
        let (mut out, mut pipe) = (Outflow::default(), pipe(usize::MAX, 10));
        let wrote = out.write(&mut pipe, Some(&queue), 95, &mut Tally::default()).unwrap();
        assert_eq!((wrote, pipe.taken.len()), (Wrote::Paused, 100));
    }

    #[test]
    fn answers_that_nobody_reads_are_refused_at_the_limit() {
        let mut out = Outflow::default();
        let packet = |len| Outgoing::new(Bytes::from(vec![0; len]));
        out.reply(packet(MAX_REPLIES)).unwrap();
        assert_eq!(out.reply(packet(1)), Err(SendError::Full { queued: MAX_REPLIES }));
        out.write(&mut pipe(usize::MAX, MAX_REPLIES), None, usize::MAX, &mut Tally::default())
            .unwrap();
        assert_eq!(out.reply(packet(1)), Ok(()));
    }
}
