//! `cargo xtask demo`: three nodes on loopback, one of which is killed and comes back. Every step is
//! observed over the management interface of the separate processes, or the demo fails.

use crate::servers::{self, Purpose};
use crate::shell::{cargo, run as run_command};
use anyhow::{Context as _, Result, anyhow, ensure};
use clusterer_tests::servers::{Kind, Server};
use clusterer_tests::{Daemon, Lab, NodeRow, free_address, program, wait_showing};
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a step may take to be observed; the longest takes a few seconds.
const PATIENCE: Duration = Duration::from_secs(15);
/// The same for a step that was broken on purpose: it only has to fail.
const BROKEN_PATIENCE: Duration = Duration::from_secs(5);
/// The nodes' `timer_interval`.
const TICK: Duration = Duration::from_secs(1);
/// Calls counted into the pipe in each tick, until the others show them.
const CALLS: u64 = 25;
const PIPE: &str = "gateway";

/// What the demo shows, in order. Each can be broken to see that the demo notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Start,
    Replicate,
    List,
    Kill,
    Restart,
}

impl Step {
    const ALL: [Self; 5] = [Self::Start, Self::Replicate, Self::List, Self::Kill, Self::Restart];

    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Replicate => "replicate",
            Self::List => "list",
            Self::Kill => "kill",
            Self::Restart => "restart",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Step {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|step| step.name() == text);
        found.with_context(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("there is no step {text:?}; the steps are {names}")
        })
    }
}

/// Where the nodes are provisioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    Sqlite,
    Server(Kind),
}

impl Store {
    /// By the schemes of their URLs.
    const ALL: [(&str, Self); 3] = [
        ("sqlite", Self::Sqlite),
        ("postgres", Self::Server(Kind::Postgres)),
        ("mysql", Self::Server(Kind::MariaDb)),
    ];
}

impl FromStr for Store {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|(name, _)| *name == text);
        found.map(|(_, store)| store).with_context(|| {
            let names = Self::ALL.map(|(name, _)| name).join(", ");
            format!("there is no database {text:?}; the databases are {names}")
        })
    }
}

/// What was asked for on the command line.
pub(crate) struct Options {
    /// Make this step fail.
    pub(crate) broken: Option<Step>,
    /// The programs are built already.
    pub(crate) built: bool,
    pub(crate) db: Store,
    /// Keep the cluster up until Ctrl-C.
    pub(crate) stay: bool,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let demo =
        Demo { broken: options.broken, begun: Instant::now(), interrupted: catch_interrupt()? };
    if !options.built {
        demo.say("build", "building clustererd and clustererctl");
        let mut build = cargo(root, "build --package clustererd --package clustererctl");
        run_command(&mut build)?;
    }
    let server = demo.server(options.db)?;
    let mut nodes = demo.start(server).context("step start was not observed")?;
    let steps: [(Step, Show); 4] = [
        (Step::Replicate, Demo::replicate),
        (Step::List, Demo::list),
        (Step::Kill, Demo::kill),
        (Step::Restart, Demo::restart),
    ];
    for (step, show) in steps {
        show(&demo, &mut nodes).with_context(|| format!("step {step} was not observed"))?;
    }
    if options.stay {
        demo.stay(&nodes)?;
    }
    let directory = nodes.lab.path().to_owned();
    drop(nodes);
    ensure!(!directory.exists(), "{} was not removed", directory.display());
    demo.say("clean up", "the processes have ended, their files are removed");
    demo.say("done", "every step was observed");
    Ok(())
}

/// A step after the start.
type Show = fn(&Demo, &mut Nodes) -> Result<()>;

struct Demo {
    broken: Option<Step>,
    begun: Instant,
    interrupted: Arc<AtomicBool>,
}

/// Three nodes. The daemons end before the lab's directory goes, and the server last.
struct Nodes {
    daemons: [Daemon; 3],
    lab: Lab,
    _server: Option<Server>,
}

const DEMO: Purpose =
    Purpose { name: "the nodes of this demo", without: "cargo xtask demo --db sqlite" };

