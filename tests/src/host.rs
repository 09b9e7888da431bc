//! One host of a wire.

use crate::wire::{NAMESPACES, configure, read, run};
use anyhow::{Context as _, Result};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::panic;
use std::path::Path;
use std::process::Command;
use std::thread;

/// The port of the manual's nodes.
const PORT: u16 = 5566;

/// A network namespace with one interface, `eth0`. It is there as long as its [`Wire`](crate::Wire).
#[derive(Clone, Debug)]
pub struct Host {
    namespace: String,
    number: u8,
}

impl Host {
    pub(crate) fn new(wire: &str, number: u8) -> Self {
        Self { namespace: format!("{wire}-host-{number}"), number }
    }

    /// Where a node listens on it. Hosts of different wires have the same addresses, and do not meet.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::new(10, 77, 0, self.number), PORT))
    }

    /// Does something on this host: the sockets that it opens and the processes that it starts belong
    /// there, and stay there.
    ///
    /// # Errors
    /// The host is gone, or what it does fails.
    pub fn run<T: Send>(&self, job: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        // A thread of its own, so that the caller's stays where it is.
        let thread = || {
            let namespace = File::open(Path::new(NAMESPACES).join(&self.namespace))
                .with_context(|| format!("{} is gone", self.namespace))?;
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            job()
        };
        let done = thread::scope(|scope| scope.spawn(thread).join());
        done.unwrap_or_else(|panicked| panic::resume_unwind(panicked))
    }

    /// How many connections from it to nodes of other hosts have brought something back. On those come
    /// nothing but answers to pings.
    ///
    /// # Errors
    /// `ss` failed.
    pub fn answered(&self) -> Result<usize> {
        let sockets = self.run(|| {
            let dialled = ["state", "established", "dport", "=", &PORT.to_string()];
            read(Command::new("ss").args(["-tniHO"]).args(dialled))
        })?;
        Ok(sockets.lines().filter(|socket| socket.contains(" bytes_received:")).count())
    }

    /// Takes its interface down, as an administrator would.
    ///
    /// # Errors
    /// `ip` failed.
    pub fn take_down(&self) -> Result<()> {
        configure(&self.namespace, "link set dev eth0 down\n")
    }

    /// Brings its interface up again.
    ///
    /// # Errors
    /// `ip` failed.
    pub fn bring_up(&self) -> Result<()> {
        configure(&self.namespace, "link set dev eth0 up\n")
    }

    /// Sets up a firewall that drops whatever comes from another host. What goes there still goes.
    ///
    /// # Errors
    /// `nft` failed.
    pub fn ignore(&self, other: &Self) -> Result<()> {
        self.nft(&format!(
            "table inet cut {{ chain input {{ type filter hook input priority 0; \
             ip saddr {} drop; }}; }}",
            other.address().ip()
        ))
    }

    /// Takes that firewall away.
    ///
    /// # Errors
    /// `nft` failed.
    pub fn heed(&self) -> Result<()> {
        self.nft("delete table inet cut")
    }

    /// Lets no more than this rate out of it, such as `10mbit`.
    ///
    /// # Errors
    /// `tc` failed.
    pub fn narrow(&self, rate: &str) -> Result<()> {
        let shape = ["qdisc", "add", "dev", "eth0", "root", "tbf", "rate", rate];
        let queue = ["burst", "16kb", "latency", "1s"];
        run(Command::new("tc").args(["-n", &self.namespace]).args(shape).args(queue), "")
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The other end of its `eth0`, at the bridge.
    pub(crate) fn port(&self) -> String {
        format!("port{}", self.number)
    }

    fn nft(&self, rules: &str) -> Result<()> {
        self.run(|| run(Command::new("nft").args(["-f", "-"]), rules))
    }
}
