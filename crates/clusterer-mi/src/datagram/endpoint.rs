//! The socket: made with its owner and mode, removed in the end; receives and sends.

use std::ffi::OsString;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{self, CWD, FileType, Mode, Stat};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType,
    bind, connect, recvfrom, sendto, socket_with,
};
use tokio::io::Interest;

use super::{DatagramAddress, DatagramConfig, DatagramError};
use crate::accounts;

/// A socket that is bound. A Unix socket is removed when this is dropped, if it is still there.
#[derive(Debug)]
pub(super) struct Endpoint {
    address: DatagramAddress,
    /// Device and inode of a Unix socket, whose number is not given away while it is open.
    identity: Option<(u64, u64)>,
    socket: OwnedFd,
}

impl Endpoint {
    pub(super) fn bind(config: &DatagramConfig) -> Result<Self, DatagramError> {
        config.check()?;
        match &config.address {
            DatagramAddress::Udp(address) => Self::udp(*address)
                .map_err(|source| DatagramError::Bind { address: *address, source }),
            DatagramAddress::Unix(path) => Self::unix(path, config),
        }
    }

    /// Where it receives, with the port that it was given.
    pub(super) fn address(&self) -> &DatagramAddress {
        &self.address
    }

    fn udp(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let address = DatagramAddress::Udp(socket.local_addr()?);
        Ok(Self { address, identity: None, socket: socket.into() })
    }

    /// The socket gets its name last: a client that finds it finds owner and mode as they are to be.
    fn unix(path: &Path, config: &DatagramConfig) -> Result<Self, DatagramError> {
        let error = |source: io::Error| DatagramError::Create { path: path.to_owned(), source };
        let user = config.user.as_deref().map(accounts::user).transpose();
        let group = config.group.as_deref().map(accounts::group).transpose();
        let (user, group) =
            (user.map_err(DatagramError::user)?, group.map_err(DatagramError::group)?);
        check_place(path)?;
        let socket = unix_socket().map_err(|errno| error(errno.into()))?;
        let draft = Draft::make(&socket, path).map_err(|errno| error(errno.into()))?;
        // The owner first: changing it may clear bits of the mode.
        fs::chownat(CWD, &draft.path, user, group, fs::AtFlags::SYMLINK_NOFOLLOW)
            .and_then(|()| fs::chmod(&draft.path, Mode::from_raw_mode(config.mode)))
            .map_err(|errno| DatagramError::Owner { path: path.into(), source: errno.into() })?;
        let stat = fs::lstat(&draft.path).map_err(|errno| error(errno.into()))?;
        fs::rename(&draft.path, path).map_err(|errno| error(errno.into()))?;
        Ok(Self {
            address: DatagramAddress::Unix(path.to_owned()),
            identity: Some(identity(&stat)),
            socket,
        })
    }
}

impl Endpoint {
    /// Takes the name of a Unix socket away. What is in the socket stays.
    fn remove(&self) {
        if let DatagramAddress::Unix(path) = &self.address
            && let Ok(stat) = fs::lstat(path)
            && Some(identity(&stat)) == self.identity
        {
            let _ = fs::unlink(path);
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Nothing, or a socket that its owner has left behind.
fn check_place(path: &Path) -> Result<(), DatagramError> {
    let error = |errno: Errno| DatagramError::Create { path: path.into(), source: errno.into() };
    // Longer ones could be made, but not sent to.
    let address = SocketAddrUnix::new(path).map_err(error)?;
    match fs::lstat(path) {
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(error(errno)),
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::Socket => {
            return Err(DatagramError::NotSocket { path: path.into() });
        }
        Ok(_) => {}
    }
    match connect(unix_socket().map_err(error)?, &address) {
        Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(()),
        // One of another type that somebody listens at.
        Ok(()) | Err(Errno::PROTOTYPE) => Err(DatagramError::InUse { path: path.into() }),
        Err(errno) => Err(error(errno)),
    }
}

fn unix_socket() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

/// A name of the socket that no client looks for; removed unless it was changed.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn make(socket: &OwnedFd, path: &Path) -> Result<Self, Errno> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        // Short: there is not much room in the address of a socket.
        let name = OsString::from(format!(".{}.{number}", std::process::id()));
        let path = path.with_file_name(name);
        // Left over by a process of the same number that was killed in between.
        if fs::lstat(&path)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Socket)
        {
            let _ = fs::unlink(&path);
        }
        // The mode that the name begins with: nobody else gets in before it is what it is to be.
        fs::fchmod(socket, Mode::RUSR | Mode::WUSR)?;
        bind(socket, &SocketAddrUnix::new(&path)?)?;
        Ok(Self { path })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After the rename there is nothing of that name.
        let _ = fs::unlink(&self.path);
    }
}

