//! A provisioned row as a typed value.

use crate::{Cell, ClusterId, Column, DbId, MachineId, NodeUrl, RawRow, State, UnixTime, UrlError};
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::time::Duration;

/// A row whose every column is what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The database key.
    pub id: DbId,
    /// The cluster.
    pub cluster: ClusterId,
    /// The machine within the cluster.
    pub machine: MachineId,
    /// Where it listens.
    pub url: NodeUrl,
    /// The state it was stored with.
    pub state: State,
    /// When its last failure was.
    pub last_attempt: UnixTime,
    /// Failures in a row until it is disabled, as stored. See [`Row::max_failures`].
    pub failed_attempts: u32,
    /// Failures in a row when it was stored.
    pub no_tries: u32,
    /// How long it stays disabled, in seconds. See [`Row::disabled_for`].
    pub duration: u32,
    /// Free text.
    pub description: Box<str>,
}

/// A row that could be used, and what had to be corrected in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The row.
    pub row: Row,
    /// A value that was replaced.
    pub warning: Option<RowWarning>,
}

/// A value that was replaced by a sane one. The row is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowWarning {
    /// `last_attempt` is negative or more than a day ahead (2.2 writes 32 junk bits there): counts as 0.
    LastAttempt(i128),
}

impl fmt::Display for RowWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LastAttempt(value) => {
                write!(f, "last_attempt {value} is no time of the past: taken as 0")
            }
        }
    }
}

/// What is wrong with a column.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The value is NULL.
    Null,
    /// The number is outside the range given.
    OutOfRange {
        /// The number.
        value: i128,
        /// What would be right.
        want: &'static str,
    },
    /// The value is of another kind.
    Type {
        /// What it is.
        found: &'static str,
        /// What it should be.
        want: &'static str,
    },
    /// The URL cannot be read.
    Url {
        /// The URL.
        url: String,
        /// Why.
        error: UrlError,
    },
}

/// Why a row cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// Which column.
    pub column: Column,
    /// What is wrong with it.
    pub problem: Problem,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = self.column;
        match &self.problem {
            Problem::Null => write!(f, "column {column} is NULL"),
            Problem::OutOfRange { value, want } => {
                write!(f, "column {column} is {value}, must be {want}")
            }
            Problem::Type { found, want } => {
                write!(f, "column {column} is {found}, must be {want}")
            }
            Problem::Url { url, error } => write!(f, "column {column}: {url:?}: {error}"),
        }
    }
}

impl core::error::Error for RowError {}

const ID_RANGE: &str = "a number from 1 to 2147483647";
const COUNT_RANGE: &str = "a number from 0 to 2147483647";
const SECONDS_A_DAY: i128 = 86_400;

impl Row {
    /// Reads a row. `now` judges `last_attempt` only.
    ///
    /// # Errors
    /// The first column that holds something it must not.
    pub fn parse(raw: &RawRow, now: UnixTime) -> Result<Parsed, RowError> {
        let id = int(Column::Id, &raw.id)?;
        let id = i64::try_from(id)
            .ok()
            .and_then(DbId::new)
            .ok_or_else(|| out_of_range(Column::Id, id, "a number from 0"))?;
        let cluster = int(Column::ClusterId, &raw.cluster_id)?;
        let machine = int(Column::MachineId, &raw.machine_id)?;
        let state = int(Column::State, &raw.state)?;
        let stored_last_attempt = int(Column::LastAttempt, &raw.last_attempt)?;
        let last_attempt = plausible_past(stored_last_attempt, now);
        let row = Self {
            id,
            cluster: cluster
                .try_into()
                .map_err(|_| out_of_range(Column::ClusterId, cluster, ID_RANGE))?,
            machine: machine
                .try_into()
                .map_err(|_| out_of_range(Column::MachineId, machine, ID_RANGE))?,
            url: url(&raw.url)?,
            state: state.try_into().map_err(|_| out_of_range(Column::State, state, "0, 1 or 2"))?,
            last_attempt: last_attempt.unwrap_or(UnixTime::ZERO),
            failed_attempts: count(Column::FailedAttempts, &raw.failed_attempts)?,
            no_tries: count(Column::NoTries, &raw.no_tries)?,
            duration: count(Column::Duration, &raw.duration)?,
            description: description(&raw.description)?,
        };
        let warning = match last_attempt {
            Some(_) => None,
            None => Some(RowWarning::LastAttempt(stored_last_attempt)),
        };
        Ok(Parsed { row, warning })
    }

    /// How many failures in a row disable the node: `failed_attempts`, at least 1.
    #[must_use]
    pub fn max_failures(&self) -> u32 {
        self.failed_attempts.max(1)
    }

    /// How long it stays disabled: `duration`.
    #[must_use]
    pub fn disabled_for(&self) -> Duration {
        Duration::from_secs(self.duration.into())
    }
}

fn out_of_range(column: Column, value: i128, want: &'static str) -> RowError {
    RowError { column, problem: Problem::OutOfRange { value, want } }
}

fn wrong_type(column: Column, cell: &Cell, want: &'static str) -> RowError {
    let problem = match cell {
        Cell::Null => Problem::Null,
        other => Problem::Type { found: other.kind(), want },
    };
    RowError { column, problem }
}

fn int(column: Column, cell: &Cell) -> Result<i128, RowError> {
    match cell {
        Cell::Int(value) => Ok(*value),
        other => Err(wrong_type(column, other, "a number")),
    }
}

