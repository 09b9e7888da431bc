//! The database of one node: rows in memory that may be slow, fail, or be changed by somebody else.

use clusterer_node::{
    Cell, Change, DbId, Flushed, Host, MachineId, NodeKey, RawRow, ResolvedRow, Row, State,
    StoredStatus, Table, UnixTime,
};
use std::collections::BTreeSet;

/// A row as the table holds it.
#[derive(Clone, Debug)]
pub(crate) struct StoredRow {
    pub(crate) id: i64,
    pub(crate) cluster: i32,
    pub(crate) machine: i32,
    pub(crate) url: String,
    pub(crate) status: StoredStatus,
    pub(crate) failed_attempts: u32,
    /// Seconds.
    pub(crate) duration: u64,
}

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) rows: Vec<StoredRow>,
    /// What was deleted, to be put back some time.
    pub(crate) deleted: Vec<StoredRow>,
    /// Faults that make every call fail.
    pub(crate) failing: u32,
    /// How long a call takes, milliseconds.
    pub(crate) latency: u64,
    /// When it was last made slow or fast.
    pub(crate) disturbed_at: u64,
    /// Rows that somebody else has written since this node last read or wrote them.
    pub(crate) foreign: BTreeSet<i64>,
}

/// The store does not answer.
#[derive(Debug)]
pub(crate) struct Away;

impl Store {
    pub(crate) fn new(rows: Vec<StoredRow>) -> Self {
        let (deleted, foreign) = (Vec::new(), BTreeSet::new());
        Self { rows, deleted, failing: 0, latency: 2, disturbed_at: 0, foreign }
    }

    /// As the databases do it: state 0 is neither written nor replaced but by an administrator.
    pub(crate) fn flush(&mut self, changes: &[Change]) -> Result<Flushed, Away> {
        if self.failing > 0 {
            return Err(Away);
        }
        let mut flushed = Flushed::default();
        for change in changes {
            let row = self.rows.iter_mut().find(|row| DbId::new(row.id) == Some(change.id));
            let down =
                |row: &StoredRow| [row.status.state, change.status.state].contains(&State::Down);
            match row.filter(|row| change.by_administrator || !down(row)) {
                Some(row) => {
                    row.status = change.status;
                    self.foreign.remove(&row.id);
                    flushed.written += 1;
                }
                None => flushed.conflicts.push(change.id),
            }
        }
        Ok(flushed)
    }

    /// Reads the table, the way the engine does it.
    pub(crate) fn load(&mut self, own: MachineId, now: UnixTime) -> Result<Table, Away> {
        if self.failing > 0 {
            return Err(Away);
        }
        self.foreign.clear();
        let rows = self.rows.iter().filter_map(|row| {
            let row = Row::parse(&row.raw(), now).ok()?.row;
            let Host::Address(ip) = *row.url.host() else { return None };
            let address = (ip, row.url.port()).into();
            Some(ResolvedRow { row, address })
        });
        Ok(Table::build(own, rows.collect()).0)
    }

    /// Somebody else writes a row.
    pub(crate) fn interfere(&mut self, node: NodeKey, status: StoredStatus) {
        let (cluster, machine) = (node.cluster.get(), node.machine.get());
        let mut rows = self.rows.iter_mut();
        if let Some(row) = rows.find(|row| (row.cluster, row.machine) == (cluster, machine)) {
            row.status = status;
            self.foreign.insert(row.id);
        }
    }

    pub(crate) fn status(&self, id: DbId) -> Option<StoredStatus> {
        self.rows.iter().find(|row| row.id == id.get()).map(|row| row.status)
    }
}

impl StoredRow {
    fn raw(&self) -> RawRow {
        let StoredStatus { state, no_tries, last_attempt } = self.status;
        RawRow {
            id: Cell::Int(self.id.into()),
            cluster_id: Cell::Int(self.cluster.into()),
            machine_id: Cell::Int(self.machine.into()),
            url: Cell::Text(self.url.clone()),
            state: Cell::Int(state.number().into()),
            last_attempt: Cell::Int(last_attempt.as_secs().into()),
            failed_attempts: Cell::Int(self.failed_attempts.into()),
            no_tries: Cell::Int(no_tries.into()),
            duration: Cell::Int(self.duration.into()),
            description: Cell::Null,
        }
    }
}
