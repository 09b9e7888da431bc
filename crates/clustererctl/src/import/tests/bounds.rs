//! Any text is taken or refused, in time.

use super::{NODE, import_bytes};
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// Pieces of configurations, whole and broken.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "modparam",
            "(",
            ")",
            ",",
            "'clusterer'",
            "'db_url'",
            "\"sqlite:/x\"",
            "listen",
            "=",
            "bin:",
            "1.2.3.4",
            ":5566",
            "loadmodule",
            "\"",
            "'",
            "\\",
            "/*",
            "*/",
            "#",
            "\n",
            "{",
            "}",
            "$",
            "$(",
            "include_file",
            "\"a.cfg\"",
            "0x",
            "07",
            " ",
            "as",
            "use_children",
            "route",
            "|",
            "-",
            "[",
            "]",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_panics_and_errors_are_one_line(text in pieces()) {
        for head in [&b""[..], NODE.as_bytes()] {
            if let Err(error) = import_bytes(&[head, &text].concat()) {
                prop_assert_eq!(error.lines().count(), 1);
                prop_assert!(error.starts_with("a.cfg:"), "{}", error);
            }
        }
    }
}

/// Of pieces that a parser might look at again and again, sixteen times as many take about sixteen times
/// as long.
#[test]
fn time_is_linear() {
    for piece in [
        "/* ",
        "{ ",
        "$((",
        "x = 'y' ",
        "\\\n",
        "# /*\n",
        "listen=udp:a.b-c:1 ",
        "\"\\",
        "$a,",
        "modparam('a','b',1)",
    ] {
        let time = |count: usize| {
            let text = piece.repeat(count);
            let runs = (0..3).map(|_| {
                let start = Instant::now();
                let _ = import_bytes(text.as_bytes());
                start.elapsed()
            });
            runs.min().unwrap()
        };
        let (short, long) = (time(1_000), time(16_000));
        // A square would be 256 times.
        let bound = (short * 80).max(Duration::from_millis(300));
        assert!(long < bound, "{piece:?}: {short:?}, {long:?}");
    }
}
