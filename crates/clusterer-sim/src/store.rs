//! A node's way to its database: rows in memory that may be slow, fail, be changed by somebody else, or be
//! shared with the other nodes.

use clusterer_node::{
    Cell, Change, DbId, Flushed, Host, MachineId, NodeKey, RawRow, ResolvedRow, Row, State,
    StoredStatus, Table, UnixTime,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A database, of one node or of all.
pub(crate) type Database = Arc<Mutex<Rows>>;

#[derive(Debug)]
pub(crate) struct Rows {
    rows: Vec<StoredRow>,
    /// What was deleted, to be put back some time.
    deleted: Vec<StoredRow>,
}

/// A row as the table holds it.
#[derive(Debug)]
struct StoredRow {
    raw: RawRow,
    /// How often its status was written.
    version: u64,
}

#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
    /// Faults that make every call fail.
    pub(crate) failing: u32,
    /// How long a call takes, milliseconds.
    pub(crate) latency: u64,
    /// When it was last made slow or fast.
    pub(crate) disturbed_at: u64,
    /// The versions of the rows that this node last read or wrote, by the rows' ids.
    seen: BTreeMap<i128, u64>,
}

/// What became of a flush, beside what the node is told.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) flushed: Flushed,
    /// Rows among them that somebody else had written meanwhile.
    pub(crate) over: usize,
}

/// The store does not answer.
#[derive(Debug)]
pub(crate) struct Away;

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, failing: 0, latency: 2, disturbed_at: 0, seen: BTreeMap::new() }
    }

    /// As the databases do it: state 0 is neither written nor replaced but by an administrator.
    pub(crate) fn flush(&mut self, changes: &[Change]) -> Result<Written, Away> {
        if self.failing > 0 {
            return Err(Away);
        }
        let mut written = Written::default();
        let mut database = lock(&self.database);
        for change in changes {
            let row = database.rows.iter_mut().find(|row| row.is(change.id));
            match row.filter(|row| change.by_administrator || !row.is_kept_from(change)) {
                Some(row) => {
                    row.write(change.status);
                    let id = change.id.get().into();
                    let seen = self.seen.insert(id, row.version);
                    written.over += usize::from(seen != Some(row.version - 1));
                    written.flushed.written += 1;
                }
                None => written.flushed.conflicts.push(change.id),
            }
        }
        Ok(written)
    }

    /// Reads the table, the way the engine does it.
    pub(crate) fn load(&mut self, own: MachineId, now: UnixTime) -> Result<Table, Away> {
        let rows = self.rows()?;
        let rows = rows.iter().filter_map(|raw| {
            let row = Row::parse(raw, now).ok()?.row;
            let Host::Address(ip) = row.url.host() else { return None };
            Some(ResolvedRow { row, ip })
        });
        Ok(Table::build(own, rows.collect()).0)
    }

    /// Every row as it stands there.
    fn rows(&mut self) -> Result<Vec<RawRow>, Away> {
        if self.failing > 0 {
            return Err(Away);
        }
        let database = lock(&self.database);
        let version = |row: &StoredRow| Some((number(&row.raw.id)?, row.version));
        self.seen = database.rows.iter().filter_map(version).collect();
        Ok(database.rows.iter().map(|row| row.raw.clone()).collect())
    }

    /// The status in a row, unless somebody else has written it since this node last read or wrote it.
    pub(crate) fn own_status(&self, id: DbId) -> Option<[Cell; 3]> {
        let database = lock(&self.database);
        let row = database.rows.iter().find(|row| row.is(id))?;
        let is_own = self.seen.get(&id.get().into()) == Some(&row.version);
        let RawRow { state, no_tries, last_attempt, .. } = &row.raw;
        is_own.then(|| [state, no_tries, last_attempt].map(Cell::clone))
    }

    /// Somebody else does something with the table.
    pub(crate) fn interfere<T>(&self, act: impl FnOnce(&mut Rows) -> T) -> T {
        act(&mut lock(&self.database))
    }
}

impl Rows {
    pub(crate) fn database(rows: Vec<RawRow>) -> Database {
        let rows = rows.into_iter().map(|raw| StoredRow { raw, version: 0 }).collect();
        Arc::new(Mutex::new(Self { rows, deleted: Vec::new() }))
    }

    pub(crate) fn write(&mut self, node: NodeKey, status: StoredStatus) {
        let cluster = Cell::Int(node.cluster.get().into());
        let mut rows = self.rows.iter_mut();
        if let Some(row) = rows.find(|row| row.raw.cluster_id == cluster && row.names(node.machine))
        {
            row.write(status);
        }
    }

