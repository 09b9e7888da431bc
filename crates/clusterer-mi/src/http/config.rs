//! What an HTTP server needs to know, and what can be wrong with it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

use super::routes::PROBES;
use crate::Token;
use crate::remedy::remedy;

/// The configuration of an [`HttpServer`](crate::HttpServer).
///
/// ```
/// use clusterer_mi::{HttpConfig, Token};
///
/// let mut config = HttpConfig::new("192.0.2.5:8888".parse()?);
/// config.token = Some(Token::new("a-long-and-random-text")?);
/// assert_eq!(config.root, "mi");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpConfig {
    /// The address to listen on; port 0 for any free one. Beyond loopback, a token is needed.
    pub listen: SocketAddr,
    /// Commands are taken at `POST /ROOT`. Letters, digits, `-`, `_` and, between them, `/`; neither
    /// `healthz` nor `readyz`. `mi` by default.
    pub root: String,
    /// What a client has to know to run commands and, beyond loopback, to read anything.
    pub token: Option<Token>,
    /// Listen beyond loopback without a token all the same.
    pub insecure: bool,
    /// Further names, without ports, by which clients may call this server. On loopback it always
    /// answers to `localhost` and to loopback addresses, elsewhere to the addresses that it listens on,
    /// and to every name if none is written here. Empty by default.
    pub hosts: Vec<String>,
    /// The longest body of a request, in bytes. 1 MiB by default.
    pub max_body: usize,
    /// How long the first line and the headers of a request may take to arrive. 10 s by default.
    pub header_timeout: Duration,
    /// How long the body of a request may take to arrive. 10 s by default.
    pub body_timeout: Duration,
    /// How long a connection is kept for the next request. 60 s by default.
    pub idle_timeout: Duration,
    /// How long a client may not take what is written to it. 10 s by default.
    pub write_timeout: Duration,
    /// How long a command or a page may take; a batch has a second more. 30 s by default.
    pub command_timeout: Duration,
    /// How many connections there may be, at least 2. When there are as many, the one that has been
    /// idle longest makes room for a new one, then the one that has been sending its request longest;
    /// if all are being answered, new ones wait. 1024 by default.
    pub max_connections: usize,
    /// How many of them may be event streams, which make no room: at most half. 64 by default.
    pub max_streams: usize,
}

impl HttpConfig {
    /// A configuration with the defaults.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            root: "mi".into(),
            token: None,
            insecure: false,
            hosts: Vec::new(),
            max_body: 1 << 20,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(10),
            command_timeout: Duration::from_secs(30),
            max_connections: 1024,
            max_streams: 64,
        }
    }

    /// Says what [`HttpServer::bind`](crate::HttpServer::bind) would refuse before it touches a socket.
    ///
    /// # Errors
    /// [`HttpError::Open`] and [`HttpError::Root`].
    pub fn check(&self) -> Result<(), HttpError> {
        if !self.listen.ip().is_loopback() && self.token.is_none() && !self.insecure {
            return Err(HttpError::Open { address: self.listen });
        }
        let plain = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        // Nobody could ask for a command where a probe is answered.
        let is_probe = PROBES.iter().any(|path| path.strip_prefix('/') == Some(&self.root));
        if is_probe || !self.root.split('/').all(plain) {
            return Err(HttpError::Root);
        }
        Ok(())
    }
}

/// Why an HTTP server cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}{}", remedy(source))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Two mounts have one path, or a path is none.
    #[error(
        "cannot serve {path:?}: a path begins with a slash, has no question mark, and is mounted once"
    )]
    Mount {
        /// The path.
        path: String,
    },
    /// The server was started outside a tokio runtime.
    #[error("the HTTP server needs a tokio runtime with IO and time enabled")]
    NoRuntime,
    /// Anybody on the network could run commands.
    #[error(
        "{address} can be reached from other hosts, and there is no token: give one, listen on \
         loopback, or say that it is to be insecure"
    )]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// The root is no plain path, or that of a probe.
    #[error(
        "the root must be letters, digits, - and _, with slashes only between them, and neither \
         healthz nor readyz"
    )]
    Root,
}
