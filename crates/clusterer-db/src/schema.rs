//! The table as OpenSIPS 2.2 makes it: facts that hold for every database.

use crate::TableNames;
use clusterer_node::Column;

/// The version of the table that this crate reads and writes: the `table_version` that the `version`
/// table must hold for it.
pub const TABLE_VERSION: i64 = 1;

/// How many characters a URL or a description may have: the width of both columns.
pub(crate) const TEXT_WIDTH: usize = 64;

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

/// The two columns that together are unique.
pub(crate) fn unique_key(names: &TableNames) -> [&str; 2] {
    [Column::ClusterId, Column::MachineId].map(|column| names.column(column))
}
