//! A datagram there, a datagram back.

use std::fs::{self, Permissions};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use rustix::event::PollFlags;
use rustix::io::Errno;

use super::deadline::{Deadline, WaitError};
use super::target::Host;
use super::{ClientError, Removed, Target, resolve, unique_name};

/// More than a datagram of either kind holds, unless somebody has raised the system's limit.
const MAX_DATAGRAM: usize = 1 << 20;

/// Sends a request to a UDP port and waits for one datagram. Nothing is sent twice: a command may have
/// been run though its reply was lost.
pub(super) fn udp(
    target: &Target,
    host: &Host,
    request: &[u8],
    deadline: &Deadline,
) -> Result<String, ClientError> {
    let reply = resolve::addresses(host, deadline)
        .and_then(|addresses| over_addresses(&addresses, request, deadline))
        .map_err(|error| carrier_error(target, request, error))?;
    text(target, reply)
}

/// The same with a Unix socket. Our own has a name, or nobody could answer it. It is connected before
/// others may write to it, and then only the server can.
pub(super) fn unix(
    target: &Target,
    path: &Path,
    reply_dir: &Path,
    request: &[u8],
    deadline: &Deadline,
) -> Result<String, ClientError> {
    let own = reply_dir.join(unique_name());
    let no_socket = |source| ClientError::ReplySocket { path: own.clone(), source };
    let socket = UnixDatagram::bind(&own).map_err(no_socket)?;
    let _removed = Removed(&own);
    let talk = || {
        socket.connect(path)?;
        fs::set_permissions(&own, Permissions::from_mode(0o666))?;
        socket.set_nonblocking(true)?;
        ask(&socket, deadline, || socket.send(request), |buffer| socket.recv(buffer))
    };
    text(target, talk().map_err(|error| carrier_error(target, request, error))?)
}

fn carrier_error(target: &Target, request: &[u8], error: WaitError) -> ClientError {
    error.into_client(|source| match Errno::from_io_error(&source) {
        Some(Errno::MSGSIZE) => ClientError::TooLongForDatagram { length: request.len() },
        Some(Errno::CONNREFUSED | Errno::NOENT) => {
            ClientError::NotListening { target: target.clone() }
        }
        _ => ClientError::Carrier { target: target.clone(), source },
    })
}

fn text(target: &Target, reply: Vec<u8>) -> Result<String, ClientError> {
    String::from_utf8(reply).map_err(|_| ClientError::NotMi {
        target: target.clone(),
        why: "bytes that are no UTF-8".into(),
    })
}

/// One address after the other, as long as nobody listens there.
fn over_addresses(
    addresses: &[SocketAddr],
    request: &[u8],
    deadline: &Deadline,
) -> Result<Vec<u8>, WaitError> {
    let mut last = WaitError::from(Errno::CONNREFUSED);
    for address in addresses {
        match over_one_address(*address, request, deadline) {
            Err(WaitError::Io(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                last = error.into();
            }
            other => return other,
        }
    }
    Err(last)
}

/// The socket is connected: it hears nobody else, and is told if nobody is there.
fn over_one_address(
    address: SocketAddr,
    request: &[u8],
    deadline: &Deadline,
) -> Result<Vec<u8>, WaitError> {
    let any = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    socket.set_nonblocking(true)?;
    ask(&socket, deadline, || socket.send(request), |buffer| socket.recv(buffer))
}

fn ask(
    socket: &impl AsFd,
    deadline: &Deadline,
    send: impl Fn() -> io::Result<usize>,
    receive: impl Fn(&mut [u8]) -> io::Result<usize>,
) -> Result<Vec<u8>, WaitError> {
    retry(socket, deadline, PollFlags::OUT, send)?;
    let mut buffer = vec![0; MAX_DATAGRAM];
    let length = retry(socket, deadline, PollFlags::IN, || receive(&mut buffer))?;
    if length == buffer.len() {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the reply is cut off").into());
    }
    buffer.truncate(length);
    Ok(buffer)
}

fn retry(
    socket: &impl AsFd,
    deadline: &Deadline,
    flags: PollFlags,
    mut act: impl FnMut() -> io::Result<usize>,
) -> Result<usize, WaitError> {
    loop {
        match act() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                deadline.wait(socket, flags)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return Ok(other?),
        }
    }
}
