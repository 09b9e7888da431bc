//! A node's way to its database: rows in memory that may be slow, fail, be changed by somebody else, or be
//! shared with the other nodes.

use clusterer_node::{
    Cell, Change, DbId, Flushed, Host, MachineId, NodeKey, RawRow, ResolvedRow, Row, State,
    StoredStatus, Table, UnixTime,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

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
    /// How often its status was written.
    pub(crate) version: u64,
}

/// A database, of one node or of all.
pub(crate) type Database = Rc<RefCell<Rows>>;

#[derive(Debug)]
pub(crate) struct Rows {
    rows: Vec<StoredRow>,
    /// What was deleted, to be put back some time.
    deleted: Vec<StoredRow>,
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
    /// The versions of the rows that this node last read or wrote.
    seen: BTreeMap<i64, u64>,
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
        for change in changes {
            let rows = &mut self.database.borrow_mut().rows;
            let row = rows.iter_mut().find(|row| DbId::new(row.id) == Some(change.id));
            let down =
                |row: &StoredRow| [row.status.state, change.status.state].contains(&State::Down);
            match row.filter(|row| change.by_administrator || !down(row)) {
                Some(row) => {
                    row.status = change.status;
                    written.over += usize::from(self.seen.get(&row.id) != Some(&row.version));
                    row.version += 1;
                    self.seen.insert(row.id, row.version);
                    written.flushed.written += 1;
                }
                None => written.flushed.conflicts.push(change.id),
            }
        }
        Ok(written)
    }

    /// Reads the table, the way the engine does it.
    pub(crate) fn load(&mut self, own: MachineId, now: UnixTime) -> Result<Table, Away> {
        if self.failing > 0 {
            return Err(Away);
        }
        let database = self.database.borrow();
        self.seen = database.rows.iter().map(|row| (row.id, row.version)).collect();
        let rows = database.rows.iter().filter_map(|row| {
            let row = Row::parse(&row.raw(), now).ok()?.row;
            let Host::Address(ip) = *row.url.host() else { return None };
            let address = (ip, row.url.port()).into();
            Some(ResolvedRow { row, address })
        });
        Ok(Table::build(own, rows.collect()).0)
    }

    /// What a row says, unless somebody else has written it since this node last read or wrote it.
    pub(crate) fn own_status(&self, id: DbId) -> Option<StoredStatus> {
        let database = self.database.borrow();
        let row = database.rows.iter().find(|row| row.id == id.get())?;
        (self.seen.get(&row.id) == Some(&row.version)).then_some(row.status)
    }

    /// Somebody else does something with the table.
    pub(crate) fn interfere<T>(&self, act: impl FnOnce(&mut Rows) -> T) -> T {
        act(&mut self.database.borrow_mut())
    }
}

impl Rows {
    pub(crate) fn database(rows: Vec<StoredRow>) -> Database {
        Rc::new(RefCell::new(Self { rows, deleted: Vec::new() }))
    }

    pub(crate) fn write(&mut self, node: NodeKey, status: StoredStatus) {
        let (cluster, machine) = (node.cluster.get(), node.machine.get());
        let mut rows = self.rows.iter_mut();
        if let Some(row) = rows.find(|row| (row.cluster, row.machine) == (cluster, machine)) {
            row.status = status;
            row.version += 1;
        }
    }

    /// A machine is found at another URL from now on.
    pub(crate) fn relocate(&mut self, machine: MachineId, url: &str) {
        for row in self.rows.iter_mut().chain(&mut self.deleted) {
            if row.machine == machine.get() {
                row.url = url.to_owned();
            }
        }
    }

    pub(crate) fn delete(&mut self, machine: MachineId) {
        let rows = std::mem::take(&mut self.rows);
        let (gone, kept): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.machine == machine.get());
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
