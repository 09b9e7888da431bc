//! What the service manager is told: systemd's datagrams of `NAME=VALUE` lines. Without one, nothing.

use crate::vitals::Vitals;
use clusterer::{Cluster, State};
use rustix::time::{ClockId, clock_gettime};
use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Who does not read is not waited for any longer. A manager that works reads at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often the node is asked for a heartbeat, and its status looked at, where there is no watchdog.
const EVERY: Duration = Duration::from_secs(10);

/// The program that has started this one, if it wants to know how it fares.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manager {
    socket: Option<Arc<Socket>>,
    /// It acts if it hears nothing for as long.
    watchdog: Option<Duration>,
    /// Why the configuration was not read again, if it was not.
    misread: Arc<Mutex<Option<String>>>,
}

#[derive(Debug)]
struct Socket {
    from: UnixDatagram,
    to: SocketAddr,
}

impl Manager {
    /// The one that the environment tells of. What is wrong there is logged, and nobody told anything.
    pub(crate) fn from_env() -> Self {
        let Some(name) = env::var_os("NOTIFY_SOCKET") else { return Self::default() };
        match Socket::open(&name) {
            Ok(socket) => {
                let socket = Some(Arc::new(socket));
                Self { socket, watchdog: watchdog(env::var_os), misread: Arc::default() }
            }
            Err(error) => {
                tracing::warn!(%error, "the service manager cannot be told anything: NOTIFY_SOCKET");
                Self::default()
            }
        }
    }

    /// The start may take `patience` from now on.
    pub(crate) fn starting(&self, patience: Duration) {
        let micros = patience.as_micros();
        self.tell(&format!("STATUS=loading the table of nodes\nEXTEND_TIMEOUT_USEC={micros}"));
    }

    /// It has started: listens, answers and knows its nodes.
    pub(crate) fn ready(&self, cluster: &Cluster) {
        self.tell(&format!("READY=1\n{}", status_line(&self.status(cluster))));
    }

    /// What [`Manager::reloading`] told of is over. If the configuration could not be read, the status says why,
    /// until it could be.
    pub(crate) fn reloaded(&self, cluster: &Cluster, misread: Option<String>) {
        *self.misread.lock().unwrap_or_else(PoisonError::into_inner) = misread;
        self.ready(cluster);
    }

    pub(crate) fn reloading(&self) {
        // `Type=notify-reload` tells by the time which reload this is.
        let now = clock_gettime(ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=reloading"));
    }

    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=ending");
    }

    /// Feeds the watchdog for as long as the node's threads turn, and shows how the node is; asks for its heartbeat
    /// also if there is nobody to tell. Returns when one of the threads has ended: what is left of the node is
    /// none. A thread that stands still keeps this waiting, and so has the watchdog bite.
    pub(crate) async fn attend(self, vitals: Vitals) {
        let mut timer = tokio::time::interval(self.watchdog.map_or(EVERY, |within| within / 2));
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shown = String::new();
        loop {
            timer.tick().await;
            if vitals.heartbeat().await.is_err() {
                return;
            }
            let mut lines = Vec::new();
            if self.watchdog.is_some() {
                lines.push("WATCHDOG=1".to_owned());
            }
            let status = self.status(vitals.cluster());
            if status != shown {
                lines.push(status_line(&status));
                shown = status;
            }
            if !lines.is_empty() {
                self.tell(&lines.join("\n"));
            }
        }
    }

    fn status(&self, cluster: &Cluster) -> String {
        let mut status = status(cluster);
        if let Some(why) = &*self.misread.lock().unwrap_or_else(PoisonError::into_inner) {
            status += "; the configuration stays as it was: ";
            status += why;
        }
        status
    }

    fn tell(&self, message: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.from.send_to_addr(message.as_bytes(), &socket.to)
        {
            tracing::debug!(%error, message, "the service manager was not told");
        }
    }
}

/// How the node is, in one line for people.
fn status(cluster: &Cluster) -> String {
    let view = cluster.view();
    let clusters = view.clusters().count();
    let mut nodes = [0_usize; 3];
    let [up, probing, down] = &mut nodes;
    for node in view.nodes() {
        match node.state() {
            State::Up => *up += 1,
            State::Down => *down += 1,
            _ => *probing += 1,
        }
    }
    let [up, probing, down] = nodes;
    let database = match &cluster.provisioning().failure {
        Some(error) => format!("; the database fails: {error}"),
        None => String::new(),
    };
    let who = format!("server_id {}, clusters: {clusters}", cluster.get_my_id());
    format!("{who}; nodes: {up} up, {probing} probing, {down} down{database}")
}

fn status_line(text: &str) -> String {
    // A line is a field.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("STATUS={text}")
}

impl Socket {
    fn open(name: &OsStr) -> io::Result<Self> {
        let to = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => {
                let what = "neither a path nor an abstract name (@…)";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
            }
        };
        let from = UnixDatagram::unbound()?;
        from.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { from, to })
    }
}

/// How often the manager wants to hear of this process, if of this one.
fn watchdog(variable: impl Fn(&'static str) -> Option<OsString>) -> Option<Duration> {
    let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
    let meant = variable("WATCHDOG_PID").is_none()
        || number("WATCHDOG_PID") == Some(u64::from(process::id()));
    let micros = number("WATCHDOG_USEC").filter(|&micros| meant && micros > 0)?;
    Some(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watchdog_of(variables: &[(&str, &str)]) -> Option<Duration> {
        watchdog(|name| {
            let (_, value) = variables.iter().find(|(key, _)| *key == name)?;
            Some(OsString::from(value))
        })
    }

    #[test]
    fn a_watchdog_is_of_this_process_or_of_any() {
        let own = process::id().to_string();
        let second = Some(Duration::from_secs(1));
        assert_eq!(watchdog_of(&[("WATCHDOG_USEC", "1000000")]), second);
        assert_eq!(watchdog_of(&[("WATCHDOG_USEC", "1000000"), ("WATCHDOG_PID", &own)]), second);
        for other in ["1", "", "x"] {
            let variables = [("WATCHDOG_USEC", "1000000"), ("WATCHDOG_PID", other)];
            assert_eq!(watchdog_of(&variables), None, "{other}");
        }
        for none in ["0", "-1", "soon", ""] {
            assert_eq!(watchdog_of(&[("WATCHDOG_USEC", none)]), None, "{none}");
        }
        assert_eq!(watchdog_of(&[]), None);
    }

    #[test]
    fn a_socket_is_a_path_or_an_abstract_name() {
        for good in ["/run/systemd/notify", "@/org/freedesktop/notify"] {
            assert!(Socket::open(OsStr::new(good)).is_ok(), "{good}");
        }
        for bad in ["", "notify", "vsock:2:1234"] {
            assert!(Socket::open(OsStr::new(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_status_is_one_line() {
        assert_eq!(status_line("a\nREADY=1\tb"), "STATUS=a READY=1 b");
    }
}
