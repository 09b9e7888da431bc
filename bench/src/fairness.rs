//! What a flood on one connection costs another: a quiet peer's pings while others send as fast as they
//! are taken, and the pings of a peer within its own flood.

use crate::bench::Bench;
use crate::child::Role;
use crate::node::{Node, Peer, peers};
use crate::packets::{Shape, ring};
use crate::pinger::{HEAD, Latencies, Pinger, ping};
use crate::sender::{Sender, dial};
use crate::table::Section;
use anyhow::{Context as _, Result, ensure};
use std::io::{Read as _, Write as _};
use std::thread;
use std::time::{Duration, Instant};

/// Peers that flood at the same time, at most.
const FLOODING: i32 = 64;
/// Between two pings.
const INTERVAL: Duration = Duration::from_millis(1);
/// Between two pings within a flood.
const SELDOM: Duration = Duration::from_millis(5);
const RING: usize = 4 << 20;

pub(crate) fn run(bench: &Bench) -> Result<Section> {
    let node = Node::start(bench, peers(FLOODING + 1)?, 0)?;
    let (quiet, flooding) = node.peers.split_last().context("peers")?;
    let how_long = bench.either(Duration::from_secs(1), Duration::from_secs(10));
    let mut rows = Vec::new();
    let mut figures = Vec::new();
    let mut tell = |name: &str, latencies: Latencies| -> Result<()> {
        let (row, figure) = latencies.told(name)?;
        bench.say(&row.join("  "));
        rows.push(row);
        figures.push(figure);
        Ok(())
    };
    let mut pinger = Pinger::connect(quiet, node.address)?;
    tell("a quiet peer, nobody else", pinger.pings(bench, how_long, INTERVAL)?)?;
    let mut bare = Role::start(&["bare-echo"])?;
    let mut control = Pinger::connect(quiet, bare.address()?)?;
    for (name, shape, count) in [
        ("while 1 floods, 51 bytes", Shape::One, 1),
        ("while 1 floods, 403 bytes", Shape::Twenty, 1),
        ("while 64 flood, 403 bytes", Shape::Twenty, 64),
    ] {
        let flooding = flooding.get(..count).context("peers")?;
        tell(name, under_flood(bench, &node, &mut pinger, shape, flooding, how_long)?)?;
    }
    let first = flooding.get(..1).context("a peer")?;
    let beside = under_flood(bench, &node, &mut control, Shape::One, first, how_long)?;
    tell("a bare echo, while 1 floods the daemon", beside)?;
    let first = flooding.first().context("a peer")?;
    tell("within a flood of one's own, 51 bytes", within(bench, &node, first, how_long)?)?;
    Ok(Section {
        name: "fairness",
        title: "Pings beside a flood",
        head: HEAD.to_vec(),
        rows,
        plot: None,
        notes: vec![
            "From the write of a ping to its answer. The pings of the bare echo never touch the daemon: what they \
             wait for is the machine, on which the flood is made and taken. Within a flood of one's own, a ping first waits in the \
             kernel's buffers behind what was sent before it on the same connection."
                .to_owned(),
        ],
        figures: figures.into(),
    })
}

fn under_flood(
    bench: &Bench,
    node: &Node,
    pinger: &mut Pinger,
    shape: Shape,
    flooding: &[Peer],
    how_long: Duration,
) -> Result<Latencies> {
    let rings = flooding.iter().map(|peer| ring(shape, peer.machine, RING / flooding.len()));
    let rings = rings.collect::<Result<Vec<_>>>()?;
    let mut sender = Sender::connect(node.address, flooding, &rings, shape.bytes())?;
    // It begins earlier and ends later than the pings do.
    let margin = Duration::from_millis(200);
    thread::scope(|scope| {
        let flood = scope.spawn(|| {
            sender.send(bench, how_long + 2 * margin, None)?;
            sender.finish()
        });
        bench.pause(margin)?;
        let latencies = pinger.pings(bench, how_long, INTERVAL);
        flood.join().ok().context("the flood has panicked")??;
        latencies
    })
}

/// One connection: packets as fast as they are taken, and a ping now and then.
fn within(bench: &Bench, node: &Node, peer: &Peer, how_long: Duration) -> Result<Latencies> {
    let ring = ring(Shape::One, peer.machine, 64 * 1024)?;
    let socket = dial(peer, node.address)?;
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(Duration::from_secs(20)))?;
    let length = ping(peer.machine, 0)?.len();
    let (pinged, answered) = std::sync::mpsc::channel::<Instant>();
    thread::scope(|scope| {
        let mut reading = socket.try_clone()?;
        let answers = scope.spawn(move || -> Result<Latencies> {
            let mut latencies = Latencies::default();
            let mut answer = vec![0; length];
            for (nonce, begun) in (0_i32..).zip(answered) {
                reading.read_exact(&mut answer).context("a ping was not answered")?;
                latencies.add(begun.elapsed());
                ensure!(answer.ends_with(&nonce.to_le_bytes()), "another ping was answered");
            }
            Ok(latencies)
        });
        let mut writing = &socket;
        let end = Instant::now() + how_long;
        let (mut nonce, mut last) = (0, Instant::now());
        while Instant::now() < end {
            bench.go_on()?;
            writing.write_all(&ring)?;
            if last.elapsed() >= SELDOM {
                last = Instant::now();
                pinged.send(last).context("nobody reads the answers")?;
                writing.write_all(&ping(peer.machine, nonce)?)?;
                nonce += 1;
            }
        }
        drop(pinged);
        answers.join().ok().context("the reader has panicked")?
    })
}
