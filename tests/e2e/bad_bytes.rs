//! Rows 14 and 15 of what 2.2 nodes die on, spin on, or swallow later data on.

use crate::replay::{captured, connect_from, with_a_2_2_peer};
use anyhow::{Context as _, Result};
use clusterer_bin::{Dialect, Origin, PacketWriter};
use clusterer_tests::{Daemon, PATIENCE, wait_for};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What becomes of the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Connection {
    Closed,
    Kept,
}

/// A whole 2.2 packet of the ratelimit module with this body.
fn packet(body: &[u8]) -> Vec<u8> {
    let origin = Origin { sender: 1, cluster: 1 };
    let mut writer = PacketWriter::new(Dialect::V22, "ratelimit", 0, origin);
    writer.raw(body);
    writer.finish(2).unwrap().to_vec()
}

fn ints(ints: &[i32]) -> Vec<u8> {
    ints.iter().flat_map(|int| int.to_le_bytes()).collect()
}

/// A packet with its declared length replaced.
fn with_length(length: u16) -> Vec<u8> {
    let mut bytes = captured("rl_pipe_counter_51B.bin");
    bytes[4..6].copy_from_slice(&length.to_le_bytes());
    bytes
}

fn named(name_length: i32) -> Vec<u8> {
    let mut bytes = captured("rl_pipe_counter_51B.bin");
    bytes[12..16].copy_from_slice(&name_length.to_le_bytes());
    bytes
}

/// Sends bytes, then shows that the node goes on: on another connection a valid packet arrives, and
/// the node idles.
fn survives(what: &str, bytes: &[u8], expected: Connection) -> Result<()> {
    let (_lab, daemon, own, listener) = with_a_2_2_peer()?;
    let from = listener.local_addr()?.ip();
    let mut bad = connect_from(from, own)?;
    bad.write_all(bytes)?;
    assert_eq!(watch(&mut bad, expected)?, expected, "{what}");

    let mut good = connect_from(from, own)?;
    good.write_all(&captured("rl_pipe_counter_51B.bin"))?;
    wait_for("a valid packet arrives", PATIENCE, || daemon.pipe_counter("p1"))
        .with_context(|| what.to_owned())?;
    if expected == Connection::Kept {
        bad.write_all(&captured("rl_pipe_counter_72B.bin"))?;
        wait_for("the stream goes on", PATIENCE, || daemon.pipe_counter("pipe2"))
            .with_context(|| what.to_owned())?;
    }
    idles(&daemon).with_context(|| what.to_owned())
}

/// Looks whether the node closes the connection: at once if it should, within a moment if it should not.
fn watch(stream: &mut TcpStream, expected: Connection) -> Result<Connection> {
    let patience = match expected {
        Connection::Closed => PATIENCE,
        Connection::Kept => Duration::from_millis(200),
    };
    stream.set_read_timeout(Some(patience))?;
    match stream.read(&mut [0; 64]) {
        Ok(0) => Ok(Connection::Closed),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(Connection::Closed),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Connection::Kept),
        other => anyhow::bail!("the node answered {other:?}"),
    }
}

/// The process uses next to no CPU time: a spinning thread would use all of one.
fn idles(daemon: &Daemon) -> Result<()> {
    let ticks = || -> Result<u64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.pid()))?;
        // After the name, which may hold anything: state is field 3, user and system time 14 and 15.
        let fields: Vec<&str> =
            stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
    };
    let before = ticks()?;
    std::thread::sleep(Duration::from_millis(500));
    let used = ticks()? - before;
    // A tick is 10 ms: half of the time would be 25.
    assert!(used < 25, "{used} ticks of 10 ms used while idle for 500 ms");
    Ok(())
}

#[test]
fn a_wrong_marker_closes() -> Result<()> {
    survives("XXXX", b"XXXX0000000000000000", Connection::Closed)
}

