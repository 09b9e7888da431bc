//! Peers that are up and answer, many in one process: what a node of a real cluster has around it.

use crate::bench::Bench;
use crate::child::{Role, end_with_parent};
use crate::node::Peer;
use crate::stats::{float, percentile};
use anyhow::{Context as _, Result};
use clusterer_bin::{Dialect, Framer, Packet, Step};
use clusterer_core::{PING, pong};
use clusterer_node::MachineId;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::time::SystemTime;

/// The module of packets that say when they were sent, so that it is known how long they took.
pub(crate) const TIMED: &str = "bench";
/// Most bytes a read takes.
const READ: usize = 64 * 1024;
/// Most that is kept between two reports; what comes then is counted only.
const KEPT: usize = 8_000_000;
const WAKE: Token = Token(usize::MAX);

/// The process with these peers in it. Dropping it kills them.
pub(crate) struct Peers {
    role: Role,
}

impl Peers {
    /// The peer with `stalled` for its machine id stops reading at the first packet of a module.
    pub(crate) fn start(bench: &Bench, peers: &[Peer], stalled: Option<i32>) -> Result<Self> {
        bench.say(&format!("{} peers that answer", peers.len()));
        let peers = peers.iter().map(|peer| format!("{}={}", peer.machine, peer.address));
        let stalled = stalled.map(|machine| format!("--stalled={machine}"));
        let words: Vec<String> =
            ["peers".to_owned()].into_iter().chain(stalled).chain(peers).collect();
        let mut role = Role::start(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
        role.line()?;
        Ok(Self { role })
    }

    /// What has come since the last report.
    pub(crate) fn report(&mut self) -> Result<Value> {
        Ok(serde_json::from_str(&self.role.ask("report")?)?)
    }
}

/// The role.
pub(crate) fn run(peers: &[String], stalled: Option<i32>) -> Result<()> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), WAKE)?;
    let (ask, asked) = channel();
    end_with_parent(move |_| {
        if ask.send(()).is_ok() {
            // Without it, the next packet wakes us.
            let _ = waker.wake();
        }
    });
    let mut listeners = Vec::new();
    for (token, peer) in peers.iter().enumerate() {
        let (machine, address) = peer.split_once('=').context("MACHINE=ADDRESS")?;
        let machine = machine.parse().ok().and_then(MachineId::new).context("a machine id")?;
        let mut socket = TcpListener::bind(address.parse::<SocketAddr>()?)?;
        poll.registry().register(&mut socket, Token(token), Interest::READABLE)?;
        listeners.push(Listener { machine, socket });
    }
    println!("ready");
    let mut all = All { poll, listeners, connections: HashMap::new(), next: 0, stalled };
    all.serve(&asked)
}

struct Listener {
    machine: MachineId,
    socket: TcpListener,
}

struct All {
    poll: Poll,
    listeners: Vec<Listener>,
    connections: HashMap<Token, Connection>,
    next: usize,
    stalled: Option<i32>,
}

struct Connection {
    machine: MachineId,
    socket: TcpStream,
    framer: Framer,
    partial: Vec<u8>,
    stalls: bool,
}

#[derive(Default)]
struct Tally {
    packets: u64,
    pings: u64,
    reads: u64,
    micros: Vec<u64>,
}

impl All {
    fn serve(&mut self, asked: &Receiver<()>) -> Result<()> {
        let mut tally = Tally::default();
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; READ];
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            for event in &events {
                let token = event.token();
                if token == WAKE {
                    for () in asked.try_iter() {
                        println!("{}", std::mem::take(&mut tally).told());
                    }
                } else if token.0 < self.listeners.len() {
                    self.accept(token.0)?;
                } else if let Some(connection) = self.connections.get_mut(&token)
                    && connection.read(&mut buffer, self.stalled, &mut tally).is_err()
                {
                    self.connections.remove(&token);
                }
            }
        }
    }

    fn accept(&mut self, listener: usize) -> Result<()> {
        let Some(Listener { machine, socket }) = self.listeners.get(listener) else {
            return Ok(());
        };
        while let Ok((mut socket, _)) = socket.accept() {
            let token = Token(self.listeners.len() + self.next);
            self.next += 1;
            socket.set_nodelay(true)?;
            self.poll.registry().register(&mut socket, token, Interest::READABLE)?;
            let framer = Framer::new(Dialect::V22);
            let connection = Connection {
                machine: *machine,
                socket,
                framer,
                partial: Vec::new(),
                stalls: false,
            };
            self.connections.insert(token, connection);
        }
        Ok(())
    }
}

impl Connection {
    /// Until there is no more. Fails once the connection is over.
    fn read(&mut self, buffer: &mut [u8], stalled: Option<i32>, tally: &mut Tally) -> Result<()> {
        while !self.stalls {
            match self.socket.read(buffer) {
                Ok(0) => anyhow::bail!("closed"),
                Ok(read) => {
                    tally.reads += 1;
                    self.partial.extend_from_slice(buffer.get(..read).unwrap_or_default());
                    self.take(stalled, tally)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn take(&mut self, stalled: Option<i32>, tally: &mut Tally) -> Result<()> {
        let now = micros();
        let mut rest = self.partial.as_slice();
        loop {
            match self.framer.next(rest)? {
                Step::Packet { bytes, consumed } => {
                    let packet = Packet::parse(Dialect::V22, bytes)?;
                    let first = packet.body().int()?;
                    if packet.module == TIMED.as_bytes() {
                        self.stalls |= stalled == Some(self.machine.get());
                        tally.packets += 1;
                        if tally.micros.len() < KEPT {
                            let late = now.wrapping_sub(first) & i32::MAX;
                            tally.micros.push(u64::from(late.unsigned_abs()));
                        }
                    } else if packet.command == PING {
                        tally.pings += 1;
                        self.socket.write_all(&pong(self.machine, first)?.to(1).to_vec())?;
                    }
                    rest = rest.get(consumed..).unwrap_or_default();
                }
                Step::More { consumed, .. } => {
                    let kept = rest.len() - consumed.min(rest.len());
                    let begin = self.partial.len() - kept;
                    self.partial.drain(..begin);
                    return Ok(());
                }
            }
        }
    }
}

impl Tally {
    fn told(mut self) -> Value {
        self.micros.sort_unstable();
        let at = |permille| percentile(&self.micros, permille).map(float);
        let [p50, p99, p999, most] = [500, 990, 999, 1000].map(at);
        json!({
            "packets": self.packets, "pings": self.pings, "reads": self.reads,
            "us": { "p50": p50, "p99": p99, "p99.9": p999, "max": most },
        })
    }
}

/// The low 31 bits of the machine's clock, in microseconds: two processes agree about it.
pub(crate) fn micros() -> i32 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i32::try_from(now.as_micros() & 0x7FFF_FFFF).unwrap_or(0)
}
