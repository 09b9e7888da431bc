//! From what the database holds to a table: rows are read, names resolved, off the data plane.

use crate::ReloadReport;
use crate::imprint::{Difference, Imprint};
use clusterer_node::{
    Host, MachineId, Node, RawRow, ResolvedRow, Row, RowWarning, Skip, SkippedRow, Table, UnixTime,
};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long the resolver may take for one name.
const PATIENCE: Duration = Duration::from_secs(5);

/// A loaded table, and what was wrong with the rows.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) table: Table,
    pub(crate) skipped: Vec<SkippedRow>,
    pub(crate) warnings: Vec<(i64, RowWarning)>,
    /// Of what was read and is not in the table, to compare with what is read later.
    pub(crate) beside: Imprint,
    /// What somebody else has changed, if it was loaded for that.
    pub(crate) difference: Option<Difference>,
}

/// What there is to say about a table, beside the table itself.
#[derive(Clone, Debug)]
pub(crate) struct Digest {
    /// This machine's own rows, one a cluster.
    pub(crate) own_rows: Vec<Node>,
    pub(crate) report: ReloadReport,
    pub(crate) warnings: Vec<(i64, RowWarning)>,
    pub(crate) beside: Imprint,
    pub(crate) difference: Option<Difference>,
}

impl Loaded {
    pub(crate) fn split(self) -> (Table, Digest) {
        let Self { table, skipped, warnings, beside, difference } = self;
        let own_rows: Vec<Node> =
            table.clusters().iter().map(|cluster| cluster.own().clone()).collect();
        let (clusters, nodes) = (own_rows.len(), table.peers().count());
        let report = ReloadReport { clusters, nodes, skipped };
        (table, Digest { own_rows, report, warnings, beside, difference })
    }
}

/// The rows of the clusters that a machine belongs to, before anybody has looked up names.
#[derive(Debug)]
pub(crate) struct Readable {
    own: MachineId,
    rows: Vec<Row>,
    skipped: Vec<SkippedRow>,
    warnings: Vec<(i64, RowWarning)>,
    pub(crate) imprint: Imprint,
}

impl Readable {
    /// Reads the rows.
    pub(crate) fn new(own: MachineId, raw: &[RawRow], now: UnixTime) -> Self {
        let mut skipped = Vec::new();
        let mut warnings = Vec::new();
        let mut rows: Vec<Row> = Vec::with_capacity(raw.len());
        for raw in raw {
            match Row::parse(raw, now) {
                Ok(parsed) => {
                    warnings.extend(parsed.warning.map(|warning| (parsed.row.id.get(), warning)));
                    rows.push(parsed.row);
                }
                Err(error) => {
                    let id = match raw.id {
                        clusterer_node::Cell::Int(id) => Some(id),
                        _ => None,
                    };
                    skipped.push(SkippedRow { id, why: Skip::Row(error) });
                }
            }
        }
        let mine: BTreeSet<_> =
            rows.iter().filter(|row| row.machine == own).map(|row| row.cluster).collect();
        rows.retain(|row| mine.contains(&row.cluster));
        let imprint = Imprint::new(&rows, &skipped);
        Self { own, rows, skipped, warnings, imprint }
    }

    /// Resolves the names, and builds the table.
    pub(crate) async fn resolve(self) -> Loaded {
        let Self { own, rows, mut skipped, warnings, imprint } = self;
        let names = look_up_all(&rows, look_up).await;
        let mut resolved = Vec::with_capacity(rows.len());
        for row in rows {
            match address(row.url.host(), &names) {
                Ok(ip) => resolved.push(ResolvedRow { row, ip }),
                Err(why) => {
                    let id = Some(row.id.get().into());
                    skipped.push(SkippedRow { id, why: Skip::Unresolvable(why) });
                }
            }
        }
        let (table, duplicates) = Table::build(own, resolved);
        skipped.extend(duplicates);
        Loaded { beside: imprint.beside(&table), table, skipped, warnings, difference: None }
    }
}

type Names = HashMap<String, Result<IpAddr, String>>;

/// Asks for each name once, for all at the same time: many dead names take no longer than one.
async fn look_up_all<F>(rows: &[Row], look_up: impl Fn(String) -> F) -> Names
where
    F: Future<Output = Result<IpAddr, String>> + Send + 'static,
{
    let wanted: BTreeSet<&str> = rows.iter().filter_map(|row| name(row.url.host())).collect();
    let mut asked = JoinSet::new();
    for name in wanted {
        let (name, answer) = (name.to_owned(), timeout(PATIENCE, look_up(name.to_owned())));
        asked.spawn(async move {
            let late = || Err(format!("host name {name:?} was not resolved within {PATIENCE:?}"));
            let answer = answer.await.unwrap_or_else(|_| late());
            (name, answer)
        });
    }
    asked.join_all().await.into_iter().collect()
}

fn name(host: Host<'_>) -> Option<&str> {
    match host {
        Host::Name(name) => Some(name),
        _ => None,
    }
}

fn address(host: Host<'_>, names: &Names) -> Result<IpAddr, String> {
    match host {
        Host::Address(address) => Ok(address),
        Host::Name(name) => {
            names.get(name).cloned().unwrap_or_else(|| Err(format!("{name:?} was not asked for")))
        }
        other => Err(format!("host {other} is of a kind not known here")),
    }
}

async fn look_up(name: String) -> Result<IpAddr, String> {
    match tokio::net::lookup_host((name.as_str(), 0)).await {
        Ok(mut addresses) => addresses
            .next()
            .map(|address| address.ip())
            .ok_or_else(|| format!("host name {name:?} has no address")),
        Err(error) => Err(format!("host name {name:?} cannot be resolved: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterer_node::Cell;

    fn row(machine: i128, host: &str) -> Row {
        let raw = RawRow {
            id: Cell::Int(machine),
            cluster_id: Cell::Int(1),
            machine_id: Cell::Int(machine),
            url: Cell::Text(format!("bin:{host}:5566")),
            ..RawRow::default()
        };
        Row::parse(&raw, UnixTime::ZERO).unwrap().row
    }

    #[tokio::test(start_paused = true)]
    async fn many_dead_names_take_no_longer_than_one() {
        let rows: Vec<Row> = (1..50).map(|n| row(n, &format!("dead{n}.example"))).collect();
        let begin = tokio::time::Instant::now();
        let names = look_up_all(&rows, |_| std::future::pending()).await;
        assert_eq!(begin.elapsed().as_secs(), PATIENCE.as_secs());
        assert_eq!(names.len(), rows.len());
        let error = address(rows[0].url.host(), &names).unwrap_err();
        assert_eq!(error, "host name \"dead1.example\" was not resolved within 5s");
    }
}
