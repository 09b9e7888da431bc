//! Names of hosts become addresses.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use super::deadline::{Deadline, WaitError};
use super::target::Host;

/// The addresses of a host, in the order in which the system prefers them.
///
/// The system's own look-up knows no time limit. So it has a thread, which is left behind if it does not
/// come back, and ends when it does.
pub(super) fn addresses(host: &Host, deadline: &Deadline) -> Result<Vec<SocketAddr>, WaitError> {
    let port = host.port;
    if let Ok(address) = host.name.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (done, result) = mpsc::sync_channel(1);
    let name = host.name.clone();
    thread::Builder::new().name("mi-resolve".into()).spawn(move || {
        let found = (name.as_str(), port).to_socket_addrs();
        let _ = done.send(found.map(Vec::from_iter));
    })?;
    match result.recv_timeout(deadline.left()?) {
        Ok(found) => {
            let found = found?;
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "it has no address").into());
            }
            Ok(found)
        }
        Err(RecvTimeoutError::Timeout) => Err(deadline.timed_out()),
        Err(RecvTimeoutError::Disconnected) => {
            Err(io::Error::other("the look-up of the host broke down").into())
        }
    }
}
