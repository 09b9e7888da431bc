//! Sockets that somebody else has bound and passed to this process, as systemd does for a `.socket` unit
//! (`LISTEN_FDS`, `LISTEN_PID`, `LISTEN_FDNAMES`). They stay open while the daemon is restarted: who connects
//! meanwhile waits, and is not refused.
//!
//! Which is for what follows from its address, which has to be one of the configuration: what may be asked
//! without a token, and from where peers are dialled, depends on it. Their names are for people.

use crate::config::Config;
use crate::run::Failure;
use listenfd::ListenFd;
use std::net::{SocketAddr, TcpListener};

/// Passed sockets that nobody has taken yet.
#[derive(Debug, Default)]
pub(crate) struct Passed(Vec<(SocketAddr, TcpListener)>);

impl Passed {
    /// Takes what was passed to this process, and takes the variables that say so out of the environment.
    ///
    /// # Errors
    /// A socket is none that listens for TCP, or no listener of the configuration has its address.
    pub(crate) fn from_environment(config: &Config) -> Result<Self, Failure> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').filter(|name| !name.is_empty());
        let mut sockets = ListenFd::from_env();
        let wanted = addresses(config);
        let mut passed = Self::default();
        for number in 0..sockets.len() {
            let name = names.next().unwrap_or("without a name");
            let refuse = |why: String| {
                let name = name.escape_default();
                Failure::Start(format!("the socket {number} that was passed ({name}) {why}"))
            };
            let listener = sockets.take_tcp_listener(number).map_err(|error| {
                refuse(format!(
                    "cannot be used: {error}; pass only those of [bin], [mi.http] and [metrics]"
                ))
            })?;
            // Each is taken once.
            let Some(listener) = listener else { continue };
            let address = listener.local_addr().map_err(|error| refuse(error.to_string()))?;
            if !wanted.contains(&address) {
                return Err(refuse(format!(
                    "listens on {address}, where nothing in the configuration listens; write the same \
                     address into both"
                )));
            }
            if passed.0.iter().any(|(other, _)| *other == address) {
                return Err(refuse(format!("listens on {address}, as one before it does")));
            }
            tracing::info!(%address, name, "uses the socket that was passed");
            passed.0.push((address, listener));
        }
        Ok(passed)
    }

    /// The socket that is bound to this address.
    pub(crate) fn take(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let index = self.0.iter().position(|(bound, _)| *bound == address)?;
        Some(self.0.swap_remove(index).1)
    }
}

/// All addresses at which TCP connections are to be accepted.
fn addresses(config: &Config) -> Vec<SocketAddr> {
    let bin = config.bin.iter().flat_map(|bin| &bin.listen.value).map(|listen| listen.value);
    let http = config.http.iter().map(|http| http.listen.value.0);
    let metrics = config.metrics.iter().map(|metrics| metrics.listen.value.0);
    bin.chain(http).chain(metrics).collect()
}
