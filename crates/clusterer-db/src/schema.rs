//! The table as OpenSIPS 2.2 makes it: facts that hold for every database.

use crate::TableNames;
use clusterer_node::Column;

/// The version of the table that this crate reads and writes: the `table_version` that the `version`
/// table must hold for it.
pub const TABLE_VERSION: i64 = 1;

/// How many characters a URL or a description may have: the width of both columns.
pub(crate) const TEXT_WIDTH: usize = 64;

/// How many characters of a table's name the `version` table takes.
pub(crate) const VERSIONED_WIDTH: usize = 32;

/// What a column holds, whatever a database calls that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number that counts up by itself, the primary key.
    Key,
    /// A number of 32 bits, not NULL.
    Number { default: Option<i64> },
    /// A digit, not NULL, 1 by default.
    State,
    /// [`TEXT_WIDTH`] characters.
    Text { nullable: bool },
    /// Seconds since 1970 in 64 bits, not NULL, 0 by default.
    Time,
}

/// The version of the table of the later generation, OpenSIPS 3.x and 4.x.
pub(crate) const LATER_VERSION: i64 = 4;

/// The columns in the order of the table.
pub(crate) const COLUMNS: [(Column, Kind); 10] = [
    (Column::Id, Kind::Key),
    (Column::ClusterId, Kind::Number { default: None }),
    (Column::MachineId, Kind::Number { default: None }),
    (Column::Url, Kind::Text { nullable: false }),
    (Column::State, Kind::State),
    (Column::LastAttempt, Kind::Time),
    (Column::FailedAttempts, Kind::Number { default: Some(3) }),
    (Column::NoTries, Kind::Number { default: Some(0) }),
    (Column::Duration, Kind::Number { default: Some(30) }),
    (Column::Description, Kind::Text { nullable: true }),
];

/// The columns of the later generation's table, by the names that it looks for. The facts are those of
/// `db/schema/clusterer.xml` in OpenSIPS, from which its documentation and its scripts are made: version 4,
/// `no_ping_retries` 3 and `priority` 50 by default, texts of 64 characters, all but the URL may be NULL.
pub(crate) const LATER_COLUMNS: [(&str, Kind); 10] = [
    ("id", Kind::Key),
    ("cluster_id", Kind::Number { default: None }),
    ("node_id", Kind::Number { default: None }),
    ("url", Kind::Text { nullable: false }),
    ("state", Kind::State),
    ("no_ping_retries", Kind::Number { default: Some(3) }),
    ("priority", Kind::Number { default: Some(50) }),
    ("sip_addr", Kind::Text { nullable: true }),
    ("flags", Kind::Text { nullable: true }),
    ("description", Kind::Text { nullable: true }),
];

/// The two columns of that table that together are unique.
pub(crate) const LATER_UNIQUE_KEY: [&str; 2] = ["cluster_id", "node_id"];

impl Kind {
    /// What stands in a new row that says nothing about the column.
    pub(crate) const fn default(self) -> Option<i64> {
        match self {
            Self::Key | Self::Text { .. } => None,
            Self::Number { default } => default,
            Self::State => Some(1),
            Self::Time => Some(0),
        }
    }

    /// Whether NULL is a value of the column.
    pub(crate) const fn is_nullable(self) -> bool {
        matches!(self, Self::Text { nullable: true })
    }
}

/// The two columns that together are unique.
pub(crate) fn unique_key(names: &TableNames) -> [&str; 2] {
    [Column::ClusterId, Column::MachineId].map(|column| names.column(column))
}
