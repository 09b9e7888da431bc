//! The daemon that is measured, and the machines that its database says may send to it.

use crate::bench::Bench;
use crate::scrape::Figures;
use anyhow::{Result, ensure};
use clusterer_tests::{Daemon, Guardian, Lab, NodeRow, free_address};
use std::net::{IpAddr, SocketAddr};

/// The daemon's machine id.
const MACHINE: i32 = 1;

/// A machine of the cluster that sends from here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) machine: i32,
    pub(crate) address: SocketAddr,
}

/// A running daemon with a SQLite file, metrics and ratelimit, which checks who sends. Dropping it ends the
/// process and removes its files; so does the end of this process, whatever ends it.
pub(crate) struct Node {
    daemon: Daemon,
    pub(crate) address: SocketAddr,
    exporter: SocketAddr,
    pub(crate) peers: Vec<Peer>,
    _guardian: Guardian,
    _lab: Lab,
}

/// Machines with an address of their own each, behind the daemon's number.
pub(crate) fn peers(count: i32) -> Result<Vec<Peer>> {
    let peer = |machine| Ok(Peer { machine, address: free_address()? });
    (MACHINE + 1..=MACHINE + count).map(peer).collect()
}

impl Node {
    /// With these peers, in this state of the table: 0 is not dialled and may send all the same.
    pub(crate) fn start(bench: &Bench, peers: Vec<Peer>, state: u32) -> Result<Self> {
        ensure!(!cfg!(debug_assertions), "only a release build is worth measuring");
        bench.say(&format!("a database with {} peers, a daemon", peers.len()));
        let lab = Lab::new()?;
        let mut guardian = Guardian::of_daemons(lab.path())?;
        let address = free_address()?;
        lab.add(&NodeRow::new(1, MACHINE, address))?;
        for &Peer { machine, address } in &peers {
            bench.go_on()?;
            lab.add(&NodeRow { state, ..NodeRow::new(1, machine, address) })?;
        }
        let exporter = free_address()?;
        let config = lab.config(MACHINE, address, &format!("{RATELIMIT}listen = \"{exporter}\"\n"));
        let daemon = lab.start(MACHINE, &config)?;
        guardian.watch(&[daemon.pid()])?;
        Ok(Self { daemon, address, exporter, peers, _guardian: guardian, _lab: lab })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    pub(crate) fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    pub(crate) fn figures(&self) -> Result<Figures> {
        Figures::of(self.exporter)
    }
}

impl Peer {
    pub(crate) fn ip(&self) -> IpAddr {
        self.address.ip()
    }
}

/// Nobody is silent for too long while another benchmark's rounds are on.
const RATELIMIT: &str = "
[ratelimit]
accept_pipes_from = 1
accept_pipes_timeout = 86400
repl_pipes_auth_check = true

[metrics]
";
