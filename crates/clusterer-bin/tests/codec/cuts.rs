//! However a stream is cut into chunks, the same packets and the same error come out.

use clusterer_bin::{Dialect, FrameError, Framer, MAX_ZERO_WORDS, Step};
use proptest::prelude::*;

const HEARTBEAT: &[u8] = include_bytes!("../packets/2.2/rl_pipe_counter_33B.bin");
const PIPE: &[u8] = include_bytes!("../packets/2.2/rl_pipe_counter_51B.bin");
const UNKNOWN_ID: &[u8] = include_bytes!("../packets/4.0/UNKNOWN_ID.bin");
const PING: &[u8] = include_bytes!("../packets/4.0/PING_req0.bin");
const ZERO: &[u8] = &[0; 4];

/// One end of a stream as a transport keeps it: a framer, and the bytes not yet consumed.
#[derive(Clone, Debug, PartialEq)]
struct Receiver {
    framer: Framer,
    buffer: Vec<u8>,
    need: usize,
    packets: Vec<Vec<u8>>,
    error: Option<FrameError>,
}

impl Receiver {
    fn new(dialect: Dialect) -> Self {
        let framer = Framer::new(dialect);
        Self { framer, buffer: Vec::new(), need: 0, packets: Vec::new(), error: None }
    }

    fn feed(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
        while self.error.is_none() && self.buffer.len() >= self.need {
            let mut quick = self.framer.clone();
            let at_once = quick.at_once(&self.buffer).map(|(bytes, behind)| {
                assert_eq!([bytes, behind].concat(), self.buffer);
                bytes.to_vec()
            });
            let before = self.framer.clone();
            let step = self.framer.next(&self.buffer);
            let at_begin = match step {
                Ok(Step::Packet { bytes, consumed }) if bytes.len() == consumed => Some(bytes),
                _ => None,
            };
            assert_eq!(at_once.as_deref(), at_begin, "what is at the begin is found at once");
            assert_eq!(quick, if at_once.is_some() { self.framer.clone() } else { before });
            let consumed = match step {
                Ok(Step::Packet { bytes, consumed }) => {
                    self.packets.push(bytes.to_vec());
                    self.need = 0;
                    consumed
                }
                Ok(Step::More { consumed, need }) => {
                    assert!(need > self.buffer.len() - consumed, "a look that could not help");
                    assert!(need <= self.framer.dialect().max_packet());
                    self.need = need;
                    consumed
                }
                Err(error) => {
                    self.error = Some(error);
                    break;
                }
            };
            self.buffer.drain(..consumed);
        }
        if self.error.is_some() {
            // Where exactly a lost stream stopped means nothing.
            self.buffer.clear();
            self.need = 0;
            self.framer = Framer::new(self.framer.dialect());
        }
    }

    fn fed(dialect: Dialect, chunks: &[&[u8]]) -> Self {
        let mut receiver = Self::new(dialect);
        for chunk in chunks {
            receiver.feed(chunk);
        }
        receiver
    }
}

/// Every way to cut the stream gives what the uncut stream gives.
///
/// There are 2^(n-1) ways, so they are covered by induction: if after any prefix, delivered at once,
/// any one further chunk leads to just the state that the longer prefix delivered at once leads to,
/// then any sequence of chunks leads to the state of the whole stream delivered at once.
fn check(dialect: Dialect, stream: &[u8], packets: &[&[u8]], error: Option<FrameError>) {
    let states: Vec<Receiver> =
        (0..=stream.len()).map(|end| Receiver::fed(dialect, &[&stream[..end]])).collect();
    for begin in 0..=stream.len() {
        for end in begin..=stream.len() {
            let mut receiver = states[begin].clone();
            receiver.feed(&stream[begin..end]);
            assert_eq!(receiver, states[end], "bytes {begin}..{end} in a chunk of their own");
        }
    }
    let whole = &states[stream.len()];
    assert_eq!(whole.packets, packets);
    assert_eq!(whole.error, error);
}