    /// A machine is found at another URL from now on.
    pub(crate) fn relocate(&mut self, machine: MachineId, url: &str) {
        for row in self.rows.iter_mut().chain(&mut self.deleted) {
            if row.names(machine) {
                row.raw.url = Cell::Text(url.to_owned());
            }
        }
    }

    pub(crate) fn delete(&mut self, machine: MachineId) {
        let rows = std::mem::take(&mut self.rows);
        let (gone, kept): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.names(machine));
        self.rows = kept;
        self.deleted.extend(gone);
    }

    pub(crate) fn put_back(&mut self) {
        for mut row in std::mem::take(&mut self.deleted) {
            // What was written meanwhile found no row.
            row.version += 1;
            self.rows.push(row);
        }
    }
}

impl StoredRow {
    fn is(&self, id: DbId) -> bool {
        self.raw.id == Cell::Int(id.get().into())
    }

    fn names(&self, machine: MachineId) -> bool {
        self.raw.machine_id == Cell::Int(machine.get().into())
    }

    /// State 0 is an administrator's, here and in the table.
    fn is_kept_from(&self, change: &Change) -> bool {
        let [down, ..] = status_cells(StoredStatus { state: State::Down, ..change.status });
        self.raw.state == down || change.status.state == State::Down
    }

    fn write(&mut self, status: StoredStatus) {
        [self.raw.state, self.raw.no_tries, self.raw.last_attempt] = status_cells(status);
        self.version += 1;
    }
}

/// State, `no_tries`, `last_attempt` as the table holds them.
pub(crate) fn status_cells(status: StoredStatus) -> [Cell; 3] {
    let StoredStatus { state, no_tries, last_attempt } = status;
    [state.number().into(), no_tries.into(), last_attempt.as_secs().into()].map(Cell::Int)
}

fn number(cell: &Cell) -> Option<i128> {
    match cell {
        Cell::Int(number) => Some(*number),
        _ => None,
    }
}

/// A run that has panicked leaves rows behind that nobody looks at.
fn lock(database: &Database) -> MutexGuard<'_, Rows> {
    database.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterer_node::{BoxFuture, NodeStore, StoreError};
    use clusterer_tests::conformance::Provisioned;

    /// The store of a node that waits for it, which a simulated one never does.
    struct Waited(Mutex<Store>);

    impl NodeStore for Waited {
        fn load(&self) -> BoxFuture<'_, Result<Vec<RawRow>, StoreError>> {
            Box::pin(async { self.0.lock().unwrap().rows().map_err(StoreError::from) })
        }

        fn flush<'a>(
            &'a self,
            changes: &'a [Change],
        ) -> BoxFuture<'a, Result<Flushed, StoreError>> {
            Box::pin(async {
                let written = self.0.lock().unwrap().flush(changes);
                written.map(|written| written.flushed).map_err(StoreError::from)
            })
        }
    }

    impl From<Away> for StoreError {
        fn from(_: Away) -> Self {
            Self::Unavailable("away".to_owned())
        }
    }

    /// The table of several nodes.
    struct Shared(Database);

    impl Provisioned for Shared {
        fn store(&self) -> Arc<dyn NodeStore> {
            Arc::new(Waited(Mutex::new(Store::new(self.0.clone()))))
        }

        fn set_state(&self, id: i64, state: i64) {
            let mut database = lock(&self.0);
            let mut rows = database.rows.iter_mut();
            let row = rows.find(|row| row.raw.id == Cell::Int(id.into())).unwrap();
            row.raw.state = Cell::Int(state.into());
        }

        fn delete(&self, id: i64) {
            lock(&self.0).rows.retain(|row| row.raw.id != Cell::Int(id.into()));
        }

        fn row(&self, id: i64) -> Option<RawRow> {
            let rows = Store::new(self.0.clone()).rows().unwrap();
            rows.into_iter().find(|row| row.id == Cell::Int(id.into()))
        }
    }

    clusterer_tests::conformance!(|rows: &[RawRow]| Shared(Rows::database(rows.to_vec())));

    #[test]
    fn a_row_is_a_nodes_own_until_somebody_else_writes_it() {
        use clusterer_tests::conformance::{change, node};

        let database = Rows::database(vec![node(1)]);
        let [mut here, mut there] = [(); 2].map(|()| Store::new(database.clone()));
        here.rows().unwrap();
        there.rows().unwrap();
        let [first, second] = [1, 2].map(|tries| change(1, State::Probing, tries, 9));
        assert_eq!(here.flush(&[first]).unwrap().over, 0);
        assert_eq!(here.own_status(first.id), Some(status_cells(first.status)));
        assert_eq!(there.own_status(first.id), None);
        assert_eq!(there.flush(&[second]).unwrap().over, 1);
        assert_eq!(here.own_status(first.id), None);
        assert_eq!(there.own_status(first.id), Some(status_cells(second.status)));
    }
}