impl Demo {
    fn server(&self, store: Store) -> Result<Option<Server>> {
        let Store::Server(kind) = store else { return Ok(None) };
        servers::ensure_installed(&[kind], DEMO)?;
        let server = Server::start(kind)?;
        self.say("server", &format!("{} of the demo's own, {:?}", kind, server.access()));
        Ok(Some(server))
    }

    fn start(&self, server: Option<Server>) -> Result<Nodes> {
        let lab = match &server {
            Some(server) => Lab::on(server.create_database()?)?,
            None => Lab::new()?,
        };
        let mut addresses = [free_address()?, free_address()?, free_address()?];
        for (machine, address) in (1..).zip(addresses) {
            lab.add(&NodeRow { duration: 3, ..NodeRow::new(1, machine, address) })?;
        }
        // Which shows the URL without the password.
        let checked = lab.ctl_ok(&["db", "check", "--db-url", &lab.db_url()])?;
        let shown = checked.trim_end().trim_end_matches(": ok");
        self.say("database", &format!("cluster 1 with machines 1 to 3 in {shown}"));
        if self.broken == Some(Step::Start) {
            // The third node is to listen where the second does.
            let [_, second, third] = &mut addresses;
            *third = *second;
        }
        let start = |machine: i32, address: SocketAddr| -> Result<Daemon> {
            let config = lab.config(machine, address, RATELIMIT);
            let daemon = lab.start(machine, &config)?;
            let text = format!("node {machine} listens on {address}, process {}", daemon.pid());
            self.say("start", &text);
            Ok(daemon)
        };
        let [one, two, three] = addresses;
        let daemons = [start(1, one)?, start(2, two)?, start(3, three)?];
        for from in &daemons {
            for to in daemons.iter().filter(|to| to.machine() != from.machine()) {
                let what = format!("node {} sees node {} up", from.machine(), to.machine());
                self.wait(Step::Start, &what, || {
                    Ok((from.state_of(to.machine())? == 1).then_some(()))
                })?;
            }
        }
        self.say("start", "every node sees the others up");
        Ok(Nodes { daemons, lab, _server: server })
    }

    fn replicate(&self, nodes: &mut Nodes) -> Result<()> {
        let [one, others @ ..] = &nodes.daemons;
        let pipe = if self.broken == Some(Step::Replicate) { "another" } else { PIPE };
        for other in others {
            let machine = other.machine();
            let what = format!("node {machine} shows pipe {PIPE} with {CALLS} calls or more");
            let mut round: Option<Instant> = None;
            let counter = self.wait(Step::Replicate, &what, || {
                // Counters are those of the last second, so there is a round of calls in each.
                if round.is_none_or(|begun| begun.elapsed() >= TICK) {
                    round = Some(Instant::now());
                    for _ in 0..CALLS {
                        one.mi_ok("rl_check", &[pipe, "100"])?;
                    }
                }
                Ok(other.pipe_counter(PIPE)?.filter(|&counter| counter >= CALLS))
            })?;
            let text = format!("calls into node 1's pipe {PIPE}: node {machine} counts {counter}");
            self.say("replicate", &text);
            for line in other.mi_ok("rl_list", &[PIPE])? {
                self.show(&line);
            }
        }
        Ok(())
    }

    fn list(&self, nodes: &mut Nodes) -> Result<()> {
        let one = &nodes.daemons[0];
        if self.broken == Some(Step::List) {
            let url = nodes.lab.db_url();
            nodes.lab.ctl_ok(&[
                "db",
                "remove",
                "--db-url",
                &url,
                "--cluster-id",
                "1",
                "--machine-id",
                "3",
            ])?;
            one.mi_ok("clusterer_reload", &[])?;
        }
        let lines = one.mi_ok("clusterer_list", &[])?;
        self.say("list", "clusterer_list of node 1:");
        for line in &lines {
            self.show(line);
        }
        for machine in [2, 3] {
            let line = one.node_line(machine)?;
            ensure!(line.contains(" State=1 "), "node 1 lists {line:?}");
        }
        Ok(())
    }

