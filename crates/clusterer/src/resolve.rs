//! From what the database holds to a table: rows are read, names resolved, off the data plane.

use clusterer_node::{
    Host, MachineId, RawRow, ResolvedRow, Row, RowWarning, Skip, SkippedRow, Table, UnixTime,
};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

/// How long the resolver may take for one name.
const PATIENCE: Duration = Duration::from_secs(5);

/// A loaded table, and what was wrong with the rows.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) table: Table,
    pub(crate) skipped: Vec<SkippedRow>,
    pub(crate) warnings: Vec<(i64, RowWarning)>,
}

/// Reads the rows, resolves the names of the clusters that `own` belongs to, builds the table.
pub(crate) async fn build(own: MachineId, raw: &[RawRow], now: UnixTime) -> Loaded {
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
    let mut names = Names::default();
    let mut resolved = Vec::with_capacity(rows.len());
    for row in rows {
        match names.address(row.url.host()).await {
            Ok(ip) => {
                let address = (ip, row.url.port()).into();
                resolved.push(ResolvedRow { row, address });
            }
            Err(why) => {
                let id = Some(row.id.get().into());
                skipped.push(SkippedRow { id, why: Skip::Unresolvable(why) });
            }
        }
    }
    let (table, duplicates) = Table::build(own, resolved);
    skipped.extend(duplicates);
    Loaded { table, skipped, warnings }
}

/// Names already asked for: each is looked up once a load.
#[derive(Default)]
struct Names {
    known: HashMap<String, Result<IpAddr, String>>,
}

impl Names {
    async fn address(&mut self, host: &Host) -> Result<IpAddr, String> {
        let name = match host {
            Host::Address(address) => return Ok(*address),
            Host::Name(name) => name,
            other => return Err(format!("host {other} is of a kind not known here")),
        };
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        let outcome = look_up(name).await;
        self.known.insert(name.clone(), outcome.clone());
        outcome
    }
}

async fn look_up(name: &str) -> Result<IpAddr, String> {
    match tokio::time::timeout(PATIENCE, tokio::net::lookup_host((name, 0))).await {
        Ok(Ok(mut addresses)) => addresses
            .next()
            .map(|address| address.ip())
            .ok_or_else(|| format!("host name {name:?} has no address")),
        Ok(Err(error)) => Err(format!("host name {name:?} cannot be resolved: {error}")),
        Err(_) => Err(format!("host name {name:?} was not resolved within {PATIENCE:?}")),
    }
}