#[test]
fn http_text_closes() -> Result<()> {
    survives("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Connection::Closed)
}

#[test]
fn a_length_of_0_closes() -> Result<()> {
    survives("length 0", &with_length(0), Connection::Closed)
}

#[test]
fn a_length_of_5_closes() -> Result<()> {
    survives("length 5", &with_length(5), Connection::Closed)
}

#[test]
fn a_module_name_past_the_end_is_dropped() -> Result<()> {
    survives("name length 10000", &named(10_000), Connection::Kept)
}

#[test]
fn a_negative_module_name_length_is_dropped() -> Result<()> {
    survives("name length -1", &named(-1), Connection::Kept)
}

#[test]
fn an_empty_pipe_name_is_skipped() -> Result<()> {
    survives("empty name", &packet(&ints(&[0, 1, 100, 5])), Connection::Kept)
}

#[test]
fn a_string_length_past_the_end_is_dropped() -> Result<()> {
    survives("string past the end", &packet(&ints(&[1_000_000, 1, 100, 5])), Connection::Kept)
}

#[test]
fn a_negative_string_length_is_dropped() -> Result<()> {
    survives("negative string", &packet(&ints(&[-7, 1, 100, 5])), Connection::Kept)
}

#[test]
fn a_cut_off_pipe_is_dropped() -> Result<()> {
    let mut body = ints(&[2]);
    body.extend_from_slice(b"zz");
    body.extend_from_slice(&ints(&[1, 100]));
    survives("cut off", &packet(&body), Connection::Kept)
}

#[test]
fn an_empty_contact_insert_and_an_unknown_profile_are_nobodys() -> Result<()> {
    let origin = Origin { sender: 1, cluster: 1 };
    let ul = PacketWriter::new(Dialect::V22, "ul", 3, origin).finish(2).unwrap().to_vec();
    let mut profile = PacketWriter::new(Dialect::V22, "dialog", 4, origin);
    profile.str(b"nobody").int(0).int(1);
    let both = [ul, profile.finish(2).unwrap().to_vec()].concat();
    survives("ul and dialog", &both, Connection::Kept)
}

#[test]
fn a_long_declared_length_swallows_only_its_own_connection() -> Result<()> {
    let (_lab, daemon, own, listener) = with_a_2_2_peer()?;
    let from = listener.local_addr()?.ip();
    let mut bad = connect_from(from, own)?;
    bad.write_all(&with_length(65_535))?;
    let mut good = connect_from(from, own)?;
    good.write_all(&captured("rl_pipe_counter_51B.bin"))?;
    wait_for("a valid packet arrives", PATIENCE, || daemon.pipe_counter("p1"))?;
    idles(&daemon)?;
    // Never complete: closed after the 10 seconds a packet may take.
    assert_eq!(watch(&mut bad, Connection::Closed)?, Connection::Closed);
    Ok(())
}

#[test]
fn a_sender_of_single_bytes_is_heard() -> Result<()> {
    let (_lab, daemon, own, listener) = with_a_2_2_peer()?;
    let mut slow = connect_from(listener.local_addr()?.ip(), own)?;
    slow.set_nodelay(true)?;
    for byte in captured("rl_pipe_counter_51B.bin") {
        slow.write_all(&[byte])?;
    }
    wait_for("the packet arrives", PATIENCE, || daemon.pipe_counter("p1"))?;
    Ok(())
}

#[test]
fn uncounted_empty_strings_leave_the_stream_in_step() -> Result<()> {
    let (_lab, daemon, own, listener) = with_a_2_2_peer()?;
    let mut stream = connect_from(listener.local_addr()?.ip(), own)?;
    let mut bytes = captured("ul_ucontact_insert_188B.bin");
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&captured("rl_pipe_counter_51B.bin"));
    stream.write_all(&bytes)?;
    wait_for("the next packet arrives", PATIENCE, || daemon.pipe_counter("p1"))?;
    Ok(())
}
