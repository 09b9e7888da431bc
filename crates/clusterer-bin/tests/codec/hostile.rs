//! Malformed packets and streams: typed errors, never a panic.

use crate::captured::{captured, rewrite};
use clusterer_bin::{
    Dialect, FieldError, FieldTree, Framer, Layout, Origin, Packet, PacketWriter, Step, Value,
    WriteError,
};
use proptest::prelude::*;

const ORIGIN: Origin = Origin { sender: 1, cluster: 1 };
const DIALECTS: [Dialect; 2] = [Dialect::V22, Dialect::V24];

fn packet(dialect: Dialect, module: &str, command: i32, body: &[u8]) -> Vec<u8> {
    let mut writer = PacketWriter::new(dialect, module, command, ORIGIN);
    writer.raw(body);
    writer.finish(2).unwrap().to_vec()
}

/// Frames, parses, reads whatever can be read, in both dialects.
fn survive(bytes: &[u8]) {
    for dialect in DIALECTS {
        let mut framer = Framer::new(dialect);
        let mut rest = bytes;
        while let Ok(Step::Packet { bytes, consumed }) = framer.next(rest) {
            dissect(dialect, bytes);
            rest = &rest[consumed..];
        }
        dissect(dialect, bytes);
    }
}

fn dissect(dialect: Dialect, bytes: &[u8]) {
    let Ok(packet) = Packet::parse(dialect, bytes) else { return };
    let mut strings = packet.body();
    while !strings.is_empty() && strings.str().is_ok() {}
    let mut ints = packet.body();
    while ints.int().is_ok() {}
    assert!(ints.rest().len() < 4);
    for layout in Layout::all().iter().filter(|layout| layout.dialect == dialect) {
        if let Ok(tree) = FieldTree::read(layout, &packet)
            && packet.module == layout.module.as_bytes()
            && bytes.starts_with(b"P4CK")
        {
            let written = rewrite(&packet, layout, &tree).to_vec();
            // Lengths are computed: only a whole frame is given back byte for byte.
            assert_eq!(written.len(), bytes.len());
            assert_eq!(written[8..], bytes[8..]);
        }
    }
}

#[test]
fn a_field_past_the_end() {
    let bytes = packet(Dialect::V22, "ratelimit", 0, &100_i32.to_le_bytes());
    let mut body = Packet::parse(Dialect::V22, &bytes).unwrap().body();
    assert_eq!(body.str(), Err(FieldError::PastEnd { at: 37, need: 100, left: 0 }));
    assert_eq!(body.at(), 33, "a failed read moves nothing");
    assert_eq!(body.int(), Ok(100));
    assert_eq!(body.int(), Err(FieldError::PastEnd { at: 37, need: 4, left: 0 }));

    let bytes = packet(Dialect::V24, "ratelimit-pipe-repl", 0, &[0xff, 0xff, 1]);
    let mut body = Packet::parse(Dialect::V24, &bytes).unwrap().body();
    let error = FieldError::PastEnd { at: 37, need: 65_535, left: 1 };
    assert_eq!(body.str(), Err(error), "the trailer is not the string's");
}

#[test]
fn a_negative_length() {
    let bytes = packet(Dialect::V22, "ratelimit", 0, &(-5_i32).to_le_bytes());
    let mut body = Packet::parse(Dialect::V22, &bytes).unwrap().body();
    assert_eq!(body.str(), Err(FieldError::NegativeLength { at: 33, length: -5 }));
    assert_eq!(body.at(), 33);

    let mut bytes = packet(Dialect::V22, "ratelimit", 0, &[]);
    bytes[12..16].copy_from_slice(&i32::MIN.to_le_bytes());
    let error = FieldError::NegativeLength { at: 12, length: i32::MIN };
    assert_eq!(Packet::parse(Dialect::V22, &bytes), Err(error));
}

