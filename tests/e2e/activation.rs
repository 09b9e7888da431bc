//! Sockets that outlive the daemon: who connects while it is restarted waits.

use anyhow::{Context as _, Result, ensure};
use clusterer_tests::{Lab, PATIENCE, free_address, program, request, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Two sockets come as standard input and output, and go on as descriptors 3 and 4.
const PASS: &str = r#"
: "${LISTEN_PID:=$$}"
export LISTEN_PID
exec "$0" --config "$1" 3<&0 4<&1 </dev/null >&2
"#;

/// Holds two sockets and starts daemons that use them, as systemd does.
struct Supervisor {
    lab: Lab,
    sockets: [OwnedFd; 2],
    config: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

impl Supervisor {
    fn new(lab: Lab, config: &str, sockets: [OwnedFd; 2]) -> Result<Self> {
        let (config, log) = (lab.write_config(1, config)?, lab.path().join("activated.log"));
        Ok(Self { lab, sockets, config, log, child: None })
    }

    /// Starts a daemon with these variables beside those about the sockets.
    fn spawn(&mut self, variables: &[(&str, &str)]) -> Result<()> {
        let [first, second] = &self.sockets;
        let log = File::options().create(true).append(true).open(&self.log)?;
        let child = Command::new("sh")
            .args(["-c", PASS])
            .arg(program("clustererd")?)
            .arg(&self.config)
            .env_remove("LISTEN_PID")
            .env("LISTEN_FDS", "2")
            .env("LISTEN_FDNAMES", "one:two")
            .envs(variables.iter().copied())
            .stdin(first.try_clone()?)
            .stdout(second.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.child = Some(child);
        Ok(())
    }

    fn wait_running(&self, times: usize) -> Result<()> {
        wait_for("it runs", PATIENCE, || {
            let log = self.log()?;
            ensure!(log.matches("running").count() == times, "its log:\n{log}");
            Ok(Some(()))
        })
    }

    fn wait_end(&mut self) -> Result<ExitStatus> {
        let mut child = self.child.take().context("it was started")?;
        wait_for("it ends", PATIENCE, || Ok(child.try_wait()?))
    }

    fn terminate(&mut self) -> Result<ExitStatus> {
        let id = self.child.as_ref().context("it was started")?.id();
        kill_process(Pid::from_raw(id.try_into()?).context("an id")?, Signal::TERM)?;
        self.wait_end()
    }

    fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(&self.log)?)
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sockets at these addresses.
fn bound(addresses: [SocketAddr; 2]) -> Result<[OwnedFd; 2]> {
    let [first, second] = addresses.map(TcpListener::bind);
    Ok([first?.into(), second?.into()])
}

fn http(section: &str, address: SocketAddr) -> String {
    format!("[{section}]\nlisten = \"{address}\"\n")
}

/// Those who come again and again.
#[derive(Default)]
struct Crowd {
    came: AtomicUsize,
    end: AtomicBool,
}

impl Crowd {
    /// Comes until it is to end, or is turned away.
    fn run(&self, come: impl Fn() -> Result<()>) -> Result<()> {
        while !self.end.load(Ordering::SeqCst) {
            come().with_context(|| format!("number {}", self.came.load(Ordering::SeqCst)))?;
            self.came.fetch_add(1, Ordering::SeqCst);
            // So often that somebody comes at every moment, so rarely that all have room in the queue.
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Waits until more have come.
    fn wait(&self) -> Result<()> {
        let before = self.came.load(Ordering::SeqCst);
        wait_for("more have come", PATIENCE, || {
            Ok((self.came.load(Ordering::SeqCst) > before + 10).then_some(()))
        })
    }
}

fn connect(server: SocketAddr) -> Result<()> {
    TcpStream::connect(server)?;
    Ok(())
}

/// Asks over a connection of its own. That a daemon which had accepted it ends before it has read the
/// question is no refusal.
fn ask(server: SocketAddr) -> Result<()> {
    match request(server, "GET", "/healthz", &[], "") {
        Ok(answer) => ensure!(answer.status == 200, "{answer:?}"),
        Err(error) => {
            let io = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
            let refused = io.is_some_and(|io| io.kind() == ErrorKind::ConnectionRefused);
            ensure!(!refused, "{error:#}");
        }
    }
    Ok(())
}

#[test]
fn a_restart_refuses_no_connection() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let web = free_address()?;
    let config = lab.config(1, at[0], &http("mi.http", web));
    let mut supervisor = Supervisor::new(lab, &config, bound([at[0], web])?)?;
    let (peers, clients) = (Crowd::default(), Crowd::default());
    let (restarted, refused) = thread::scope(|scope| {
        // They come before the first daemon does.
        let crowds = [
            scope.spawn(|| peers.run(|| connect(at[0]))),
            scope.spawn(|| clients.run(|| ask(web))),
        ];
        let restarted = (1..=4).try_for_each(|round| {
            peers.wait()?;
            supervisor.spawn(&[])?;
            supervisor.wait_running(round)?;
            peers.wait()?;
            clients.wait()?;
            ensure!(supervisor.terminate()?.success(), "{}", supervisor.log()?);
            Ok(())
        });
        // Whoever waits now is to have an answer.
        let last = supervisor.spawn(&[]).and_then(|()| supervisor.wait_running(5));
        [&peers, &clients].into_iter().for_each(|crowd| crowd.end.store(true, Ordering::SeqCst));
        let refused = crowds.map(|crowd| crowd.join().expect("no panic"));
        (restarted.and(last), refused)
    });
    refused.into_iter().collect::<Result<Vec<()>>>()?;
    restarted
}

#[test]
fn what_is_passed_is_used_and_the_rest_is_bound() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let (web, metrics) = (free_address()?, free_address()?);
    let more = http("mi.http", web) + &http("metrics", metrics);
    let config = lab.config(1, at[0], &more);
    let mut supervisor = Supervisor::new(lab, &config, bound([metrics, web])?)?;
    supervisor.spawn(&[])?;
    supervisor.wait_running(1)?;
    let log = supervisor.log()?;
    assert!(log.contains(&format!("passed address={metrics} name=\"one\"")), "{log}");
    assert!(log.contains(&format!("passed address={web} name=\"two\"")), "{log}");
    assert_eq!(request(metrics, "GET", "/metrics", &[], "")?.status, 200);
    assert_eq!(request(web, "GET", "/readyz", &[], "")?.status, 200);
    TcpStream::connect(at[0])?;
    Ok(())
}

#[test]
fn what_cannot_be_used_is_named_and_nothing_is_started() -> Result<()> {
    let refuses = |second: OwnedFd, part: &str| -> Result<()> {
        let (lab, at) = Lab::with_nodes(1)?;
        let config = lab.config(1, at[0], "");
        let first = TcpListener::bind(at[0])?.into();
        let mut supervisor = Supervisor::new(lab, &config, [first, second])?;
        supervisor.spawn(&[])?;
        assert_eq!(supervisor.wait_end()?.code(), Some(2));
        let log = supervisor.log()?;
        let last = log.lines().last().unwrap_or_default();
        assert!(last.contains("socket 1 that was passed (two)") && last.contains(part), "{log}");
        assert!(!supervisor.lab.fifo(1).exists());
        Ok(())
    };
    let stray = free_address()?;
    refuses(TcpListener::bind(stray)?.into(), &format!("listens on {stray}"))?;
    refuses(File::open("/dev/null")?.into(), "not a socket")
}

#[test]
fn what_was_passed_to_another_process_is_left_alone() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let config = lab.config(1, at[0], "");
    let nothing = || File::open("/dev/null").map(OwnedFd::from);
    let mut supervisor = Supervisor::new(lab, &config, [nothing()?, nothing()?])?;
    supervisor.spawn(&[("LISTEN_PID", "1")])?;
    supervisor.wait_running(1)
}
