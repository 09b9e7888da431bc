//! The wire itself: it leaves nothing behind.

use super::possible;
use anyhow::{Context as _, Result, ensure};
use clusterer_tests::{PATIENCE, Wire, wait_for};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;

#[test]
fn hosts_of_one_wire_reach_each_other_and_no_other_wire() -> Result<()> {
    if !possible() {
        return Ok(());
    }
    let wires = [Wire::new(2)?, Wire::new(2)?];
    // The same address on both wires, and two listeners.
    let mut listeners = Vec::new();
    for wire in &wires {
        let host = wire.host(2)?;
        listeners.push(host.run(|| Ok(TcpListener::bind(host.address())?))?);
    }
    for (wire, word) in wires.iter().zip([b"one", b"two"]) {
        let to = wire.host(2)?.address();
        wire.host(1)?.run(|| Ok(TcpStream::connect(to)?.write_all(word)?))?;
    }
    for (listener, word) in listeners.iter().zip(["one", "two"]) {
        let (mut stream, from) = listener.accept()?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        assert_eq!((text.as_str(), from.ip()), (word, wires[0].host(1)?.address().ip()));
    }
    Ok(())
}

#[test]
fn a_wire_is_gone_after_a_panic() -> Result<()> {
    if !possible() {
        return Ok(());
    }
    let (send, names) = mpsc::channel();
    let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
        let wire = Wire::new(1).unwrap();
        for name in wire.namespaces() {
            assert!(exists(&name), "{name}");
            send.send(name).unwrap();
        }
        panic!("as a failing test does");
    }));
    assert!(panicked.is_err());
    drop(send);
    let names: Vec<String> = names.iter().collect();
    assert_eq!(names.len(), 2);
    assert_eq!(names.iter().find(|name| exists(name)), None);
    Ok(())
}

#[test]
fn what_a_killed_process_left_behind_is_swept_away_and_what_a_running_one_has_is_not() -> Result<()>
{
    if !possible() {
        return Ok(());
    }
    let mut dead = Command::new("true").spawn()?;
    ensure!(dead.wait()?.success());
    let mine = Wire::new(0)?;
    let name = mine.namespaces().next().context("the bridge's")?;
    let left_over = name.replace(&std::process::id().to_string(), &dead.id().to_string());
    ensure!(Command::new("ip").args(["netns", "add", &left_over]).status()?.success());
    let inside = ["netns", "exec", &left_over, "sleep", "600"];
    let mut left_running = Command::new("ip").args(inside).spawn()?;
    // Or another process that runs these tests has swept already.
    wait_for("it runs inside", PATIENCE, || {
        let pids = Command::new("ip").args(["netns", "pids", &left_over]).output()?;
        Ok((!pids.stdout.is_empty() || !exists(&left_over)).then_some(()))
    })?;
    Wire::sweep();
    assert!(!exists(&left_over));
    assert!(exists(&name));
    assert!(!left_running.wait()?.success(), "it was killed");
    Ok(())
}

fn exists(namespace: &str) -> bool {
    Path::new("/run/netns").join(namespace).exists()
}
