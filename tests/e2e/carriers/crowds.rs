//! Many who do nothing, or next to nothing: they do not stop those who want something.

use super::bench::{Bench, descriptors, memory};
use anyhow::{Context as _, Result, ensure};
use clusterer_tests::{Completed, complete, program};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

const IDLE: usize = 1000;
const SLOW: usize = 100;

/// Within this, a command is answered. It takes some milliseconds where nothing else runs.
const ANSWERED: Duration = Duration::from_secs(5);

/// What a crowd may cost in RAM, in KiB: 64 a connection.
const MEMORY: u64 = 64 * 1100;

#[test]
fn a_thousand_idle_and_a_hundred_slow_connections_stop_no_command() -> Result<()> {
    let bench = Bench::new("")?;
    // The daemons have theirs already.
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    let (memory_before, descriptors_before) = (memory(&bench.one)?, descriptors(&bench.one)?);

    let connect = |_| TcpStream::connect(bench.http()).context("the daemon takes connections");
    let idle: Vec<TcpStream> = (0..IDLE).map(connect).collect::<Result<_>>()?;
    let mut slow: Vec<TcpStream> = (0..SLOW).map(connect).collect::<Result<_>>()?;
    let targets = [
        format!("fifo:{}", bench.one.fifo().display()),
        format!("udp:{}", bench.udp()),
        format!("http://{}", bench.http()),
    ];
    for byte in request(bench.http()).into_bytes().into_iter().take(4) {
        for stream in &mut slow {
            // Some of them may have had to make room.
            let _ = stream.write_all(&[byte]);
        }
        let begun = Instant::now();
        for target in &targets {
            answered(&bench, target).with_context(|| target.clone())?;
        }
        if let Some(left) = Duration::from_secs(1).checked_sub(begun.elapsed()) {
            std::thread::sleep(left);
        }
    }

    let (memory_after, descriptors_after) = (memory(&bench.one)?, descriptors(&bench.one)?);
    eprintln!(
        "memory {memory_before} KiB, then {memory_after}; descriptors {descriptors_before}, then \
         {descriptors_after}"
    );
    ensure!(memory_after < memory_before + MEMORY, "{memory_before} KiB, then {memory_after}");
    ensure!(descriptors_after <= descriptors_before + 1024 + 16, "{descriptors_after}");
    drop((idle, slow));
    Ok(())
}

fn answered(bench: &Bench, target: &str) -> Result<()> {
    let mut command = Command::new(program("clustererctl")?);
    command.args(["--mi", target, "--reply-dir"]).arg(bench.lab.reply_dir()).arg("version");
    let begun = Instant::now();
    let Completed { status, output, errors } = complete(command, "", 4 * ANSWERED)?;
    ensure!(status.success() && output.contains("clustererd"), "{output}{errors}");
    let took = begun.elapsed();
    ensure!(took < ANSWERED, "it took {took:?}");
    Ok(())
}

fn request(server: SocketAddr) -> String {
    format!("POST /mi HTTP/1.1\r\nHost: {server}\r\n")
}
