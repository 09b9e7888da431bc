//! Why a call has no result.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustix::pipe::PIPE_BUF;
use thiserror::Error;

use super::Target;
use crate::{AnswerError, EncodeError, MiData};

/// Why a call has no result, by what it means for the caller.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The daemon said no.
    #[error(transparent)]
    Refused(Refusal),
    /// There is no answer. Whether the command was run is not known, but for the errors that say that
    /// nobody is there.
    #[error(transparent)]
    Unreachable(ClientError),
    /// The command cannot be sent like this; nothing was tried.
    #[error(transparent)]
    Usage(ClientError),
}

impl From<ClientError> for CallError {
    fn from(error: ClientError) -> Self {
        if error.is_usage() { Self::Usage(error) } else { Self::Unreachable(error) }
    }
}

/// What a daemon says instead of a result. What comes from it is shown without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{code} {}{}", line(message), data.as_ref().map(told).unwrap_or_default())]
#[non_exhaustive]
pub struct Refusal {
    /// As in SIP (404), of JSON-RPC (-32602), or of HTTP (401).
    pub code: i64,
    /// A few words.
    pub message: String,
    /// What more there is to say.
    pub data: Option<MiData>,
}

fn told(data: &MiData) -> String {
    match data {
        MiData::Text(text) => format!(": {}", line(text)),
        data => format!(": {data}"),
    }
}

fn line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// Why a call has no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// What came is no answer in the text form.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// Something is wrong between here and there.
    #[error("cannot talk to {target}: {source}")]
    Carrier {
        /// Where to.
        target: Target,
        /// Why.
        source: io::Error,
    },
    /// The request cannot be written in the text form.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// There is nothing at the path.
    #[error("there is no FIFO {path}: the daemon is not running, or has another fifo_name")]
    Missing {
        /// The command FIFO.
        path: PathBuf,
    },
    /// The server closed the reply FIFO without a word.
    #[error("the daemon gave no answer: it may be shutting down")]
    NoAnswer,
    /// HTTP carries JSON-RPC only.
    #[error("{target} has no text form: that goes over a FIFO or a datagram socket")]
    NoText {
        /// Where to.
        target: Target,
    },
    /// Nobody reads the command FIFO.
    #[error("nobody reads {path}: the daemon is not running")]
    NotRunning {
        /// The command FIFO.
        path: PathBuf,
    },
    /// Something else is at the path.
    #[error("{path} is no FIFO")]
    NotFifo {
        /// The path.
        path: PathBuf,
    },
    /// Nobody takes commands there.
    #[error("nobody listens at {target}: the daemon is not running, or listens elsewhere")]
    NotListening {
        /// Where to.
        target: Target,
    },
    /// Something answers that is no management interface, or not in this form.
    #[error("what {target} answers is no JSON-RPC: {why}")]
    NotMi {
        /// Where to.
        target: Target,
        /// What it answers, shortened.
        why: String,
    },
    /// Parameters that are neither in order nor by name.
    #[error("the parameters of a call are a list, an object, or nothing")]
    Params,
    /// The reply FIFO, or the socket for the reply, cannot be made or read.
    #[error("cannot make or read the reply FIFO {path}: {source}")]
    Reply {
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The socket for the reply cannot be made.
    #[error("cannot make a socket for the reply, {path}: {source}")]
    ReplySocket {
        /// Where it was to be.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The command FIFO cannot be opened or written.
    #[error("cannot write to {path}: {source}")]
    Send {
        /// The command FIFO.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No reply in time.
    #[error("no reply within {0:?}: the daemon is busy, or cannot reach where the reply goes")]
    Timeout(Duration),
    /// The request is longer than the kernel writes to a FIFO in one piece. Part of it could end up
    /// inside another client's.
    #[error("the request has {length} bytes, at most {PIPE_BUF} stay together in a FIFO")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// The request does not fit a datagram.
    #[error("the request has {length} bytes, which is more than a datagram holds")]
    TooLongForDatagram {
        /// Its length in bytes.
        length: usize,
    },
}

impl ClientError {
    /// Whether the caller asked for what cannot be sent. Nothing was tried then.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Encode(_)
                | Self::NoText { .. }
                | Self::Params
                | Self::TooLong { .. }
                | Self::TooLongForDatagram { .. }
        )
    }
}
