//! The load: one thread that keeps any number of connections full.

use crate::bench::Bench;
use crate::node::Peer;
use anyhow::{Context as _, Result, bail, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

/// Most bytes a write offers.
const WRITE: usize = 256 * 1024;
/// A pause of a sender that is ahead of its pace.
const BREATH: Duration = Duration::from_micros(500);
/// How long a receiver may take for what is left when the sender has ended.
const PATIENCE: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(5);

/// Connections to one receiver, each with its packets to send over and over.
pub(crate) struct Sender<'a> {
    poll: Poll,
    streams: Vec<Stream<'a>>,
    /// Bytes of each packet.
    packet: usize,
}

struct Stream<'a> {
    socket: TcpStream,
    ring: &'a [u8],
    at: usize,
    sent: usize,
    has_room: bool,
}

impl<'a> Sender<'a> {
    /// A connection from each peer's own address, with the ring at the same place in `rings`.
    pub(crate) fn connect(
        to: SocketAddr,
        peers: &[Peer],
        rings: &'a [Vec<u8>],
        packet: usize,
    ) -> Result<Self> {
        let poll = Poll::new()?;
        let mut streams = Vec::new();
        for (token, (peer, ring)) in peers.iter().zip(rings).enumerate() {
            let mut socket = TcpStream::from_std(dial(peer, to)?);
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut socket, Token(token), both)?;
            streams.push(Stream { socket, ring, at: 0, sent: 0, has_room: true });
        }
        Ok(Self { poll, streams, packet })
    }

    /// Sends for so long: as much as is taken, or at most so many packets a second over all connections.
    pub(crate) fn send(
        &mut self,
        bench: &Bench,
        how_long: Duration,
        pace: Option<f64>,
    ) -> Result<()> {
        let begun = Instant::now();
        let end = begun + how_long;
        let mut events = Events::with_capacity(256);
        loop {
            bench.go_on()?;
            let now = Instant::now();
            if now >= end {
                return self.complete();
            }
            if let Some(pace) = pace {
                let due = pace * (now - begun).as_secs_f64();
                if crate::stats::float(self.packets()) >= due {
                    std::thread::sleep(BREATH);
                    continue;
                }
            }
            let most = if pace.is_some() { WRITE / 16 } else { WRITE };
            for stream in &mut self.streams {
                stream.write(most)?;
            }
            if !self.streams.iter().any(|stream| stream.has_room) {
                self.wait(&mut events, end)?;
            }
        }
    }

    /// Whole packets sent, over all connections.
    pub(crate) fn packets(&self) -> u64 {
        self.streams.iter().map(|stream| stream.sent / self.packet).sum::<usize>() as u64
    }

    /// Says that this was all, and waits until the receiver has read everything: it closes, too.
    pub(crate) fn finish(self) -> Result<()> {
        for Stream { mut socket, .. } in self.streams {
            socket.shutdown(Shutdown::Write)?;
            let deadline = Instant::now() + PATIENCE;
            let mut poll = Poll::new()?;
            self.poll.registry().deregister(&mut socket)?;
            poll.registry().register(&mut socket, Token(0), Interest::READABLE)?;
            let mut events = Events::with_capacity(1);
            loop {
                match socket.read(&mut [0; 512]) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        let left = deadline.saturating_duration_since(Instant::now());
                        ensure!(!left.is_zero(), "the receiver did not take all in {PATIENCE:?}");
                        poll.poll(&mut events, Some(left))?;
                    }
                    Err(error) => return Err(error).context("the receiver closed the connection"),
                }
            }
        }
        Ok(())
    }

    /// The rest of the packet that each connection is at.
    fn complete(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut events = Events::with_capacity(256);
        for index in 0..self.streams.len() {
            while let Some(stream) = self.streams.get_mut(index) {
                let begun = stream.sent % self.packet;
                if begun == 0 {
                    break;
                }
                stream.write(self.packet - begun)?;
                if !stream.has_room {
                    ensure!(Instant::now() < deadline, "the receiver stopped reading");
                    self.wait(&mut events, deadline)?;
                }
            }
        }
        Ok(())
    }

    fn wait(&mut self, events: &mut Events, until: Instant) -> Result<()> {
        let left = until.saturating_duration_since(Instant::now());
        match self.poll.poll(events, Some(left)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        for event in events.iter() {
            let stream = self.streams.get_mut(event.token().0).context("it is registered")?;
            stream.has_room |= event.is_writable();
            if event.is_read_closed() {
                bail!("the receiver closed the connection");
            }
        }
        Ok(())
    }
}

impl Stream<'_> {
    fn write(&mut self, most: usize) -> Result<()> {
        if !self.has_room {
            return Ok(());
        }
        let rest = self.ring.get(self.at..).context("a ring")?;
        match self.socket.write(rest.get(..most).unwrap_or(rest)) {
            Ok(written) => {
                self.sent += written;
                self.at = (self.at + written) % self.ring.len();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.has_room = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("the receiver closed the connection"),
        }
        Ok(())
    }
}

/// A connection from a peer's address, which does not block.
pub(crate) fn dial(from: &Peer, to: SocketAddr) -> Result<std::net::TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(from.ip(), 0).into())?;
    socket.connect_timeout(&to.into(), CONNECT).with_context(|| format!("{to} is not there"))?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
