//! Errors that have an exit code of their own; that of all others is 1.

use std::fmt;
use std::process::ExitCode;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Nobody answered, or not with an answer: neither a daemon nor a database.
    #[error("{0}")]
    Unreachable(String),
    /// The command line is wrong in a way that clap cannot see, or must not print.
    #[error("{0}")]
    Usage(String),
}

impl Failure {
    pub(crate) fn unreachable(why: impl fmt::Display) -> anyhow::Error {
        Self::Unreachable(why.to_string()).into()
    }

    pub(crate) fn usage(why: impl fmt::Display) -> anyhow::Error {
        Self::Usage(why.to_string()).into()
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        })
    }
}
