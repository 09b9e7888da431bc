//! Two daemons of one cluster that take commands over everything there is.

use super::carrier::Carrier;
use crate::manual::RATELIMIT;
use anyhow::{Result, ensure};
use clusterer_tests::{Daemon, Lab, free_address};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Node 1 receives datagrams over UDP, node 2 at a Unix socket; both have a FIFO and HTTP.
pub(super) struct Bench {
    pub(super) lab: Lab,
    pub(super) one: Daemon,
    pub(super) two: Daemon,
    http: [SocketAddr; 2],
    udp: SocketAddr,
    unix: PathBuf,
}

impl Bench {
    /// `clusterer` is what its section says besides.
    pub(super) fn new(clusterer: &str) -> Result<Self> {
        let (lab, at) = Lab::with_nodes(2)?;
        let http = [free_address()?, free_address()?];
        let udp = free_address()?;
        let unix = lab.path().join("mi.sock");
        let config = |machine: usize, socket: &str| {
            let more = format!(
                "{RATELIMIT}\n[mi.datagram]\nsocket_name = \"{socket}\"\n\n[mi.http]\nlisten = \"{}\"\n",
                http[machine - 1]
            );
            let config = lab.config(i32::try_from(machine)?, at[machine - 1], &more);
            anyhow::Ok(config.replacen("[clusterer]\n", &format!("[clusterer]\n{clusterer}"), 1))
        };
        let one = lab.start(1, &config(1, &format!("udp:{udp}"))?)?;
        let two = lab.start(2, &config(2, &unix.display().to_string())?)?;
        one.wait_state(2, 1)?;
        two.wait_state(1, 1)?;
        Ok(Self { lab, one, two, http, udp, unix })
    }

    /// A way of each kind: all lead to node 1, but for the Unix socket.
    pub(super) fn all(&self) -> [Carrier; 4] {
        let replies = self.lab.reply_dir();
        [
            Carrier::Fifo { fifo: self.one.fifo().to_owned(), replies: replies.clone() },
            Carrier::Udp(self.udp),
            Carrier::Unix { socket: self.unix.clone(), replies },
            Carrier::Http(self.http[0]),
        ]
    }

    pub(super) fn http(&self) -> SocketAddr {
        self.http[0]
    }

    pub(super) fn udp(&self) -> SocketAddr {
        self.udp
    }

    pub(super) fn unix(&self) -> &Path {
        &self.unix
    }
}

/// The memory of a daemon that is in RAM, in KiB.
pub(super) fn memory(daemon: &Daemon) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let figure = line.and_then(|line| line.trim().strip_suffix(" kB")).unwrap_or_default();
    Ok(figure.trim().parse()?)
}

/// How many descriptors it has open.
pub(super) fn descriptors(daemon: &Daemon) -> Result<usize> {
    let open = fs::read_dir(format!("/proc/{}/fd", daemon.pid()))?.count();
    ensure!(open > 0, "a process has descriptors");
    Ok(open)
}
