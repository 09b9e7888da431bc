//! From a table of version 1 to one that the later generation, OpenSIPS 3.x and 4.x, reads: what becomes
//! of each row.

use crate::schema::{TEXT_WIDTH, VERSIONED_WIDTH};
use clusterer_node::{
    Cell, ClusterId, Column, NodeKey, Protocol, RawRow, Row, Skip, State, StoreError, UnixTime,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How many clusters, and nodes in each, a node of the later generation takes: observed on 4.0.
const MOST_CLUSTERS: usize = 64;
const MOST_NODES: usize = 128;

/// A table of version 4, written or to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upgrade {
    /// Its name.
    pub table: String,
    /// What becomes of each row of the old table, in its order.
    pub rows: Vec<UpgradedRow>,
    /// The statements that write it, as a script for the database's own client, with a comment for each row
    /// that is left out or changed. Nothing that stands in a row can end a comment or a literal.
    pub script: String,
}

/// A row of the old table, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpgradedRow {
    /// Its `id`, as it stands there.
    pub id: Cell,
    /// A row of the new table, or why there is none.
    pub becomes: Result<LaterNode, LeftOut>,
}

/// A node in the later generation's table. `id` is given anew, `priority` is 50, `sip_addr` and `flags` are
/// NULL. What 2.2 knows of a node's failures has no place there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaterNode {
    /// `cluster_id` and `node_id`, which was `machine_id`.
    pub key: NodeKey,
    /// As it was.
    pub url: String,
    /// False if an administrator had taken the node down (0), true for the states 1 and 2.
    pub enabled: bool,
    /// `failed_attempts` as it was: the number that each generation has for how soon a silent node is given
    /// up.
    pub no_ping_retries: u32,
    /// As it was, but for the changes.
    pub description: Option<String>,
    /// What is not as it was.
    pub changes: Vec<RowChange>,
}

/// What an upgrade changes in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowChange {
    /// Control characters in the description became blanks.
    ControlCharacters,
    /// The description had so many characters, and was cut to those that fit.
    Cut(usize),
    /// State 2 became 1: the table says who is wanted, not who can be reached.
    Probing,
}

/// Why a row is not taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeftOut {
    /// Its cluster has as many nodes as there may be.
    ClusterFull(ClusterId),
    /// There are as many clusters as there may be.
    ClustersFull,
    /// The later generation has BIN nodes only, and does not load a table with another in it.
    Protocol(Protocol),
    /// It is not used now either.
    Skipped(Skip),
    /// Its URL has so many characters, more than fit.
    UrlTooLong(usize),
}

/// Why a table was not upgraded. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// There is such a table, or a version of one. It is not touched.
    #[error(
        "table {table} is there already, or the version table has a row for it: nothing was written"
    )]
    Exists {
        /// The table to be written.
        table: String,
    },
    /// The new table's name is none that can be used.
    #[error(
        "{name:?} cannot be the table to write (want at most {VERSIONED_WIDTH} letters, digits and \
         underscores, no digit first, and another table than the one to read)"
    )]
    Name {
        /// What was asked for.
        name: String,
    },
    /// The database could not do it, or the old table is not right.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What becomes of these rows. A row is taken over if it is used now, and could be used there.
pub(crate) fn plan(rows: &[RawRow]) -> Vec<UpgradedRow> {
    let mut seen = Seen::default();
    let upgraded = |raw: &RawRow| UpgradedRow { id: raw.id.clone(), becomes: seen.upgrade(raw) };
    rows.iter().map(upgraded).collect()
}

/// What the rows before had.
#[derive(Default)]
struct Seen {
    ids: BTreeSet<i64>,
    keys: BTreeSet<NodeKey>,
    /// How many nodes each cluster has in the new table.
    clusters: BTreeMap<ClusterId, usize>,
}

