//! Listening and accepting.

use crate::{BindError, ListenerConfig};
use clusterer_bin::Dialect;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

const BACKLOG: i32 = 1024;

/// How long a listener rests when the system has no descriptor or memory left for a connection.
pub(crate) const REST: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    pub(crate) local: SocketAddr,
    pub(crate) dialect: Dialect,
}

/// What came of an attempt to accept.
#[derive(Debug)]
pub(crate) enum Accepted {
    Connection(TcpStream, SocketAddr),
    /// This one is lost; the next may be well.
    Lost,
    Nobody,
    /// Nothing can be accepted until something else is given back.
    Exhausted(io::Error),
}

impl Listener {
    /// Listens there, with a socket of somebody else's if there is one.
    pub(crate) fn bind(
        config: &ListenerConfig,
        inherited: Option<StdListener>,
    ) -> Result<Self, BindError> {
        let socket = match inherited {
            Some(socket) => adopt(socket),
            None => listen(config.address),
        };
        socket
            .and_then(|socket| Ok((socket.local_addr()?, socket)))
            .map(|(local, socket)| Self { socket, local, dialect: config.dialect })
            .map_err(|error| BindError { address: config.address, error })
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)
    }

    pub(crate) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut self.socket)
    }

    pub(crate) fn accept(&self) -> Accepted {
        match self.socket.accept() {
            Ok((stream, peer)) => Accepted::Connection(stream, peer),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => Accepted::Nobody,
                ErrorKind::ConnectionAborted
                | ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset
                | ErrorKind::HostUnreachable
                | ErrorKind::Interrupted
                | ErrorKind::NetworkDown
                | ErrorKind::NetworkUnreachable
                | ErrorKind::PermissionDenied
                | ErrorKind::TimedOut => Accepted::Lost,
                _ => Accepted::Exhausted(error),
            },
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(StdListener::from(socket)))
}

/// Makes a socket that was bound by somebody else like one of our own.
fn adopt(socket: StdListener) -> io::Result<TcpListener> {
    let socket = Socket::from(socket);
    // Its IPv4 peers would have addresses that no row has.
    if socket.local_addr()?.is_ipv6() && !socket.only_v6()? {
        let message = "the socket that was passed takes IPv4, too; have it made for IPv6 only";
        return Err(io::Error::new(ErrorKind::InvalidInput, message));
    }
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(StdListener::from(socket)))
}
