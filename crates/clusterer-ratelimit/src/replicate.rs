//! Cutting what is to be sent into packets.

use crate::pipes::MAX_NAME;
use crate::{Algorithm, Config};
use clusterer_bin::{Dialect, PacketWriter};
use std::sync::Arc;

/// The module's name in packets of the 2.2 dialect, and the name to register it under.
pub const MODULE: &str = "ratelimit";
/// Its name in packets of the later dialect, where it is called a capability.
pub const CAPABILITY: &str = "ratelimit-pipe-repl";
/// The only command of its packets.
pub const COMMAND: i32 = 0;

/// A packet without pipes, bytes, in the 2.2 dialect: header, module, command, sender.
const EMPTY_V22: usize = 33;
/// The same in the later dialect, trailer included.
const EMPTY_V24: usize = 47;
/// A pipe without its name: length, algorithm, limit, counter.
const PIPE_V22: usize = 16;
/// The later dialect has a shorter length, and flags.
const PIPE_V24: usize = 18;
/// Flags of the later dialect: the pipe is replicated.
const REPLICATED: i32 = 1;

/// The name that packets of this module carry.
#[must_use]
pub const fn module_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::V22 => MODULE,
        _ => CAPABILITY,
    }
}

/// The pipes of one packet. It can be written any number of times, in either dialect.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    pipes: &'a [Entry],
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: Arc<[u8]>,
    pub(crate) algorithm: Algorithm,
    pub(crate) limit: u32,
    pub(crate) counter: u32,
}

impl Batch<'_> {
    /// How many pipes it has: none is a heartbeat.
    #[must_use]
    pub const fn pipes(&self) -> usize {
        self.pipes.len()
    }

    /// Appends the fields to a packet of [`module_name`] and [`COMMAND`]. They always fit.
    pub fn write(&self, writer: &mut PacketWriter) {
        for pipe in self.pipes {
            writer.str(&pipe.name);
            if writer.dialect() == Dialect::V24 {
                writer.int(REPLICATED);
            }
            writer.int(pipe.algorithm.id()).int(int(pipe.limit)).int(int(pipe.counter));
        }
    }
}

/// Hands over `entries` in packets, each ended by the pipe that makes it longer than the threshold.
/// Nothing to send is one heartbeat.
pub(crate) fn send(entries: &[Entry], config: &Config, sink: &mut dyn FnMut(&Batch<'_>)) {
    let mut rest = entries;
    loop {
        let (pipes, others) = rest.split_at_checked(fitting(rest, config)).unwrap_or((rest, &[]));
        sink(&Batch { pipes });
        rest = others;
        if rest.is_empty() {
            return;
        }
    }
}

/// How many of `entries` the next packet takes: at least one, if there is one.
fn fitting(entries: &[Entry], config: &Config) -> usize {
    // Pipes of short names are longer in the later dialect: near the largest threshold that counts.
    let most_v24 = Dialect::V24.max_packet() - (PIPE_V24 + MAX_NAME);
    let (mut v22, mut v24) = (EMPTY_V22, EMPTY_V24);
    let cut = entries.iter().position(|pipe| {
        v22 += PIPE_V22 + pipe.name.len();
        v24 += PIPE_V24 + pipe.name.len();
        v22 > config.threshold || v24 > most_v24
    });
    cut.map_or(entries.len(), |last| last + 1)
}

/// As it goes on the wire. Limits and counters come from there or are checked: they fit.
fn int(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Parameters;
    use clusterer_bin::Origin;
    use proptest::prelude::*;

    const ORIGIN: Origin = Origin { sender: 1, cluster: 1 };

    fn entry(name: &[u8]) -> Entry {
        Entry { name: name.into(), algorithm: Algorithm::TailDrop, limit: 100, counter: 3 }
    }

    fn threshold(bytes: i64) -> Config {
        let parameters = Parameters { repl_buffer_threshold: bytes, ..Parameters::default() };
        parameters.validate().unwrap()
    }

    fn packets(entries: &[Entry], config: &Config, dialect: Dialect) -> Vec<(usize, usize)> {
        let mut packets = Vec::new();
        send(entries, config, &mut |batch| {
            let mut writer = PacketWriter::new(dialect, module_name(dialect), COMMAND, ORIGIN);
            batch.write(&mut writer);
            packets.push((batch.pipes(), writer.finish(2).unwrap().len()));
        });
        packets
    }

    #[test]
    fn the_lengths_counted_are_the_writer_s() {
        let config = Config::default();
        assert_eq!(packets(&[], &config, Dialect::V22), [(0, EMPTY_V22)]);
        assert_eq!(packets(&[], &config, Dialect::V24), [(0, EMPTY_V24)]);
        let one = [entry(b"p1")];
        assert_eq!(packets(&one, &config, Dialect::V22), [(1, EMPTY_V22 + PIPE_V22 + 2)]);
        assert_eq!(packets(&one, &config, Dialect::V24), [(1, EMPTY_V24 + PIPE_V24 + 2)]);
    }

    #[test]
    fn a_packet_is_cut_once_it_is_longer_than_the_threshold_not_when_it_is_as_long() {
        let entries: Vec<_> = (0..4).map(|_| entry(b"p1")).collect();
        // 33 bytes and 18 a pipe.
        assert_eq!(packets(&entries, &threshold(69), Dialect::V22), [(3, 87), (1, 51)]);
        assert_eq!(packets(&entries, &threshold(68), Dialect::V22), [(2, 69), (2, 69)]);
        assert_eq!(packets(&entries, &threshold(1), Dialect::V22), [(1, 51); 4]);
        assert_eq!(packets(&entries, &threshold(58_981), Dialect::V22), [(4, 105)]);
    }

    #[test]
    fn the_largest_packets_fit_both_dialects() {
        for name in [&[b'x'; MAX_NAME][..], b"x"] {
            let entries: Vec<_> = (0..8_000).map(|_| entry(name)).collect();
            for dialect in [Dialect::V22, Dialect::V24] {
                let sent = packets(&entries, &threshold(58_981), dialect);
                assert_eq!(sent.iter().map(|&(pipes, _)| pipes).sum::<usize>(), 8_000);
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_only_the_last_packet_is_short(
            lengths in prop::collection::vec(1_usize..=MAX_NAME, 0..300),
            bytes in 1_i64..=58_981,
        ) {
            let entries: Vec<_> = lengths.iter().map(|&length| entry(&vec![b'p'; length])).collect();
            let sent = packets(&entries, &threshold(bytes), Dialect::V22);
            prop_assert_eq!(sent.iter().map(|&(pipes, _)| pipes).sum::<usize>(), entries.len());
            let limit = usize::try_from(bytes).unwrap();
            for &(_, length) in sent.iter().rev().skip(1) {
                prop_assert!(length > limit && length <= limit.max(EMPTY_V22) + PIPE_V22 + MAX_NAME);
            }
        }
    }
}