/// An [`Endpoint`] that is registered with a runtime.
#[derive(Debug)]
pub(super) struct Socket {
    endpoint: Endpoint,
    /// The same socket once more, as what tokio can register.
    ready: Ready,
}

#[derive(Debug)]
enum Ready {
    Udp(tokio::net::UdpSocket),
    Unix(tokio::net::UnixDatagram),
}

/// A datagram that was received: as much of it as there was room for.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) length: usize,
    /// Whether there was more.
    pub(super) is_cut: bool,
    /// `None`: a client without an address.
    pub(super) from: Option<SocketAddrAny>,
}

impl Socket {
    pub(super) fn register(endpoint: Endpoint) -> io::Result<Self> {
        let again = endpoint.socket.try_clone()?;
        let ready = match endpoint.address {
            DatagramAddress::Udp(_) => {
                Ready::Udp(tokio::net::UdpSocket::from_std(UdpSocket::from(again))?)
            }
            DatagramAddress::Unix(_) => {
                Ready::Unix(tokio::net::UnixDatagram::from_std(UnixDatagram::from(again))?)
            }
        };
        Ok(Self { endpoint, ready })
    }

    pub(super) async fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let receive = || Ok(self.try_receive(buffer)?);
        match &self.ready {
            Ready::Udp(socket) => socket.async_io(Interest::READABLE, receive).await,
            Ready::Unix(socket) => socket.async_io(Interest::READABLE, receive).await,
        }
    }

    /// A datagram that is there already, if there is one.
    pub(super) fn try_receive(&self, buffer: &mut [u8]) -> Result<Received, Errno> {
        let flags = RecvFlags::TRUNC | RecvFlags::DONTWAIT;
        let (length, whole, from) = recvfrom(&self.endpoint.socket, buffer, flags)?;
        Ok(Received { length, is_cut: whole > length, from: from.filter(is_reachable) })
    }

    /// Takes the name of a Unix socket away.
    pub(super) fn remove(&self) {
        self.endpoint.remove();
    }

    /// Sends a datagram if there is room for it at this moment.
    ///
    /// What a Unix client has not read is charged to the socket that has sent it, so a few that never
    /// read could take the room of all. A new socket has room of its own, so only the client's queue
    /// counts; but one that has connected its socket takes nothing from there.
    pub(super) fn send(&self, bytes: &[u8], to: &SocketAddrAny) -> Result<(), Errno> {
        let send = |socket: &OwnedFd| {
            sendto(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL, to).map(drop)
        };
        match (send(&self.endpoint.socket), &self.endpoint.address) {
            (Err(Errno::AGAIN), DatagramAddress::Unix(_)) => {
                unix_socket().and_then(|socket| send(&socket)).map_err(|_| Errno::AGAIN)
            }
            (sent, _) => sent,
        }
    }
}

fn is_reachable(from: &SocketAddrAny) -> bool {
    SocketAddrUnix::try_from(from.clone()).is_ok_and(|from| !from.is_unnamed())
        || from.address_family() != AddressFamily::UNIX
}
