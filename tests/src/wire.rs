//! A bridge and the hosts plugged into it, all of them network namespaces of this kernel.

use crate::Host;
use anyhow::{Context as _, Error, Result, anyhow, ensure};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// What `ip netns` calls a namespace that it holds open for us is a file here.
pub(crate) const NAMESPACES: &str = "/run/netns";

/// What the names of all our namespaces begin with; the process that made them comes next.
const PREFIX: &str = "clusterer-test-";

const NOT_ROOT: &str = "only root makes network namespaces; try: sudo -E cargo xtask test";
const REFUSED: &str =
    "not even root may make network namespaces here; a container must be privileged";
const NO_TOOLS: &str = "ip, tc or nft is missing; try: apt-get install -y iproute2 nftables";
const NO_KERNEL: &str = "the kernel lacks veth, bridge, nf_tables or sch_tbf";

/// Why there can be no wire on this machine.
#[derive(Clone, Debug)]
pub struct Obstacle {
    /// In words that are the same on every machine, with what to do.
    pub reason: &'static str,
    /// What was tried, and what came of it.
    pub detail: String,
}

/// A wire with its hosts. Dropping it takes them away, whatever still runs on them.
#[derive(Debug)]
pub struct Wire {
    name: String,
    hosts: Vec<Host>,
}

impl Wire {
    /// Why there can be no wire on this machine. The first call looks, and takes away what dead processes
    /// have left behind.
    #[must_use]
    pub fn obstacle() -> Option<&'static Obstacle> {
        static OBSTACLE: OnceLock<Option<Obstacle>> = OnceLock::new();
        OBSTACLE.get_or_init(|| look().err()).as_ref()
    }

    /// Takes away the namespaces of processes that were killed before they could, with what those had
    /// started in them. Where the number of such a process is in use again, they stay until another time.
    pub fn sweep() {
        let names = fs::read_dir(NAMESPACES).into_iter().flatten().flatten();
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        for namespace in names.filter(|name| is_left_over(name)) {
            let pids = Command::new("ip").args(["netns", "pids", &namespace]).output();
            let pids = pids.map(|output| output.stdout).unwrap_or_default();
            for pid in String::from_utf8_lossy(&pids).lines() {
                if let Some(pid) = pid.parse().ok().and_then(Pid::from_raw) {
                    // It may have ended meanwhile.
                    let _ = kill_process(pid, Signal::KILL);
                }
            }
            remove(&namespace);
        }
    }

    /// A wire with `count` hosts, machines 1 to `count`, that reach each other.
    ///
    /// # Errors
    /// See [`Wire::obstacle`].
    pub fn new(count: u8) -> Result<Self> {
        let name = unused_name();
        let hosts = (1..=count).map(|number| Host::new(&name, number)).collect();
        // From here on dropping it cleans up, also what was made by halves.
        let wire = Self { name, hosts };
        wire.make()?;
        wire.join()?;
        Ok(wire)
    }

    /// The host of a machine.
    ///
    /// # Errors
    /// There is none.
    pub fn host(&self, machine: i32) -> Result<&Host> {
        let index = usize::try_from(machine)?.checked_sub(1).context("machines begin at 1")?;
        self.hosts.get(index).with_context(|| format!("no host {machine} is on the wire"))
    }

    /// Pulls the plug of a host. It sees its interface without a carrier.
    ///
    /// # Errors
    /// `ip` failed.
    pub fn unplug(&self, host: &Host) -> Result<()> {
        configure(&self.bridge(), &format!("link set dev {} down\n", host.port()))
    }

    /// Puts the plug back in.
    ///
    /// # Errors
    /// `ip` failed.
    pub fn plug(&self, host: &Host) -> Result<()> {
        configure(&self.bridge(), &format!("link set dev {} up\n", host.port()))
    }

    /// The names of all its namespaces.
    pub fn namespaces(&self) -> impl Iterator<Item = String> {
        let hosts = self.hosts.iter().map(|host| host.namespace().to_owned());
        hosts.chain([self.bridge()])
    }

    /// The namespace of the bridge.
    fn bridge(&self) -> String {
        format!("{}-bridge", self.name)
    }

    fn make(&self) -> Result<()> {
        let mut batch = String::new();
        for namespace in self.namespaces() {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(batch, "netns add {namespace}");
        }
        run(Command::new("ip").args(["-batch", "-"]), &batch)
    }

    fn join(&self) -> Result<()> {
        let mut batch =
            String::from("link add name bridge0 type bridge\nlink set dev bridge0 up\n");
        for host in &self.hosts {
            let (port, namespace) = (host.port(), host.namespace());
            let _ = writeln!(
                batch,
                "link add name {port} type veth peer name eth0 netns {namespace}\n\
                 link set dev {port} master bridge0 up"
            );
        }
        configure(&self.bridge(), &batch)?;
        for host in &self.hosts {
            let batch = format!(
                "link set dev lo up\naddr add {}/24 dev eth0\nlink set dev eth0 up\n",
                host.address().ip()
            );
            configure(host.namespace(), &batch)?;
        }
        Ok(())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        for namespace in self.namespaces() {
            // One that was never made cannot be removed, and need not.
            if Path::new(NAMESPACES).join(&namespace).exists() {
                remove(&namespace);
            }
        }
    }
}

