//! Connecting without waiting: the attempt, and how it went.

use crate::LinkSpec;
use mio::net::TcpStream;
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream as StdStream};
use std::time::Duration;

/// Bytes that the kernel may hold unsent. Little, so that a ping does not wait behind megabytes of
/// traffic that are beyond overtaking.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 * 1024;
/// Longer than this, 24 days, the kernel waits for no acknowledgement: it takes a signed number of
/// milliseconds.
#[cfg(target_os = "linux")]
const LONGEST: Duration = Duration::from_millis(i32::MAX.unsigned_abs() as u64);

/// Begins to connect.
///
/// # Errors
/// It failed at once: this, too, is one failed attempt.
pub(crate) fn begin(spec: &LinkSpec) -> io::Result<TcpStream> {
    let domain = Domain::for_address(spec.peer);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    #[cfg(target_os = "linux")]
    {
        let timeout = Some(spec.user_timeout.min(LONGEST)).filter(|timeout| !timeout.is_zero());
        socket.set_tcp_user_timeout(timeout)?;
        socket.set_tcp_notsent_lowat(UNSENT)?;
    }
    if let Some(address) = spec.bind {
        socket.bind(&SockAddr::from(SocketAddr::new(address, 0)))?;
    }
    match socket.connect(&SockAddr::from(spec.peer)) {
        Ok(()) => {}
        Err(error) if is_under_way(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(StdStream::from(socket)))
}

/// How an attempt went: the local address once it is established, `None` while it is under way.
///
/// # Errors
/// The attempt failed.
pub(crate) fn outcome(stream: &TcpStream) -> io::Result<Option<SocketAddr>> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    let peer = match stream.peer_addr() {
        Ok(peer) => peer,
        Err(error) if error.kind() == ErrorKind::NotConnected || is_under_way(&error) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let local = stream.local_addr()?;
    if local == peer {
        // Nobody listens there, and the system chose that very port for our end.
        return Err(ErrorKind::ConnectionRefused.into());
    }
    Ok(Some(local))
}

fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error())
}