#[test]
fn a_module_name_past_the_end() {
    let mut bytes = packet(Dialect::V22, "ratelimit", 0, &[]);
    bytes[12..16].copy_from_slice(&i32::MAX.to_le_bytes());
    let error = FieldError::PastEnd { at: 16, need: 0x7fff_ffff, left: 17 };
    assert_eq!(Packet::parse(Dialect::V22, &bytes), Err(error));
    // It ends before the command, or before the sender.
    bytes[12..16].copy_from_slice(&14_i32.to_le_bytes());
    let error = FieldError::PastEnd { at: 30, need: 4, left: 3 };
    assert_eq!(Packet::parse(Dialect::V22, &bytes), Err(error));
    bytes[12..16].copy_from_slice(&10_i32.to_le_bytes());
    let error = FieldError::PastEnd { at: 30, need: 4, left: 3 };
    assert_eq!(Packet::parse(Dialect::V22, &bytes), Err(error));
}

#[test]
fn no_room_for_the_trailer() {
    let bytes = packet(Dialect::V24, "x", 0, &[]);
    assert!(Packet::parse(Dialect::V24, &bytes).is_ok());
    let cut = &bytes[..bytes.len() - 1];
    let error = FieldError::PastEnd { at: 17, need: 12, left: 11 };
    assert_eq!(Packet::parse(Dialect::V24, cut), Err(error));
}

#[test]
fn counts_that_lie() {
    for count in [-1, 2, i32::MAX] {
        let body = [count.to_le_bytes(), 7_i32.to_le_bytes()].concat();
        let bytes = packet(Dialect::V24, "clusterer-internal", 1, &body);
        let packet = Packet::parse(Dialect::V24, &bytes).unwrap();
        let read = FieldTree::read(Layout::of(&packet).unwrap(), &packet);
        assert_eq!(read, Err(FieldError::BadCount { at: 42, count }));
    }
}

#[test]
fn chunks_that_lie() {
    let sync = |size: i32, marker: i32| {
        let mut writer =
            PacketWriter::with_version(Dialect::V24, b"clusterer-extra", 11, 3, ORIGIN);
        writer.str(b"dialog-dlg-repl").int(4).int(size).int(marker).raw(b"four");
        let bytes = writer.finish(2).unwrap().to_vec();
        let packet = Packet::parse(Dialect::V24, &bytes).unwrap();
        FieldTree::read(Layout::of(&packet).unwrap(), &packet)
    };
    assert_eq!(sync(4, 1), Err(FieldError::BadChunk { at: 56, marker: 1 }));
    let error = FieldError::NegativeLength { at: 52, length: -4 };
    assert_eq!(sync(-4, 101_010_101), Err(error));
    let error = FieldError::PastEnd { at: 60, need: 5, left: 4 };
    assert_eq!(sync(5, 101_010_101), Err(error));
    // A chunk that is not what its capability's chunks are is kept as bytes.
    let tree = sync(4, 101_010_101).unwrap();
    let chunks = Value::List(vec![Value::Raw(b"four".to_vec())]);
    assert_eq!(tree.fields.get("chunks"), Some(&chunks));
}

#[test]
fn packets_too_long_to_write() {
    for dialect in DIALECTS {
        let limit = dialect.max_packet();
        let mut writer = PacketWriter::new(dialect, "m", 0, ORIGIN);
        let string = vec![b'x'; writer.room() - if dialect == Dialect::V22 { 4 } else { 2 }];
        writer.str(&string);
        assert_eq!((writer.room(), writer.len()), (0, limit));
        let longest = writer.clone().finish(2).unwrap();
        assert_eq!(longest.len(), limit);
        let whole = longest.to_vec();
        let step = Framer::new(dialect).next(&whole).unwrap();
        assert_eq!(step, Step::Packet { bytes: &whole, consumed: limit });
        writer.raw(b"x");
        assert_eq!(writer.finish(2), Err(WriteError::TooLong { limit }));

        let mut writer = PacketWriter::new(dialect, "m", 0, ORIGIN);
        writer.str(&vec![0; 1 << 20]).int(1);
        assert_eq!(writer.finish(2), Err(WriteError::TooLong { limit }));
    }
}