fn count(column: Column, cell: &Cell) -> Result<u32, RowError> {
    let value = int(column, cell)?;
    i32::try_from(value)
        .ok()
        .and_then(|value| u32::try_from(value).ok())
        .ok_or_else(|| out_of_range(column, value, COUNT_RANGE))
}

fn url(cell: &Cell) -> Result<NodeUrl, RowError> {
    match cell {
        Cell::Text(text) => text.parse().map_err(|error| RowError {
            column: Column::Url,
            problem: Problem::Url { url: text.clone(), error },
        }),
        other => Err(wrong_type(Column::Url, other, "text")),
    }
}

fn description(cell: &Cell) -> Result<Box<str>, RowError> {
    match cell {
        Cell::Null => Ok("none".into()),
        Cell::Text(text) => Ok(text.as_str().into()),
        other => Err(wrong_type(Column::Description, other, "text")),
    }
}

/// The time, if it is one a failure can have had: not before 1970, at most a day ahead of `now`.
fn plausible_past(value: i128, now: UnixTime) -> Option<UnixTime> {
    if value > i128::from(now.as_secs()).saturating_add(SECONDS_A_DAY) {
        return None;
    }
    u64::try_from(value).ok().map(UnixTime::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    const NOW: UnixTime = UnixTime::from_secs(1_000_000);

    fn good() -> RawRow {
        RawRow {
            id: Cell::Int(2),
            cluster_id: Cell::Int(1),
            machine_id: Cell::Int(2),
            url: Cell::Text("bin:127.0.0.2:5566".into()),
            ..RawRow::default()
        }
    }

    fn error(change: impl FnOnce(&mut RawRow)) -> String {
        let mut raw = good();
        change(&mut raw);
        Row::parse(&raw, NOW).unwrap_err().to_string()
    }

    #[test]
    fn cells_stand_in_the_order_of_the_columns() {
        let named = Column::ALL.map(|column| Cell::Text(column.name().into()));
        let row = RawRow::from_cells(named.clone());
        assert_eq!(row.cells(), named.each_ref());
        assert_eq!(row.machine_id.to_string(), "machine_id");
        assert_eq!(row.no_tries.to_string(), "no_tries");
        assert_eq!(Cell::Null.to_string(), "NULL");
        assert_eq!(Cell::Other("a blob").to_string(), "(a blob)");
    }

    #[test]
    fn null_description_is_none() {
        assert_eq!(&*Row::parse(&good(), NOW).unwrap().row.description, "none");
    }

    #[test]
    fn each_wrong_value_names_its_column() {
        assert_eq!(error(|r| r.id = Cell::Null), "column id is NULL");
        assert_eq!(error(|r| r.id = Cell::Int(-1)), "column id is -1, must be a number from 0");
        assert_eq!(
            error(|r| r.machine_id = Cell::Int(-2)),
            "column machine_id is -2, must be a number from 1 to 2147483647"
        );
        assert_eq!(error(|r| r.state = Cell::Int(7)), "column state is 7, must be 0, 1 or 2");
        assert_eq!(
            error(|r| r.duration = Cell::Text("x".into())),
            "column duration is text, must be a number"
        );
        assert_eq!(
            error(|r| r.description = Cell::Other("a blob")),
            "column description is a blob, must be text"
        );
        assert_eq!(
            error(|r| r.url = Cell::Text("bin:a:0".into())),
            "column url: \"bin:a:0\": the port is not a number from 1 to 65535"
        );
        assert_eq!(
            error(|r| r.cluster_id = Cell::Int(4_294_967_297)),
            "column cluster_id is 4294967297, must be a number from 1 to 2147483647"
        );
    }

    #[test]
    fn junk_in_last_attempt_counts_as_0_from_a_day_ahead_on() {
        let parse = |value| {
            let raw = RawRow { last_attempt: Cell::Int(value), ..good() };
            let parsed = Row::parse(&raw, NOW).unwrap();
            (parsed.row.last_attempt.as_secs(), parsed.warning.is_some())
        };
        assert_eq!(parse(1_086_400), (1_086_400, false));
        assert_eq!(parse(1_086_401), (0, true));
        assert_eq!(parse(-1), (0, true));
        assert_eq!(parse(i128::from(u64::MAX)), (0, true));
    }

    #[test]
    fn no_failed_attempts_disables_at_the_first_failure() {
        let raw = RawRow { failed_attempts: Cell::Int(0), ..good() };
        assert_eq!(Row::parse(&raw, NOW).unwrap().row.max_failures(), 1);
    }

    fn any_cell() -> impl Strategy<Value = Cell> {
        prop_oneof![
            Just(Cell::Null),
            any::<i128>().prop_map(Cell::Int),
            (-3_i128..100).prop_map(Cell::Int),
            "\\PC{0,20}".prop_map(Cell::Text),
            Just(Cell::Other("a blob")),
        ]
    }

    proptest! {
        #[test]
        fn any_row_is_read_or_named(cells in prop::collection::vec(any_cell(), 10)) {
            let mut cells = cells.into_iter();
            let mut next = || cells.next().unwrap();
            let raw = RawRow {
                id: next(), cluster_id: next(), machine_id: next(), url: next(), state: next(),
                last_attempt: next(), failed_attempts: next(), no_tries: next(), duration: next(),
                description: next(),
            };
            let _ = Row::parse(&raw, NOW);
        }
    }
}