    fn kill(&self, nodes: &mut Nodes) -> Result<()> {
        let [one, two, three] = &mut nodes.daemons;
        let killed = Instant::now();
        if self.broken != Some(Step::Kill) {
            three.kill()?;
        }
        self.say("kill", "node 3 is killed (SIGKILL)");
        for other in [one, two] {
            let machine = other.machine();
            let what = format!("node {machine} marks node 3 as failed");
            self.wait(Step::Kill, &what, || Ok((other.state_of(3)? == 2).then_some(())))?;
            let took = killed.elapsed().as_secs_f64() * 1000.0;
            self.say("kill", &format!("node {machine} has marked it {took:.1} ms after the kill"));
            self.show(&other.node_line(3)?);
        }
        Ok(())
    }

    fn restart(&self, nodes: &mut Nodes) -> Result<()> {
        let [one, two, three] = &mut nodes.daemons;
        if self.broken != Some(Step::Restart) {
            three.restart()?;
        }
        self.say("restart", "node 3 is started again");
        for other in [&*one, &*two] {
            let machine = other.machine();
            let what = format!("node {machine} sees node 3 up, and is heard by it");
            self.wait(Step::Restart, &what, || {
                other.mi_ok("rl_check", &["again", "1000"])?;
                // What node 3 says itself: up for others alone could be the end of a pause.
                let heard = three.pipe_counter("again")?.is_some();
                Ok((heard && other.state_of(3)? == 1).then_some(()))
            })?;
            self.say("restart", &format!("node {machine} sees it up and replicates to it"));
            self.show(&other.node_line(3)?);
        }
        Ok(())
    }

    fn stay(&self, nodes: &Nodes) -> Result<()> {
        let ctl = program("clustererctl")?;
        let ctl = ctl.display();
        self.say("stay", "the cluster stays up until Ctrl-C; look here:");
        for daemon in &nodes.daemons {
            let fifo = daemon.fifo().display();
            let replies = nodes.lab.reply_dir();
            let replies = replies.display();
            self.show(&format!("{ctl} --mi fifo:{fifo} --reply-dir {replies} clusterer_list"));
        }
        self.show(&format!("logs and configurations: {}", nodes.lab.path().display()));
        while !self.interrupted.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Waits for something to be observed, and says every second that it still does.
    fn wait<T>(
        &self,
        step: Step,
        what: &str,
        look: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let patience = if self.broken == Some(step) { BROKEN_PATIENCE } else { PATIENCE };
        wait_showing(what, patience, look, || {
            ensure!(!self.interrupted.load(Ordering::Relaxed), "interrupted");
            self.show(&format!("... still waiting: {what}"));
            Ok(())
        })
    }

    fn say(&self, step: &str, what: &str) {
        let elapsed = self.begun.elapsed().as_secs_f64();
        println!("[{elapsed:5.1} s] {step:<10} {what}");
    }

    fn show(&self, line: &str) {
        println!("                     {}", line.trim_start());
    }
}

const RATELIMIT: &str = "
[ratelimit]
replicate_pipes_to = 1
accept_pipes_from = 1
accept_pipes_timeout = 5
timer_interval = 1
";

/// Ctrl-C ends the demo in order: its processes, its files.
fn catch_interrupt() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signal = runtime
        .block_on(async {
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
        })
        .map_err(|error| anyhow!("Ctrl-C cannot be caught: {error}"))?;
    thread::spawn(move || {
        let mut signal = signal;
        runtime.block_on(signal.recv());
        flag.store(true, Ordering::Relaxed);
    });
    Ok(interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_by_the_scheme_of_its_urls() {
        for (name, store) in Store::ALL {
            assert_eq!(name.parse::<Store>().unwrap(), store);
        }
        let error = "oracle".parse::<Store>().unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no database \"oracle\"; the databases are sqlite, postgres, mysql"
        );
    }

    #[test]
    fn a_step_is_named_as_it_is_printed() {
        for step in Step::ALL {
            assert_eq!(step.to_string().parse::<Step>().unwrap(), step);
        }
        let error = "no_such".parse::<Step>().unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no step \"no_such\"; the steps are start, replicate, list, kill, restart"
        );
    }
}
