//! A row as a database delivered it: any column may hold anything.

use alloc::string::String;
use core::fmt;

/// One value of a row, before anybody knows whether it is the right kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cell {
    /// SQL NULL.
    #[default]
    Null,
    /// A whole number of any width.
    Int(i128),
    /// A text.
    Text(String),
    /// A value of another kind; the word names the kind, for the error.
    Other(&'static str),
}

impl Cell {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Int(_) => "a number",
            Self::Text(_) => "text",
            Self::Other(kind) => kind,
        }
    }
}

impl fmt::Display for Cell {
    /// The value as a listing shows it; a value of another kind as that kind in parentheses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Int(value) => value.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Other(kind) => write!(f, "({kind})"),
        }
    }
}

/// The columns of the clusterer table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Column {
    /// `cluster_id_col`
    ClusterId,
    /// `description_col`
    Description,
    /// `duration_col`
    Duration,
    /// `failed_attempts_col`
    FailedAttempts,
    /// `clusterer_id_col`
    Id,
    /// `last_attempt_col`
    LastAttempt,
    /// `machine_id_col`
    MachineId,
    /// `no_tries_col`
    NoTries,
    /// `state_col`
    State,
    /// `url_col`
    Url,
}

impl Column {
    /// Every column, in the order of the table.
    pub const ALL: [Self; 10] = [
        Self::Id,
        Self::ClusterId,
        Self::MachineId,
        Self::Url,
        Self::State,
        Self::LastAttempt,
        Self::FailedAttempts,
        Self::NoTries,
        Self::Duration,
        Self::Description,
    ];

    /// The column's default name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClusterId => "cluster_id",
            Self::Description => "description",
            Self::Duration => "duration",
            Self::FailedAttempts => "failed_attempts",
            Self::Id => "id",
            Self::LastAttempt => "last_attempt",
            Self::MachineId => "machine_id",
            Self::NoTries => "no_tries",
            Self::State => "state",
            Self::Url => "url",
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A row as a database delivered it: any column may hold anything.
///
/// The default stands for a row of which only the columns without a default of their own are missing:
/// state 1, `failed_attempts` 3, duration 30, everything else zero or NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRow {
    /// The database key.
    pub id: Cell,
    /// The cluster's id.
    pub cluster_id: Cell,
    /// The machine's id within the cluster.
    pub machine_id: Cell,
    /// Where the node listens.
    pub url: Cell,
    /// 0, 1 or 2.
    pub state: Cell,
    /// Unix time of the last failure, seconds.
    pub last_attempt: Cell,
    /// Failures in a row until the node is disabled.
    pub failed_attempts: Cell,
    /// Failures in a row so far.
    pub no_tries: Cell,
    /// Seconds a node stays disabled.
    pub duration: Cell,
    /// Free text; NULL is `none`.
    pub description: Cell,
}

impl Default for RawRow {
    fn default() -> Self {
        Self {
            id: Cell::Null,
            cluster_id: Cell::Null,
            machine_id: Cell::Null,
            url: Cell::Null,
            state: Cell::Int(1),
            last_attempt: Cell::Int(0),
            failed_attempts: Cell::Int(3),
            no_tries: Cell::Int(0),
            duration: Cell::Int(30),
            description: Cell::Null,
        }
    }
}

impl RawRow {
    /// The row with these cells, which stand in the order of [`Column::ALL`].
    #[must_use]
    pub fn from_cells(cells: [Cell; 10]) -> Self {
        let [
            id,
            cluster_id,
            machine_id,
            url,
            state,
            last_attempt,
            failed_attempts,
            no_tries,
            duration,
            description,
        ] = cells;
        Self {
            id,
            cluster_id,
            machine_id,
            url,
            state,
            last_attempt,
            failed_attempts,
            no_tries,
            duration,
            description,
        }
    }

    /// The cells in the order of [`Column::ALL`].
    #[must_use]
    pub const fn cells(&self) -> [&Cell; 10] {
        [
            &self.id,
            &self.cluster_id,
            &self.machine_id,
            &self.url,
            &self.state,
            &self.last_attempt,
            &self.failed_attempts,
            &self.no_tries,
            &self.duration,
            &self.description,
        ]
    }
}
