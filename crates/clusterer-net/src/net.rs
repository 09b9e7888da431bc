//! From a configuration to a running transport, and its end.

use crate::census::Census;
use crate::descriptors;
use crate::entry::Limits;
use crate::event_loop::{EventLoop, Stand};
use crate::handle::{Handle, Shared};
use crate::listener::Listener;
use crate::{Clock, Config, Ingress};
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Listeners that are bound, of a transport that does not run yet: whatever can fail for a wrong
/// address has not failed.
#[derive(Debug)]
pub struct Bound {
    config: Config,
    listeners: Vec<Listener>,
}

impl Bound {
    /// The addresses listened on, in the order of the configuration, with the real ports.
    #[must_use]
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|listener| listener.local).collect()
    }

    /// Starts the mio threads. Metrics go to the recorder that is installed when this is called.
    ///
    /// # Errors
    /// The system gives no poll, no waker or no thread.
    pub fn start(self, clock: Clock, ingress: Arc<dyn Ingress>) -> io::Result<Net> {
        let local_addresses = self.local_addresses();
        let Self { config, listeners } = self;
        let threads = config.threads.clamp(1, Config::MOST_THREADS);
        let stands = (0..threads).map(|_| Stand::new(&clock)).collect::<io::Result<Vec<_>>>()?;
        let desks = stands.iter().map(|stand| Arc::clone(&stand.desk)).collect();
        let census = Census::new(descriptors::for_inbound(config.max_connections), threads);
        let limits = Limits { bytes: config.link_queue_bytes, packets: config.link_queue_packets };
        let shared = Arc::new(Shared::new(desks, census, limits, local_addresses));
        // The first thread has all of them.
        let mut listeners = Some(listeners);
        let mut net = Net { shared: Arc::clone(&shared), threads: Vec::new() };
        for (thread, stand) in stands.into_iter().enumerate() {
            let event_loop = EventLoop::new(
                thread,
                stand,
                Arc::clone(&shared),
                Arc::clone(&ingress),
                Arc::clone(&clock),
                config.clone(),
                listeners.take().unwrap_or_default(),
            )?;
            let ended = Ended(Arc::clone(&shared), thread);
            // What the system shows of a name has room for the number.
            let name = match thread {
                0 => "clusterer-net".to_owned(),
                _ => format!("clusterer-net{thread}"),
            };
            let thread = thread::Builder::new().name(name).spawn(move || {
                let _ended = ended;
                event_loop.run();
            })?;
            net.threads.push(thread);
        }
        Ok(net)
    }
}

/// Says that a mio thread has ended, however it did.
struct Ended(Arc<Shared>, usize);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended(self.1);
    }
}

/// A running transport: the owner of its mio threads. Dropping it stops them without waiting;
/// [`Net::shutdown`] waits.
pub struct Net {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Net {
    /// Binds all listeners.
    ///
    /// # Errors
    /// The first address that cannot be listened on. Nothing stays bound.
    pub fn bind(config: Config) -> Result<Bound, BindError> {
        Self::bind_with(config, Vec::new())
    }

    /// Binds the listeners for which none of these sockets is bound already. What connects to such a
    /// socket while nobody accepts waits for whoever does next: a restart refuses nobody if somebody else
    /// holds the socket meanwhile.
    ///
    /// # Errors
    /// As [`Net::bind`]; a socket at an address that no listener has ([`io::ErrorKind::InvalidInput`]), or
    /// one on IPv6 that takes IPv4, too. The sockets are closed then.
    pub fn bind_with(config: Config, sockets: Vec<TcpListener>) -> Result<Bound, BindError> {
        let mut sockets = by_address(&config, sockets)?;
        let listeners = config
            .listeners
            .iter()
            .map(|listener| Listener::bind(listener, sockets.remove(&listener.address)))
            .collect::<Result<_, _>>()?;
        Ok(Bound { config, listeners })
    }

    /// A handle to send and command with.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { shared: Arc::clone(&self.shared) }
    }

    /// Takes no more packets and connections, writes what waits on connected links for at most
    /// `flush`, closes everything and waits for the threads to end. No event is reported of links
    /// that are closed by this. Called inside a callback it does not wait.
    pub fn shutdown(mut self, flush: Duration) {
        self.shared.stop(flush);
        let threads = std::mem::take(&mut self.threads);
        let here = thread::current().id();
        if threads.iter().any(|thread| thread.thread().id() == here) {
            return;
        }
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the transport had panicked");
            }
        }
    }
}

fn by_address(
    config: &Config,
    sockets: Vec<TcpListener>,
) -> Result<HashMap<SocketAddr, TcpListener>, BindError> {
    let mut found = HashMap::new();
    for socket in sockets {
        let unspecified = || SocketAddr::from(([0; 4], 0));
        let address =
            socket.local_addr().map_err(|error| BindError { address: unspecified(), error })?;
        let wanted = config.listeners.iter().any(|listener| listener.address == address);
        if !wanted || found.insert(address, socket).is_some() {
            let message = "a socket was passed for it, and no further listener has this address";
            let error = io::Error::new(io::ErrorKind::InvalidInput, message);
            return Err(BindError { address, error });
        }
    }
    Ok(found)
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net")
            .field("local_addresses", &self.shared.local_addresses)
            .finish_non_exhaustive()
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            self.shared.stop(Duration::ZERO);
        }
    }
}

/// An address cannot be listened on.
#[derive(Debug)]
#[non_exhaustive]
pub struct BindError {
    /// The address as configured.
    pub address: SocketAddr,
    /// What the system said.
    pub error: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}", self.address, self.error)?;
        match self.error.kind() {
            io::ErrorKind::AddrInUse => f.write_str("; stop what listens there, or take another"),
            io::ErrorKind::AddrNotAvailable => f.write_str("; no interface has this address"),
            io::ErrorKind::PermissionDenied => f.write_str("; ports below 1024 need a privilege"),
            _ => Ok(()),
        }
    }
}

impl Error for BindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
