//! A packet that follows another is what parsing says it is.

use crate::captured::captured;
use clusterer_bin::{Dialect, Origin, Packet, PacketWriter};
use proptest::prelude::*;

fn packet(module: &str, command: i32, sender: i32, body: &[u8]) -> Vec<u8> {
    let origin = Origin { sender, cluster: 1 };
    let mut writer = PacketWriter::new(Dialect::V22, module, command, origin);
    writer.str(body);
    writer.finish(2).unwrap().to_vec()
}

/// Follows or not, and is right either way.
fn follow(first: &[u8], next: &[u8]) -> bool {
    let before = Packet::parse(Dialect::V22, first).unwrap();
    let mut packet = before;
    let follows = packet.follow(next);
    let expected = if follows { Packet::parse(Dialect::V22, next).unwrap() } else { before };
    assert_eq!(packet, expected);
    assert_eq!(packet.body().at(), expected.body().at());
    follows
}

#[test]
fn who_says_the_same_follows_and_nobody_else() {
    let first = packet("ratelimit", 0, 2, b"one");
    for body in [&b""[..], b"o", b"another one"] {
        assert!(follow(&first, &packet("ratelimit", 0, 2, body)));
    }
    assert!(!follow(&first, &packet("ratelimit", 1, 2, b"one")));
    assert!(!follow(&first, &packet("ratelimit", 0, 3, b"one")));
    assert!(!follow(&first, &packet("ratelimis", 0, 2, b"one")));
    assert!(!follow(&first, &packet("ratelimi", 0, 2, b"one")));
    assert!(!follow(&first, &packet("ratelimits", 0, 2, b"one")));
    assert!(!follow(&packet("", 0, 2, b"one"), &first));
    // Each byte counts, wherever in a word it stands.
    for length in 0..40 {
        let module = "m".repeat(length);
        let first = packet(&module, 0, 2, b"one");
        assert!(follow(&first, &packet(&module, 0, 2, b"two")));
        for at in 0..length {
            let mut other = module.clone();
            other.replace_range(at..=at, "n");
            assert!(!follow(&first, &packet(&other, 0, 2, b"two")), "{other}");
        }
    }
}

/// A 2.2 sender leaves them unset: they are anything.
#[test]
fn bytes_that_say_nothing_are_taken_over() {
    let first = packet("ratelimit", 0, 2, b"one");
    for at in [6, 7, 10, 11] {
        let mut next = first.clone();
        next[at] = 0xAA;
        assert!(follow(&first, &next));
    }
    for at in [8, 9] {
        let mut next = first.clone();
        next[at] ^= 1;
        assert!(!follow(&first, &next), "another version");
    }
}

#[test]
fn nothing_follows_in_the_later_dialect() {
    for captured in captured().iter().filter(|captured| captured.dialect == Dialect::V24) {
        let mut packet = Packet::parse(Dialect::V24, &captured.bytes).unwrap();
        assert!(!packet.follow(&captured.bytes), "{}", captured.file);
    }
}

proptest! {
    #[test]
    fn whatever_the_bytes_are(
        module in "[a-c]{0,20}",
        body in prop::collection::vec(any::<u8>(), 0..20),
        changed in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cut in any::<prop::sample::Index>(),
    ) {
        let first = packet(&module, 1, 2, &body);
        let mut next = first.clone();
        for (at, byte) in changed {
            *at.get_mut(&mut next) = byte;
        }
        follow(&first, &next);
        follow(&first, &next[..cut.index(next.len())]);
    }
}
