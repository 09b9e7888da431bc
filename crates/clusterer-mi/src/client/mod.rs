//! The blocking client, for every carrier.

mod datagram;
mod deadline;
mod error;
mod fifo;
mod http;
mod resolve;
mod rpc;
mod target;

pub use error::{CallError, ClientError, Refusal};
pub use fifo::call;
pub use target::{Target, TargetError};

use std::fmt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{MiData, TextAnswer, Token, encode_request};
use deadline::Deadline;
use target::Place;

/// The longest reply that is taken, in bytes.
const MAX_REPLY: usize = 16 << 20;

/// A client of one daemon. It keeps nothing open between calls.
///
/// ```no_run
/// use clusterer_mi::{CallError, Client, MiData, Target};
///
/// let client = Client::new(Target::parse("http://localhost:8888")?);
/// let params = MiData::object([("cluster_id", 1), ("machine_id", 2), ("status", 0)]
///     .map(|(name, value)| (name, MiData::from(value))));
/// match client.call("clusterer_set_status", &params) {
///     Ok(result) => assert_eq!(result, MiData::from("OK")),
///     Err(CallError::Refused(refusal)) => eprintln!("no: {refusal}"),
///     Err(CallError::Unreachable(error)) => eprintln!("it may have happened or not: {error}"),
///     Err(error) => eprintln!("{error}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client {
    target: Target,
    reply_dir: PathBuf,
    timeout: Duration,
    token: Option<Token>,
}

impl Client {
    /// A client with a timeout of 35 seconds (a little more than our daemon gives a command), `/tmp` for
    /// replies and no token.
    pub fn new(target: Target) -> Self {
        let timeout = Duration::from_secs(35);
        Self { target, reply_dir: PathBuf::from("/tmp/"), timeout, token: None }
    }

    /// Where reply FIFOs are made, which has to be the server's `reply_dir`, and the sockets for
    /// replies to Unix datagrams. Each is removed after its call; its mode is 0666, since the server may
    /// run as another user.
    #[must_use]
    pub fn reply_dir(self, reply_dir: impl Into<PathBuf>) -> Self {
        Self { reply_dir: reply_dir.into(), ..self }
    }

    /// How long a call may take, from looking up the host to the last byte of the reply.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// What is shown over HTTP, and never over anything else. It goes as it is: across a network, through
    /// a tunnel.
    #[must_use]
    pub fn token(self, token: Token) -> Self {
        Self { token: Some(token), ..self }
    }

    /// Runs a command and returns its result. Blocks for the timeout at most.
    ///
    /// `params` are a list (in order), an object (by name) or [`MiData::Null`]. A node of OpenSIPS 2.x
    /// does not know this form: [`Client::call_text`].
    ///
    /// # Errors
    /// [`CallError`] tells a refusal, silence and misuse apart.
    pub fn call(&self, method: &str, params: &MiData) -> Result<MiData, CallError> {
        let deadline = Deadline::after(self.timeout);
        let request = rpc::request(method, params)?;
        let reply = match &self.target.0 {
            Place::Fifo(path) => {
                fifo::exchange(path, &self.reply_dir, &deadline, |reply| {
                    // The empty line lets an OpenSIPS 2.x, which takes this for a request without
                    // parameters, see its end.
                    Ok(format!(":{reply}:{request}\n\n").into_bytes())
                })?
            }
            Place::Http { host, path } => {
                let post = http::Post { host, path, token: self.token.as_ref(), body: &request };
                let response = post.send(&self.target, &deadline)?;
                return rpc::result_over_http(&self.target, &response);
            }
            Place::Udp(host) => datagram::udp(&self.target, host, request.as_bytes(), &deadline)?,
            Place::Unix(path) => {
                let request = request.as_bytes();
                datagram::unix(&self.target, path, &self.reply_dir, request, &deadline)?
            }
        };
        rpc::result(&self.target, &reply)
    }

    /// Runs a command in the text form of OpenSIPS 2.x, over a FIFO or a datagram socket. Blocks for the
    /// timeout at most. `params` are values, not lines: see [`encode_request`].
    ///
    /// # Errors
    /// As [`Client::call`], but that a refusal is an answer here: see [`TextAnswer::is_ok`].
    pub fn call_text(&self, command: &str, params: &[&str]) -> Result<TextAnswer, CallError> {
        let deadline = Deadline::after(self.timeout);
        // A datagram ends a request by itself.
        let datagram = || {
            let mut request = encode_request(command, "", params)?;
            request.pop();
            Ok::<_, ClientError>(request)
        };
        let reply = match &self.target.0 {
            Place::Fifo(path) => fifo::exchange(path, &self.reply_dir, &deadline, |reply| {
                Ok(encode_request(command, reply, params)?)
            })?,
            Place::Http { .. } => {
                return Err(ClientError::NoText { target: self.target.clone() }.into());
            }
            Place::Udp(host) => datagram::udp(&self.target, host, &datagram()?, &deadline)?,
            Place::Unix(path) => {
                datagram::unix(&self.target, path, &self.reply_dir, &datagram()?, &deadline)?
            }
        };
        Ok(TextAnswer::parse(&reply).map_err(ClientError::from)?)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("target", &self.target).finish_non_exhaustive()
    }
}

/// A path in `dir` that nobody else uses: process, call and time, so that it is unique also when
/// containers share the directory but not process numbers. Its name has nothing in it that servers
/// refuse.
fn unique_name() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("clusterer_mi_{}_{number}_{}", process::id(), time.as_nanos())
}

/// A file that is removed when dropped.
struct Removed<'a>(&'a Path);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.0);
    }
}