fn streams() -> [(Dialect, Vec<u8>); 3] {
    [
        (Dialect::V22, [HEARTBEAT, PIPE].concat()),
        (Dialect::V22, [HEARTBEAT, ZERO, ZERO, PIPE, ZERO].concat()),
        (Dialect::V24, [UNKNOWN_ID, PING].concat()),
    ]
}

#[test]
fn every_cut_of_two_packets() {
    for (dialect, stream) in streams() {
        let expected = if dialect == Dialect::V22 { [HEARTBEAT, PIPE] } else { [UNKNOWN_ID, PING] };
        check(dialect, &stream, &expected, None);
    }
}

/// The same by plain enumeration, as far as that goes: up to three cuts anywhere.
#[test]
fn every_triple_of_cuts() {
    for (dialect, stream) in streams() {
        let whole = Receiver::fed(dialect, &[&stream]);
        let n = stream.len();
        for a in 0..=n {
            for b in a..=n {
                for c in b..=n {
                    let chunks = [&stream[..a], &stream[a..b], &stream[b..c], &stream[c..]];
                    assert_eq!(Receiver::fed(dialect, &chunks), whole, "cut at {a}, {b}, {c}");
                }
            }
        }
    }
}

/// All 2^15 ways to cut the sixteen bytes around the join of two packets: the last bytes of the
/// first, a zero word where the dialect has one, marker and length of the second.
#[test]
fn every_cut_around_the_join() {
    for (dialect, stream) in streams() {
        let whole = Receiver::fed(dialect, &[&stream]);
        let begin = if dialect == Dialect::V22 { HEARTBEAT.len() } else { UNKNOWN_ID.len() } - 3;
        for cuts in 0_u32..1 << 15 {
            let mut receiver = Receiver::new(dialect);
            let mut from = 0;
            for at in (0..15).filter(|bit| cuts >> bit & 1 == 1) {
                receiver.feed(&stream[from..begin + at]);
                from = begin + at;
            }
            receiver.feed(&stream[from..]);
            assert_eq!(receiver, whole, "cuts {cuts:b}");
        }
    }
}

#[test]
fn byte_by_byte() {
    for (dialect, stream) in streams() {
        let whole = Receiver::fed(dialect, &[&stream]);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(Receiver::fed(dialect, &bytes), whole);
        assert_eq!(whole.packets.len(), 2);
    }
}

#[test]
fn all_zero_words_allowed_are_skipped_and_one_more_is_an_error() {
    let zeros = vec![0; 4 * usize::from(MAX_ZERO_WORDS)];
    check(Dialect::V22, &[HEARTBEAT, &zeros, HEARTBEAT].concat(), &[HEARTBEAT, HEARTBEAT], None);
    let stream = [HEARTBEAT, &zeros, ZERO, HEARTBEAT].concat();
    check(Dialect::V22, &stream, &[HEARTBEAT], Some(FrameError::TooManyZeros));
}

#[test]
fn zero_words_count_anew_after_each_packet() {
    let zeros = vec![0; 4 * usize::from(MAX_ZERO_WORDS)];
    let stream = [HEARTBEAT, &zeros, PIPE, &zeros, HEARTBEAT].concat();
    check(Dialect::V22, &stream, &[HEARTBEAT, PIPE, HEARTBEAT], None);
}

/// The draft called the same bytes `BadMarker` or `TooManyZeros`, depending on the cut.
#[test]
fn used_up_zeros_then_half_a_zero_word_is_a_bad_marker() {
    let zeros = vec![0; 4 * usize::from(MAX_ZERO_WORDS)];
    let stream = [HEARTBEAT, &zeros, &[0, 0, b'P', b'4'], HEARTBEAT].concat();
    let error = FrameError::BadMarker([0, 0, b'P', b'4']);
    check(Dialect::V22, &stream, &[HEARTBEAT], Some(error));
}

#[test]
fn zeros_are_skipped_only_after_a_packet_and_only_in_2_2() {
    let zeros = FrameError::BadMarker([0; 4]);
    check(Dialect::V22, &[ZERO, HEARTBEAT].concat(), &[], Some(zeros));
    check(Dialect::V24, &[PING, ZERO, PING].concat(), &[PING], Some(zeros));
}