/// A 2.2 sender leaves the lengths of the empty strings that end a packet out of the packet's length.
#[test]
fn uncounted_empty_strings_read_as_empty_and_the_stream_stays_in_step() {
    let strings = |writer: &mut PacketWriter, strings: &[&[u8]]| {
        for string in strings {
            writer.str(string);
        }
    };
    let mut deleted = PacketWriter::new(Dialect::V22, "dialog", 3, ORIGIN);
    strings(&mut deleted, &[b"call"]);
    let mut inserted = PacketWriter::new(Dialect::V22, "ul", 1, ORIGIN);
    strings(&mut inserted, &[b"location"]);
    let deleted = deleted.finish(2).unwrap().to_vec();
    let inserted = inserted.finish(2).unwrap().to_vec();
    let heartbeat = packet(Dialect::V22, "ratelimit", 0, &[]);
    let stream = [&deleted[..], &[0; 8], &inserted, &[0; 4], &heartbeat].concat();

    let mut framer = Framer::new(Dialect::V22);
    let mut rest = &stream[..];
    let mut next = || {
        let Ok(Step::Packet { bytes, consumed }) = framer.next(rest) else { panic!("{rest:?}") };
        rest = &rest[consumed..];
        Packet::parse(Dialect::V22, bytes).unwrap()
    };

    let packet = next();
    let mut body = packet.body();
    assert_eq!(body.str(), Ok(&b"call"[..]));
    assert_eq!((body.str(), body.str()), (Ok(&[][..]), Ok(&[][..])));
    let layout = Layout::of(&packet).unwrap();
    let tree = FieldTree::read(layout, &packet).unwrap();
    assert_eq!(tree.fields.get("to_tag"), Some(&Value::Str(Vec::new())));
    assert_eq!(tree.uncounted, 2);
    assert_eq!(rewrite(&packet, layout, &tree).to_vec(), deleted);

    // Given something to hold, the strings are written.
    let mut changed = tree.clone();
    *changed.fields.get_mut("from_tag").unwrap() = Value::Str(b"a".to_vec());
    assert_eq!(rewrite(&packet, layout, &changed).len(), deleted.len() + 5);
    *changed.fields.get_mut("to_tag").unwrap() = Value::Str(b"b".to_vec());
    assert_eq!(rewrite(&packet, layout, &changed).len(), deleted.len() + 10);

    let packet = next();
    let tree = FieldTree::read(Layout::of(&packet).unwrap(), &packet).unwrap();
    assert_eq!(tree.fields.get("aor"), Some(&Value::Str(Vec::new())));
    assert_eq!(tree.uncounted, 1);

    assert_eq!(next().module, b"ratelimit");
    assert!(rest.is_empty());

    // An integer has no such excuse, and later generations count everything.
    let mut body = packet.body();
    body.str().unwrap();
    assert!(body.int().is_err());
    let mut writer = PacketWriter::new(Dialect::V24, "usrloc-contact-repl", 2, ORIGIN);
    writer.str(b"location");
    let bytes = writer.finish(2).unwrap().to_vec();
    let mut body = Packet::parse(Dialect::V24, &bytes).unwrap().body();
    body.str().unwrap();
    assert!(matches!(body.str(), Err(FieldError::PastEnd { .. })));
}

#[test]
fn every_captured_packet_cut_short_or_with_one_byte_changed() {
    for captured in captured() {
        for end in 0..captured.bytes.len() {
            survive(&captured.bytes[..end]);
        }
        for at in 0..captured.bytes.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = captured.bytes.clone();
                bytes[at] = value;
                survive(&bytes);
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survive(&bytes);
        let marked = [&b"P4CK"[..], &bytes].concat();
        survive(&marked);
    }

    /// Any body behind a good header, read by each layout of its dialect.
    #[test]
    fn arbitrary_bodies(
        words in prop::collection::vec(
            prop_oneof![
                (-2..6_i32).prop_map(|int| int.to_le_bytes().to_vec()),
                Just(101_010_101_i32.to_le_bytes().to_vec()),
                prop::collection::vec(any::<u8>(), 0..6),
                (0..4_u16).prop_map(|length| length.to_le_bytes().to_vec()),
            ],
            0..40,
        ),
    ) {
        for layout in Layout::all() {
            let mut writer = PacketWriter::with_version(
                layout.dialect, layout.module.as_bytes(), layout.command, layout.version, ORIGIN,
            );
            writer.raw(&words.concat());
            let bytes = writer.finish(2).unwrap().to_vec();
            dissect(layout.dialect, &bytes);
        }
    }

    #[test]
    fn captured_packets_changed_in_several_places(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let all = captured();
        let mut bytes = all[which.index(all.len())].bytes.clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        survive(&bytes);
    }
}
