//! Reloads while packets flow.

use crate::databases::sql;
use crate::replay::{connect_from, with_a_2_2_peer};
use anyhow::{Context as _, Result, ensure};
use clusterer_bin::{Dialect, Origin, PacketWriter};
use clusterer_tests::{Lab, PATIENCE, wait_for};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Rows of nodes that are down.
const ROWS: i32 = 10_000;
const RELOADS: usize = 5;
/// More pipes than that a node does not keep of others.
const MOST: u32 = 40_000;

/// Adds the rows of nodes that are not used.
fn fill(lab: &Lab) -> Result<()> {
    let mut insert =
        "INSERT INTO clusterer (id, cluster_id, machine_id, url, state) VALUES ".to_owned();
    for machine in 1001..=1000 + ROWS {
        let comma = if machine == 1001 { "" } else { ", " };
        let (high, low) = (machine / 200, machine % 200 + 1);
        write!(insert, "{comma}({machine}, 1, {machine}, 'bin:127.9.{high}.{low}:5566', 0)")?;
    }
    sql(lab, &insert)?;
    Ok(())
}

/// A rate-limit packet of a 2.2 node with machine id 1, about a pipe of this number.
pub(crate) fn numbered(number: u32) -> Result<Vec<u8>> {
    let origin = Origin { sender: 1, cluster: 0 };
    let mut packet = PacketWriter::new(Dialect::V22, "ratelimit", 0, origin);
    packet.str(format!("n{number:06}").as_bytes()).int(1).int(1000).int(1);
    Ok(packet.finish(0)?.to_vec())
}

/// Sends numbered packets until there have been enough reloads; returns how many.
fn flood(mut stream: TcpStream, reloads: &AtomicUsize) -> Result<u32> {
    let mut number = 0;
    while reloads.load(Ordering::SeqCst) < RELOADS && number < MOST {
        let mut bytes = Vec::new();
        for _ in 0..10 {
            number += 1;
            bytes.extend(numbered(number)?);
        }
        stream.write_all(&bytes)?;
        thread::sleep(std::time::Duration::from_millis(1));
    }
    Ok(number)
}

#[test]
fn no_packet_of_a_node_that_stays_is_lost_by_reloads_of_a_large_table() -> Result<()> {
    let (lab, daemon, own, listener) = with_a_2_2_peer()?;
    fill(&lab)?;
    let stream = connect_from(listener.local_addr()?.ip(), own)?;
    let reloads = AtomicUsize::new(0);
    let sent = thread::scope(|scope| -> Result<u32> {
        let flood = scope.spawn(|| flood(stream, &reloads));
        for _ in 0..RELOADS {
            let reloaded = daemon.mi_text("clusterer_reload", &[]);
            // Whatever became of it, the flood ends.
            reloads.fetch_add(1, Ordering::SeqCst);
            assert_eq!(reloaded?, "200 OK\n\n");
        }
        flood.join().ok().context("the flood panicked")?
    })?;
    assert!(sent < MOST, "packets came during each reload");
    wait_for("every numbered packet has made its pipe", PATIENCE, || {
        let lines = daemon.mi_ok("rl_list", &[])?;
        let pipes = lines.iter().filter(|line| line.contains(" id=n")).count();
        ensure!(u32::try_from(pipes)? == sent, "{pipes} of {sent}");
        Ok(Some(()))
    })?;
    assert!(daemon.log().contains(&format!("nodes={}", ROWS + 1)), "the large table was loaded");
    Ok(())
}