fn look() -> Result<(), Obstacle> {
    let obstacle = |reason: &'static str| {
        move |error: Error| Obstacle { reason, detail: format!("{error:#}") }
    };
    if !geteuid().is_root() {
        return Err(obstacle(NOT_ROOT)(anyhow!("the user id is {}", geteuid().as_raw())));
    }
    for [tool, flag] in [["ip", "-V"], ["tc", "-V"], ["nft", "--version"]] {
        run(Command::new(tool).arg(flag), "").map_err(obstacle(NO_TOOLS))?;
    }
    Wire::sweep();
    let trial = Wire { name: unused_name(), hosts: Vec::new() };
    trial.make().map_err(obstacle(REFUSED))?;
    rehearse().map_err(obstacle(NO_KERNEL))
}

/// Does once whatever a test may ask of the kernel.
fn rehearse() -> Result<()> {
    let wire = Wire::new(1)?;
    let host = wire.host(1)?;
    host.ignore(host)?;
    host.narrow("1mbit")
}

/// A name that no other wire of this machine has.
fn unused_name() -> String {
    static WIRES: AtomicU32 = AtomicU32::new(0);
    format!("{PREFIX}{}-{}", process::id(), WIRES.fetch_add(1, Ordering::Relaxed))
}

fn is_left_over(name: &str) -> bool {
    let rest = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
    let maker = rest.and_then(|(maker, _)| maker.parse::<u32>().ok());
    maker.is_some_and(|maker| !Path::new("/proc").join(maker.to_string()).exists())
}

fn remove(namespace: &str) {
    // Another process may be sweeping, too.
    let _ = run(Command::new("ip").args(["netns", "del", namespace]), "");
}

/// Runs lines of `ip` in a namespace.
pub(crate) fn configure(namespace: &str, batch: &str) -> Result<()> {
    run(Command::new("ip").args(["-n", namespace, "-batch", "-"]), batch)
}

/// Runs a tool that is to succeed.
pub(crate) fn run(command: &mut Command, input: &str) -> Result<()> {
    finish(command, input).map(drop)
}

/// The same; returns what it prints.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    finish(command, "")
}

fn finish(command: &mut Command, input: &str) -> Result<String> {
    let what = format!("{command:?}");
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("{what} cannot be run"))?;
    if let Some(mut stdin) = child.stdin.take()
        && !input.is_empty()
    {
        stdin.write_all(input.as_bytes()).with_context(|| format!("{what} does not read"))?;
    }
    let output = child.wait_with_output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{what} failed: {}; its input: {input:?}", errors.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