impl Seen {
    fn upgrade(&mut self, raw: &RawRow) -> Result<LaterNode, LeftOut> {
        // When it failed last is not taken over: whether that is a time of the past does not matter.
        let parsed = Row::parse(raw, UnixTime::ZERO);
        let row = parsed.map_err(|error| LeftOut::Skipped(Skip::Row(error)))?.row;
        let key = NodeKey { cluster: row.cluster, machine: row.machine };
        if !self.ids.insert(row.id.get()) {
            return Err(LeftOut::Skipped(Skip::DuplicateId));
        }
        if !self.keys.insert(key) {
            return Err(LeftOut::Skipped(Skip::DuplicateNode(key)));
        }
        if row.url.protocol() != Protocol::Bin {
            return Err(LeftOut::Protocol(row.url.protocol()));
        }
        let length = row.url.as_str().chars().count();
        if length > TEXT_WIDTH {
            return Err(LeftOut::UrlTooLong(length));
        }
        if !self.clusters.contains_key(&key.cluster) && self.clusters.len() == MOST_CLUSTERS {
            return Err(LeftOut::ClustersFull);
        }
        let nodes = self.clusters.entry(key.cluster).or_default();
        if *nodes == MOST_NODES {
            return Err(LeftOut::ClusterFull(key.cluster));
        }
        *nodes += 1;

        let mut changes = Vec::new();
        if row.state == State::Probing {
            changes.push(RowChange::Probing);
        }
        let description = match &raw.description {
            Cell::Text(text) => Some(fitting(text, &mut changes)),
            _ => None,
        };
        Ok(LaterNode {
            key,
            url: row.url.to_string(),
            enabled: row.state != State::Down,
            no_ping_retries: row.failed_attempts,
            description,
            changes,
        })
    }
}

fn fitting(description: &str, changes: &mut Vec<RowChange>) -> String {
    if description.contains(char::is_control) {
        changes.push(RowChange::ControlCharacters);
    }
    let length = description.chars().count();
    if length > TEXT_WIDTH {
        changes.push(RowChange::Cut(length));
    }
    let blank = |c: char| if c.is_control() { ' ' } else { c };
    description.chars().take(TEXT_WIDTH).map(blank).collect()
}

impl Upgrade {
    /// How many rows are taken over.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.rows.iter().filter(|row| row.becomes.is_ok()).count()
    }
}

impl fmt::Display for UpgradedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}", self.id)?;
        match &self.becomes {
            Ok(node) => {
                write!(f, ": {}", node.key)?;
                node.changes.iter().try_for_each(|change| write!(f, ", {change}"))
            }
            Err(why) => write!(f, " is left out: {why}"),
        }
    }
}

