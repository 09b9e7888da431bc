//! In which state a node is.
//!
//! Three things that must not be mixed up, each a type of its own: what an administrator wants
//! ([`AdminState`]), what probing found ([`Reachability`]), what the connection is doing
//! ([`LinkState`]). The number that the database and MI show ([`State`]) is derived.

use crate::UnixTime;
use core::fmt;

/// The state as the database and MI write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum State {
    /// 0: taken down by an administrator, until an administrator changes it.
    Down,
    /// 1: returned by `get_nodes`, sent to.
    Up,
    /// 2: being probed, or temporarily disabled.
    Probing,
}

/// A number that is no state: the states are 0, 1 and 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownState;

impl fmt::Display for UnknownState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a state is 0 (down), 1 (up) or 2 (probing or temporarily disabled)")
    }
}

impl core::error::Error for UnknownState {}

impl State {
    /// The number in the database and over MI.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Down => 0,
            Self::Up => 1,
            Self::Probing => 2,
        }
    }
}

impl TryFrom<i128> for State {
    type Error = UnknownState;

    fn try_from(number: i128) -> Result<Self, UnknownState> {
        match number {
            0 => Ok(Self::Down),
            1 => Ok(Self::Up),
            2 => Ok(Self::Probing),
            _ => Err(UnknownState),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

/// What an administrator wants of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AdminState {
    /// Out of use: not dialled, not pinged, not sent to. Packets from it are still accepted.
    Down,
    /// In use, as far as it is reachable.
    Enabled,
}

/// What probing found. Means nothing while the administrator has the node down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reachability {
    /// Too many failures in a row: left alone for its `duration`.
    Disabled,
    /// A failure was seen: pinged until it answers or has failed too often.
    Probing,
    /// No failure since it was last seen well.
    Up,
}

/// What the outbound connection to a node is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkState {
    /// A connect is under way.
    Dialling,
    /// No connection, and none wanted now.
    Idle,
    /// Established.
    Open,
}

/// All that changes about a node's availability: the part that is written back in persistent mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Availability {
    /// What the administrator wants.
    pub admin: AdminState,
    /// What probing found.
    pub reachability: Reachability,
    /// Failures in a row, 0 when up.
    pub no_tries: u32,
    /// When the last failure was; [`UnixTime::ZERO`] if there was none.
    pub last_attempt: UnixTime,
}

impl Availability {
    /// The number that the database and MI show.
    #[must_use]
    pub const fn state(&self) -> State {
        match (self.admin, self.reachability) {
            (AdminState::Down, _) => State::Down,
            (AdminState::Enabled, Reachability::Up) => State::Up,
            (AdminState::Enabled, Reachability::Disabled | Reachability::Probing) => State::Probing,
        }
    }
}