#[test]
fn three_zero_bytes_are_no_zero_word() {
    let stream = [HEARTBEAT, &[0; 3], HEARTBEAT].concat();
    let error = FrameError::BadMarker([0, 0, 0, b'P']);
    check(Dialect::V22, &stream, &[HEARTBEAT], Some(error));
}

#[test]
fn errors_are_typed_whatever_the_cut() {
    let http = b"GET / HTTP/1.1\r\n\r\n";
    for dialect in [Dialect::V22, Dialect::V24] {
        check(dialect, http, &[], Some(FrameError::BadMarker(*b"GET ")));
        for length in [0_u8, 5, 16] {
            let stream = [&b"P4CK"[..], &[length, 0, 0, 0], &[1; 40]].concat();
            let error = FrameError::TooShort { length: length.into() };
            check(dialect, &stream, &[], Some(error));
        }
    }
    let long = [&b"P4CK"[..], &65_516_u32.to_le_bytes(), &[1; 40]].concat();
    let error = FrameError::TooLong { length: 65_516, limit: 65_515 };
    check(Dialect::V24, &long, &[], Some(error));
    let stream = [PING, &long].concat();
    check(Dialect::V24, &stream, &[PING], Some(error));
}

#[test]
fn a_limit_is_checked_before_the_packet_is_there() {
    let mut framer = Framer::with_limit(Dialect::V24, 46);
    assert_eq!(framer.next(&PING[..8]), Ok(Step::More { consumed: 0, need: 46 }));
    let mut framer = Framer::with_limit(Dialect::V24, 45);
    let error = FrameError::TooLong { length: 46, limit: 45 };
    assert_eq!(framer.next(&PING[..8]), Err(error));
    let mut framer = Framer::with_limit(Dialect::V22, 32);
    assert_eq!(framer.next(&HEARTBEAT[..6]), Err(FrameError::TooLong { length: 33, limit: 32 }));
    // The greatest length that 2.2 can declare is within its limit, and no more is waited for.
    let mut framer = Framer::new(Dialect::V22);
    let step = framer.next(b"P4CK\xff\xff");
    assert_eq!(step, Ok(Step::More { consumed: 0, need: 65_535 }));
}

#[test]
fn no_limit_refuses_the_shortest_packet_or_allows_more_than_the_dialect() {
    for dialect in [Dialect::V22, Dialect::V24] {
        let header = |length: usize| {
            let length = u32::try_from(length).unwrap().to_le_bytes();
            [&b"P4CK"[..], &length].concat()
        };
        let shortest = header(dialect.min_packet());
        let step = Framer::with_limit(dialect, 0).next(&shortest).unwrap();
        assert_eq!(step, Step::More { consumed: 0, need: dialect.min_packet() });
        assert_eq!(Framer::with_limit(dialect, usize::MAX), Framer::new(dialect));
    }
    let above = [&b"P4CK"[..], &65_516_u32.to_le_bytes()].concat();
    assert!(Framer::with_limit(Dialect::V24, usize::MAX).next(&above).is_err());
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(HEARTBEAT.to_vec()),
        Just(PIPE.to_vec()),
        Just(UNKNOWN_ID.to_vec()),
        Just(PING.to_vec()),
        (0..40_usize).prop_map(|words| vec![0; 4 * words]),
        prop::collection::vec(any::<u8>(), 0..9),
        Just(b"P4CK".to_vec()),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn random_cuts_of_hostile_streams(
        stream in hostile(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        later in any::<bool>(),
    ) {
        let dialect = if later { Dialect::V24 } else { Dialect::V22 };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        let mut receiver = Receiver::new(dialect);
        let mut from = 0;
        for cut in cuts {
            receiver.feed(&stream[from..cut]);
            from = cut;
        }
        receiver.feed(&stream[from..]);
        prop_assert_eq!(receiver, Receiver::fed(dialect, &[&stream]));
    }
}
