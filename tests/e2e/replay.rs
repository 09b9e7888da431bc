//! A process that is no `clustererd` sends what a real 2.2 node sent.

use crate::manual::RATELIMIT;
use anyhow::Result;
use clusterer_bin::{Dialect, Framer, Packet, Step};
use clusterer_tests::{Daemon, Lab, NodeRow, PATIENCE, free_address, wait_for};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

/// A packet that was captured on a 2.2 node whose machine id is 1.
pub(crate) fn captured(name: &str) -> Vec<u8> {
    let directory =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/clusterer-bin/tests/packets/2.2");
    fs::read(directory.join(name)).expect("the captured packets are in the project")
}

/// Connects from an address of one's own, as a node does.
pub(crate) fn connect_from(from: IpAddr, to: SocketAddr) -> Result<TcpStream> {
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        None,
    )?;
    rustix::net::bind(&socket, &SocketAddr::new(from, 0))?;
    rustix::net::connect(&socket, &to)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Takes the connection that a node makes.
fn accept(listener: &TcpListener) -> Result<TcpStream> {
    listener.set_nonblocking(true)?;
    let stream = wait_for("the node connects", PATIENCE, || match listener.accept() {
        Ok((stream, _)) => Ok(Some(stream)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error.into()),
    })?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// A node under test with machine id 2 and auth check, and the address of a 2.2 node, machine 1.
pub(crate) fn with_a_2_2_peer() -> Result<(Lab, Daemon, SocketAddr, TcpListener)> {
    let lab = Lab::new()?;
    let (peer, own) = (free_address()?, free_address()?);
    let listener = TcpListener::bind(peer)?;
    lab.add(&NodeRow::new(1, 1, peer))?;
    lab.add(&NodeRow::new(1, 2, own))?;
    let more = format!("{RATELIMIT}repl_pipes_auth_check = 1\n");
    let daemon = lab.start(2, &lab.config(2, own, &more))?;
    Ok((lab, daemon, own, listener))
}

#[test]
fn captured_pipes_appear_in_rl_list_and_2_2_packets_come_back() -> Result<()> {
    let (_lab, daemon, own, listener) = with_a_2_2_peer()?;
    let mut inbound = accept(&listener)?;

    let mut stream = connect_from(listener.local_addr()?.ip(), own)?;
    for name in ["rl_pipe_counter_33B.bin", "dlg_created_324B.bin", "rl_pipe_counter_96B.bin"] {
        stream.write_all(&captured(name))?;
    }
    wait_for("the captured pipes are listed", PATIENCE, || {
        let lines = daemon.mi_ok("rl_list", &[])?;
        let listed = |pipe: &str| lines.iter().any(|line| line.contains(&format!("id={pipe} ")));
        Ok(["p1", "inv_fwd1", "pipe2"].iter().all(|pipe| listed(pipe)).then_some(()))
    })?;

    daemon.mi_ok("rl_check", &["ours", "100"])?;
    let (pings, pipes) = read_packets(&mut inbound, b"ours")?;
    assert!(pings > 0, "a 2.2 node is pinged like any other");
    // Name, algorithm TAILDROP and limit, as 2.2 writes them.
    assert_eq!(pipes, [(b"ours".to_vec(), 1, 100)]);
    assert_eq!(daemon.state_of(1)?, 1, "it never answers pings, and is well all the same");
    Ok(())
}

/// Name, algorithm, limit.
type Pipe = (Vec<u8>, i32, i32);

/// Reads 2.2 packets until one names a pipe; returns how many pings came, and that packet's pipes.
fn read_packets(stream: &mut TcpStream, pipe: &[u8]) -> Result<(usize, Vec<Pipe>)> {
    let mut framer = Framer::new(Dialect::V22);
    let mut buffer = Vec::new();
    let mut pings = 0;
    loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk)?;
        assert!(read > 0, "the node keeps its connection");
        buffer.extend_from_slice(&chunk[..read]);
        loop {
            let (bytes, consumed) = match framer.next(&buffer)? {
                Step::Packet { bytes, consumed } => (bytes.to_vec(), consumed),
                Step::More { consumed, .. } => {
                    buffer.drain(..consumed);
                    break;
                }
            };
            buffer.drain(..consumed);
            let packet = Packet::parse(Dialect::V22, &bytes)?;
            assert_eq!((packet.version, packet.sender, packet.reserved), (1, 2, [0; 4]));
            if packet.module != b"ratelimit" {
                pings += 1;
                continue;
            }
            let mut body = packet.body();
            let mut pipes = Vec::new();
            while !body.is_empty() {
                pipes.push((body.str()?.to_vec(), body.int()?, body.int()?));
                body.int()?;
            }
            if pipes.iter().any(|(name, ..)| name == pipe) {
                return Ok((pings, pipes));
            }
        }
    }
}

#[test]
fn with_auth_check_only_the_nodes_own_address_is_heard() -> Result<()> {
    let (_lab, daemon, own, listener) = with_a_2_2_peer()?;
    let mut stranger = connect_from(free_address()?.ip(), own)?;
    stranger.write_all(&captured("rl_pipe_counter_51B.bin"))?;
    wait_for("the drop is logged", PATIENCE, || {
        Ok(daemon.log().contains("a packet was dropped").then_some(()))
    })?;
    assert_eq!(daemon.pipe_counter("p1")?, None);
    // It stays connected, as with 2.2: what it sends next is judged anew.
    stranger.set_read_timeout(Some(Duration::from_millis(100)))?;
    let kept = stranger.read(&mut [0; 16]).unwrap_err();
    assert!(matches!(kept.kind(), ErrorKind::WouldBlock), "{kept}");
    let mut node = connect_from(listener.local_addr()?.ip(), own)?;
    node.write_all(&captured("rl_pipe_counter_51B.bin"))?;
    wait_for("the node itself is heard", PATIENCE, || daemon.pipe_counter("p1"))?;
    Ok(())
}
