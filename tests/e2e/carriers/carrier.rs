//! Raw clients, which send anything: a request is bytes, and so is its answer.

use anyhow::{Context as _, Result, bail, ensure};
use clusterer_tests::PATIENCE;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The most that a datagram of the test's own may hold.
const DATAGRAM: usize = 1 << 17;

/// A way to a daemon.
#[derive(Clone, Debug)]
pub(super) enum Carrier {
    Fifo { fifo: PathBuf, replies: PathBuf },
    Http(SocketAddr),
    Udp(SocketAddr),
    Unix { socket: PathBuf, replies: PathBuf },
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing, and nothing will: the reply FIFO was closed, or HTTP said so with this status.
    Empty(Option<u16>),
    Text(String),
}

impl Answer {
    /// The text, which there must be.
    pub(super) fn text(self) -> Result<String> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Empty(status) => bail!("an empty answer (HTTP status {status:?})"),
        }
    }
}

impl Carrier {
    /// Sends a JSON request as 4.0's clients do; returns its answer.
    pub(super) fn ask(&self, json: &[u8]) -> Result<Answer> {
        self.ask_within(json, PATIENCE)
    }

    /// The same, with a deadline.
    pub(super) fn ask_within(&self, json: &[u8], patience: Duration) -> Result<Answer> {
        let answer = match self {
            Self::Fifo { fifo, replies } => {
                let mut reply = Reply::new(replies)?;
                let request = [format!(":{}:", reply.name).as_bytes(), json].concat();
                put(fifo, &request)?;
                reply.read(patience)
            }
            Self::Http(server) => post(*server, json, patience),
            Self::Udp(server) => {
                let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
                socket.set_read_timeout(Some(patience))?;
                socket.send_to(json, server)?;
                let mut buffer = vec![0; DATAGRAM];
                let length = socket.recv(&mut buffer)?;
                Ok(Answer::Text(String::from_utf8(buffer[..length].to_vec())?))
            }
            Self::Unix { socket, replies } => {
                let own = Own::new(replies)?;
                own.socket.set_read_timeout(Some(patience))?;
                own.socket.send_to(json, socket)?;
                let mut buffer = vec![0; DATAGRAM];
                let length = own.socket.recv(&mut buffer)?;
                Ok(Answer::Text(String::from_utf8(buffer[..length].to_vec())?))
            }
        };
        answer.with_context(|| format!("{self:?}"))
    }

