//! Streams that come whole, in pieces, cut off and broken.

use super::{Sums, each_packet};
use clusterer_bin::{Dialect, Origin, PacketWriter};
use std::io::Read;

fn packet(sender: i32, module: &str, name: &str) -> Vec<u8> {
    let mut writer = PacketWriter::new(Dialect::V22, module, 0, Origin { sender, cluster: 1 });
    writer.str(name.as_bytes()).int(1);
    writer.finish(2).unwrap().to_vec()
}

fn stream() -> Vec<u8> {
    [packet(1, "ratelimit", "gateway"), packet(2, "dialog", "a"), packet(1, "ratelimit", "b")]
        .concat()
}

fn sum(stream: impl Read) -> (Vec<String>, Result<(), String>) {
    let mut sums = Sums::default();
    let outcome = each_packet(stream, Dialect::V22, |packet| sums.add(packet));
    (sums.lines().collect(), outcome.map_err(|error| error.to_string()))
}

/// Gives so many bytes at once.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let length = self.1.min(to.len());
        self.0.read(&mut to[..length])
    }
}

#[test]
fn a_stream_is_summed_however_it_comes() {
    let stream = stream();
    let expected = [
        format!(
            "machine 1: ratelimit 0: 2 packets, {} bytes",
            packet(1, "ratelimit", "gateway").len() + packet(1, "ratelimit", "b").len()
        ),
        format!("machine 2: dialog 0: 1 packets, {} bytes", packet(2, "dialog", "a").len()),
    ];
    for length in 1..=stream.len() {
        assert_eq!(sum(Pieces(&stream, length)), (expected.to_vec(), Ok(())), "{length}");
    }
    assert_eq!(sum(&[][..]), (Vec::new(), Ok(())));
}

#[test]
fn what_came_before_the_end_of_a_broken_stream_is_summed() {
    let mut stream = stream();
    let third = stream.len() - packet(1, "ratelimit", "b").len();
    let (lines, outcome) = sum(&stream[..stream.len() - 1]);
    assert_eq!(lines.len(), 2);
    assert_eq!(outcome, Err(format!("byte {third}: the last packet is not whole")));
    stream[third] ^= 1;
    let (lines, outcome) = sum(&stream[..]);
    assert_eq!(lines.len(), 2);
    let error = outcome.unwrap_err();
    assert!(error.starts_with(&format!("byte {third}: ")), "{error}");
}
