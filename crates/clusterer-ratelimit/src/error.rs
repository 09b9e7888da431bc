//! Why a call cannot be decided, or a pipe not be found.

use crate::{Algorithm, MAX_NAME};
use core::fmt;

/// A call cannot be decided. It was not counted, and no pipe was made or changed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckError {
    /// The pipe's name is empty: a 2.2 node that is sent such a pipe dies.
    EmptyName,
    /// The pipe's name is longer than [`MAX_NAME`].
    LongName {
        /// Its length, bytes.
        length: usize,
    },
    /// The limit is below zero.
    NegativeLimit(i32),
    /// The pipe has an algorithm that follows a machine's load, which is not measured here.
    NotDecidable(Algorithm),
    /// There are as many pipes as may be: raise `max_pipes`, or let unused ones go sooner.
    TooManyPipes {
        /// `max_pipes`.
        limit: usize,
    },
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyName => f.write_str("a pipe's name must not be empty"),
            Self::LongName { length } => {
                write!(f, "a pipe's name may have {MAX_NAME} bytes, not {length}")
            }
            Self::NegativeLimit(limit) => write!(f, "a limit must be 0 or more, is {limit}"),
            Self::NotDecidable(algorithm) => write!(
                f,
                "{algorithm} pipes are kept and listed but not decided here: use TAILDROP, RED or SBT"
            ),
            Self::TooManyPipes { limit } => {
                write!(f, "there are {limit} pipes already: raise max_pipes or lower expire_time")
            }
        }
    }
}

impl core::error::Error for CheckError {}

/// There is no pipe of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPipe;

impl fmt::Display for UnknownPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no pipe of this name")
    }
}

impl core::error::Error for UnknownPipe {}