    /// The same over datagrams, where silence is told by the answer to the request after it: both are
    /// taken in their order.
    pub(super) fn ask_at_most(&self, json: &[u8]) -> Result<Answer> {
        const NEXT: &str = r#"{"jsonrpc":"2.0","method":"version","id":"next"}"#;
        let mut buffer = vec![0; DATAGRAM];
        let length = match self {
            Self::Udp(server) => {
                let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
                socket.set_read_timeout(Some(PATIENCE))?;
                socket.send_to(json, server)?;
                socket.send_to(NEXT.as_bytes(), server)?;
                socket.recv(&mut buffer)?
            }
            Self::Unix { socket, replies } => {
                let own = Own::new(replies)?;
                own.socket.set_read_timeout(Some(PATIENCE))?;
                own.socket.send_to(json, socket)?;
                own.socket.send_to(NEXT.as_bytes(), socket)?;
                own.socket.recv(&mut buffer)?
            }
            Self::Fifo { .. } | Self::Http(_) => bail!("it tells silence by itself"),
        };
        let answer = String::from_utf8(buffer[..length].to_vec())?;
        let is_next = answer.ends_with(r#""id":"next"}"#);
        Ok(if is_next { Answer::Empty(None) } else { Answer::Text(answer) })
    }

    /// Sends bytes as they are, and waits for no answer.
    pub(super) fn pour(&self, bytes: &[u8]) -> Result<()> {
        let poured = match self {
            Self::Fifo { fifo, .. } => put(fifo, bytes),
            Self::Http(server) => {
                let mut stream = TcpStream::connect(server)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write))
            }
            Self::Udp(server) => {
                UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.send_to(bytes, server).map(drop)
            }
            Self::Unix { socket, .. } => UnixDatagram::unbound()?.send_to(bytes, socket).map(drop),
        };
        match poured {
            // The server had heard enough, and closed.
            Err(error) if is_closed(&error) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Asks for the version until there is an answer: what was left unfinished in a FIFO may take others
    /// with it until its writer is gone.
    pub(super) fn serves(&self) -> Result<()> {
        const VERSION: &str = r#"{"jsonrpc":"2.0","method":"version","id":"still there"}"#;
        let begun = Instant::now();
        loop {
            let answer = self.ask_within(VERSION.as_bytes(), Duration::from_millis(500));
            let failed = match answer {
                Ok(Answer::Text(text)) if text.contains(r#""id":"still there""#) => return Ok(()),
                Ok(other) => format!("{other:?}"),
                Err(error) => format!("{error:#}"),
            };
            ensure!(begun.elapsed() < PATIENCE, "it serves no more: {failed}");
        }
    }
}

/// Writes a request into the FIFO. It waits for nobody to open it: the daemon has it open.
fn put(fifo: &Path, request: &[u8]) -> std::io::Result<()> {
    File::options().write(true).open(fifo)?.write_all(request)
}

/// Whether the other side has ended a connection.
fn is_closed(error: &std::io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected)
}

/// As 4.0's clients write it.
pub(super) fn http_request(server: SocketAddr, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST /mi HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn post(server: SocketAddr, json: &[u8], patience: Duration) -> Result<Answer> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    // Who answers before it has read all may close before we have written all.
    let written = stream.write_all(&http_request(server, json));
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    if answer.is_empty() {
        written.and(read)?;
    }
    let answer = String::from_utf8(answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an HTTP answer")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(match body {
        "" => Answer::Empty(status),
        body => Answer::Text(body.to_owned()),
    })
}

/// A name that nobody else uses here.
fn unused_name() -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    format!("raw_{}_{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed))
}

/// A reply FIFO, removed when dropped.
pub(super) struct Reply {
    pub(super) name: String,
    path: PathBuf,
    read: File,
}

impl Reply {
    pub(super) fn new(replies: &Path) -> Result<Self> {
        Self::named(replies, &unused_name())
    }

    pub(super) fn named(replies: &Path, name: &str) -> Result<Self> {
        let path = replies.join(name);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        let read = open(&path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())?.into();
        Ok(Self { name: name.to_owned(), path, read })
    }

    /// Reads until the daemon closes its end.
    pub(super) fn read(&mut self, patience: Duration) -> Result<Answer> {
        let begun = Instant::now();
        let mut answer = Vec::new();
        loop {
            let left = patience.checked_sub(begun.elapsed()).context("no answer in time")?;
            let flags = self.poll(left)?;
            // Without this, its first writer has not come.
            if !flags.intersects(PollFlags::IN | PollFlags::HUP) {
                continue;
            }
            match self.read.read_to_end(&mut answer) {
                Ok(_) if answer.is_empty() => return Ok(Answer::Empty(None)),
                Ok(_) => return Ok(Answer::Text(String::from_utf8(answer)?)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads what there is, and forgets it.
    pub(super) fn drain(&mut self) {
        // There may be nothing just now, or not enough.
        let _ = self.read.read_to_end(&mut Vec::new());
    }

    /// Whether nobody has ever opened it for writing.
    pub(super) fn is_untouched(&self) -> Result<bool> {
        Ok(self.poll(Duration::ZERO)?.is_empty())
    }

    fn poll(&self, patience: Duration) -> Result<PollFlags> {
        let mut fds = [PollFd::new(&self.read, PollFlags::IN)];
        let timeout = Timespec {
            tv_sec: patience.as_secs().try_into()?,
            tv_nsec: patience.subsec_nanos().into(),
        };
        poll(&mut fds, Some(&timeout))?;
        Ok(fds[0].revents())
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A bound Unix socket, removed when dropped.
struct Own {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Own {
    fn new(directory: &Path) -> Result<Self> {
        let path = directory.join(unused_name());
        Ok(Self { socket: UnixDatagram::bind(&path)?, path })
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
