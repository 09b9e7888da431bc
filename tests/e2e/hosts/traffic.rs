//! Links under traffic.

use super::Site;
use anyhow::{Context as _, Result};
use clusterer_tests::{Daemon, PATIENCE, Pulse, wait_for};
use std::fs;
use std::net::TcpListener;
use std::ops::Range;
use std::thread;
use std::time::{Duration, SystemTime};

/// Pipes of this machine with the longest names there may be, about a kilobyte each. They are sent ten
/// times a second.
fn long_pipes(from: &Daemon, numbers: Range<u32>) -> Result<()> {
    let start = format!("of_{}_", from.machine());
    numbers.into_iter().try_for_each(|number| {
        from.mi_ok("rl_check", &[&format!("{start}{number:0>1000}"), "1000"]).map(drop)
    })
}

#[test]
fn bulk_traffic_fails_no_link_by_delaying_its_pings() -> Result<()> {
    // Between what the kernel holds back on this link, some 0.2 s, and what the queue does, 1.7 s.
    let timeout = Duration::from_secs(1);
    let Some(site) = Site::with_pings(timeout, timeout, 2, 2)? else { return Ok(()) };
    let pulse = Pulse::start();
    // 2.5 MB/s. Much slower, and what the kernel holds is too much: see docs/availability.md.
    for machine in site.machines() {
        site.wire.host(machine)?.narrow("20mbit")?;
    }
    let begun = SystemTime::now();
    for machine in site.machines() {
        // Twice of what goes through: the queue gets as full as it may, which is 4 MiB.
        long_pipes(site.daemon(machine), 0..500)?;
    }
    let busy = || -> Result<()> {
        for machine in site.machines() {
            let what = format!("the wire of host {machine} is busy for half of the time");
            let daemon = site.daemon(machine);
            wait_for(&what, PATIENCE, || {
                let before = sent(daemon)?;
                thread::sleep(Duration::from_millis(200));
                Ok((sent(daemon)? - before >= 250_000).then_some(()))
            })?;
        }
        Ok(())
    };
    busy()?;
    // Several pings each, most of them past a full queue.
    thread::sleep(timeout * 4);
    busy()?;
    site.nothing_else(begun, &pulse, |_, _| false)
}

/// Bytes that have left the daemon's host.
fn sent(daemon: &Daemon) -> Result<u64> {
    let interfaces = fs::read_to_string(format!("/proc/{}/net/dev", daemon.pid()))?;
    let line = interfaces.lines().find_map(|line| line.trim().strip_prefix("eth0:"));
    // Eight numbers of what came in, then what went out.
    let bytes = line.and_then(|line| line.split_whitespace().nth(8)).context("eth0 is there")?;
    Ok(bytes.parse()?)
}

#[test]
fn one_that_never_reads_fails_alone() -> Result<()> {
    let Some(site) = Site::new(5, 4)? else { return Ok(()) };
    let pulse = Pulse::start();
    let begun = SystemTime::now();
    let host = site.wire.host(5)?;
    // The kernel accepts, and acknowledges what fits into a buffer that nobody empties.
    let listener = host.run(|| Ok(TcpListener::bind(host.address())?))?;
    for machine in site.machines() {
        // As long as it is only pinged, it is what a 2.2 node is.
        site.sees(machine, 5, 1, begun)?;
    }
    let flooded = SystemTime::now();
    long_pipes(site.daemon(1), 0..50)?;
    // Full, it acknowledges nothing more. It is dialled again, which succeeds, and so on.
    let failed = flooded + site.sees(1, 5, 2, flooded)?;
    site.sees(1, 5, 1, failed)?;
    site.replicates(1, "meanwhile", site.others(1))?;
    drop(listener);
    site.nothing_else(begun, &pulse, |_, change| change.machine == 5)
}