impl fmt::Display for RowChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ControlCharacters => {
                f.write_str("control characters in the description become blanks")
            }
            Self::Cut(length) => {
                write!(f, "the description is cut from {length} to {TEXT_WIDTH} characters")
            }
            Self::Probing => f.write_str("state 2 becomes 1"),
        }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClusterFull(cluster) => {
                write!(f, "cluster {cluster} has {MOST_NODES} nodes, the most there may be")
            }
            Self::ClustersFull => {
                write!(f, "there are {MOST_CLUSTERS} clusters, the most there may be")
            }
            Self::Protocol(protocol) => {
                write!(f, "column url is of protocol {protocol}, there are only BIN nodes there")
            }
            Self::Skipped(why) => why.fmt(f),
            Self::UrlTooLong(length) => {
                let column = Column::Url;
                write!(f, "column {column} has {length} characters, at most {TEXT_WIDTH} fit")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i128, cluster: i128, machine: i128) -> RawRow {
        RawRow {
            id: Cell::Int(id),
            cluster_id: Cell::Int(cluster),
            machine_id: Cell::Int(machine),
            url: Cell::Text(format!("bin:192.168.0.{}:5566", machine % 256)),
            ..RawRow::default()
        }
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    fn told(rows: &[RawRow]) -> Vec<String> {
        plan(rows).iter().map(ToString::to_string).collect()
    }

    /// The row, what it becomes: state, `no_ping_retries`, description; and how that is told.
    #[test]
    fn each_column_becomes_what_stands_for_it() {
        let long = "\u{e4}".repeat(65);
        let cut = "\u{e4}".repeat(64);
        type Becomes<'a> = (bool, u32, Option<&'a str>);
        let cases: &[(RawRow, Becomes<'_>, &str)] = &[
            (row(7, 1, 2), (true, 3, None), "row 7: cluster 1 machine 2"),
            (
                RawRow { state: Cell::Int(0), ..row(7, 1, 2) },
                (false, 3, None),
                "row 7: cluster 1 machine 2",
            ),
            (
                RawRow { state: Cell::Int(2), no_tries: Cell::Int(9), ..row(7, 1, 2) },
                (true, 3, None),
                "row 7: cluster 1 machine 2, state 2 becomes 1",
            ),
            (
                RawRow { failed_attempts: Cell::Int(0), duration: Cell::Int(0), ..row(7, 1, 2) },
                (true, 0, None),
                "row 7: cluster 1 machine 2",
            ),
            (
                RawRow { failed_attempts: Cell::Int(i32::MAX.into()), ..row(7, 1, 2) },
                (true, 2_147_483_647, None),
                "row 7: cluster 1 machine 2",
            ),
            (
                RawRow { last_attempt: Cell::Int(-1), ..row(7, 1, 2) },
                (true, 3, None),
                "row 7: cluster 1 machine 2",
            ),
            (
                RawRow { description: text(""), ..row(7, 1, 2) },
                (true, 3, Some("")),
                "row 7: cluster 1 machine 2",
            ),
            (
                RawRow { description: text("Node 'B'\\"), ..row(7, 1, 2) },
                (true, 3, Some("Node 'B'\\")),
                "row 7: cluster 1 machine 2",
            ),
            (
                RawRow { description: text("a\n--\u{1b}b"), ..row(7, 1, 2) },
                (true, 3, Some("a -- b")),
                "row 7: cluster 1 machine 2, control characters in the description become blanks",
            ),
            (
                RawRow { description: text(&long), ..row(7, 1, 2) },
                (true, 3, Some(&cut)),
                "row 7: cluster 1 machine 2, the description is cut from 65 to 64 characters",
            ),
        ];
        for (raw, (enabled, no_ping_retries, description), expected) in cases {
            let plan = plan(std::slice::from_ref(raw));
            assert_eq!(plan[0].to_string(), *expected);
            let node = plan[0].becomes.as_ref().unwrap();
            assert_eq!(node.key.to_string(), "cluster 1 machine 2", "{raw:?}");
            assert_eq!(node.url, "bin:192.168.0.2:5566", "{raw:?}");
            assert_eq!(node.enabled, *enabled, "{raw:?}");
            assert_eq!(node.no_ping_retries, *no_ping_retries, "{raw:?}");
            assert_eq!(node.description.as_deref(), *description, "{raw:?}");
        }
    }

    #[test]
    fn what_cannot_be_taken_over_is_named() {
        let url = |url: &str| RawRow { url: text(url), ..row(7, 1, 2) };
        let fits = format!("bin:{}:5566", "h".repeat(55));
        let cases = [
            (
                url("udp:192.168.0.6:5060"),
                "is left out: column url is of protocol udp, there are only \
                                           BIN nodes there",
            ),
            // The later generation would take it for a BIN node, 2.2 does not.
            (
                url("192.168.0.6:5566"),
                "is left out: column url is of protocol udp, there are only BIN \
                                       nodes there",
            ),
            (url("bin:[2001:DB8::1]"), ": cluster 1 machine 2"),
            (url(&fits), ": cluster 1 machine 2"),
            (url(&format!("{fits}0")), "is left out: column url has 65 characters, at most 64 fit"),
            (
                RawRow { state: Cell::Int(7), ..row(7, 1, 2) },
                "is left out: column state is 7, must be 0, 1 or 2",
            ),
            (RawRow { url: Cell::Null, ..row(7, 1, 2) }, "is left out: column url is NULL"),
        ];
        for (raw, expected) in cases {
            let told = &told(std::slice::from_ref(&raw))[0];
            assert!(told.starts_with("row 7") && told.ends_with(expected), "{told}");
        }
    }

    #[test]
    fn a_machine_may_be_in_two_clusters_but_not_twice_in_one() {
        let rows = [row(1, 1, 2), row(2, 2, 2), row(3, 1, 2), row(2, 3, 3)];
        assert_eq!(
            told(&rows),
            [
                "row 1: cluster 1 machine 2",
                "row 2: cluster 2 machine 2",
                "row 3 is left out: another row has cluster 1 machine 2",
                "row 2 is left out: another row has this id",
            ]
        );
    }

    #[test]
    fn no_cluster_gets_more_nodes_than_there_may_be() {
        let mut rows: Vec<_> = (1..=128).map(|machine| row(machine, 1, machine)).collect();
        assert!(plan(&rows).iter().all(|row| row.becomes.is_ok()));
        rows.push(row(129, 1, 129));
        rows.push(row(130, 2, 129));
        let told = told(&rows);
        assert_eq!(
            told[128],
            "row 129 is left out: cluster 1 has 128 nodes, the most there may be"
        );
        assert_eq!(told[129], "row 130: cluster 2 machine 129");
    }

    #[test]
    fn there_are_no_more_clusters_than_there_may_be() {
        let mut rows: Vec<_> = (1..=64).map(|cluster| row(cluster, cluster, 1)).collect();
        assert!(plan(&rows).iter().all(|row| row.becomes.is_ok()));
        rows.push(row(65, 65, 1));
        rows.push(row(66, 64, 2));
        let told = told(&rows);
        assert_eq!(told[64], "row 65 is left out: there are 64 clusters, the most there may be");
        assert_eq!(told[65], "row 66: cluster 64 machine 2");
    }
}
