//! A node table in memory.

use clusterer_node::{
    BoxFuture, Cell, Change, ClusterId, Flushed, MachineId, NodeStore, RawRow, State, StoreError,
};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A table that is a list in memory, for programs that know their nodes from elsewhere, for examples and
/// tests. Never fails, and treats changes as a database does: see [`NodeStore::flush`].
///
/// ```
/// use clusterer::{Cluster, ClusterId, MachineId, MemoryStore, Protocol};
/// use std::sync::Arc;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (cluster, own, peer) =
///     (ClusterId::new(1).unwrap(), MachineId::new(1).unwrap(), MachineId::new(2).unwrap());
/// let urls = [(own, "bin:127.0.0.1:5566"), (peer, "bin:127.0.0.2:5566")];
/// let store = Arc::new(MemoryStore::of(cluster, urls));
/// let node = Cluster::builder(own, store.clone()).start().await?;
///
/// // Others come and go, as in a database: seen at the next reload.
/// store.edit(|rows| rows.truncate(1));
/// assert_eq!(node.reload().await?.nodes, 0);
/// # node.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore {
    rows: Mutex<Vec<RawRow>>,
}

impl MemoryStore {
    /// A table of these rows.
    #[must_use]
    pub const fn new(rows: Vec<RawRow>) -> Self {
        Self { rows: Mutex::new(rows) }
    }

    /// A table of one cluster: its machines, this one among them, each with its URL, such as
    /// `bin:192.168.0.5:5566`. Rows are numbered from 1; all other columns have their defaults. A URL that is
    /// none is a row left out, as in a database.
    #[must_use]
    pub fn of<U: Into<String>>(
        cluster: ClusterId,
        machines: impl IntoIterator<Item = (MachineId, U)>,
    ) -> Self {
        let row = |(id, (machine, url)): (i128, (MachineId, U))| RawRow {
            id: Cell::Int(id),
            cluster_id: Cell::Int(cluster.get().into()),
            machine_id: Cell::Int(machine.get().into()),
            url: Cell::Text(url.into()),
            ..RawRow::default()
        };
        Self::new((1..).zip(machines).map(row).collect())
    }

    /// The rows as they stand.
    #[must_use]
    pub fn rows(&self) -> Vec<RawRow> {
        self.lock().clone()
    }

    /// Changes the rows. A node sees it when it reloads; call no method of this store meanwhile.
    pub fn edit<T>(&self, change: impl FnOnce(&mut Vec<RawRow>) -> T) -> T {
        change(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<RawRow>> {
        // An edit that panicked may have left any rows, and any rows can be loaded.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NodeStore for MemoryStore {
    fn load(&self) -> BoxFuture<'_, Result<Vec<RawRow>, StoreError>> {
        Box::pin(async { Ok(self.rows()) })
    }

    fn flush<'a>(&'a self, changes: &'a [Change]) -> BoxFuture<'a, Result<Flushed, StoreError>> {
        Box::pin(async move {
            let mut flushed = Flushed::default();
            let mut rows = self.lock();
            for change in changes {
                let id = Cell::Int(change.id.get().into());
                let row = rows.iter_mut().find(|row| row.id == id);
                match row.filter(|row| may_write(row, change)) {
                    Some(row) => {
                        write(row, change);
                        flushed.written += 1;
                    }
                    None => flushed.conflicts.push(change.id),
                }
            }
            Ok(flushed)
        })
    }
}

/// State 0 is an administrator's, here and in the table.
fn may_write(row: &RawRow, change: &Change) -> bool {
    let is_down = row.state == Cell::Int(State::Down.number().into());
    change.by_administrator || (!is_down && change.status.state != State::Down)
}

fn write(row: &mut RawRow, change: &Change) {
    row.state = Cell::Int(change.status.state.number().into());
    row.no_tries = Cell::Int(change.status.no_tries.into());
    row.last_attempt = Cell::Int(change.status.last_attempt.as_secs().into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterer_node::{DbId, StoredStatus, UnixTime};

    /// Flushes this change of row 1, whose state is `stored`; returns the state and the conflicts.
    async fn check(stored: u8, state: State, by_administrator: bool) -> (Cell, usize) {
        let machine = MachineId::new(2).unwrap();
        let store = MemoryStore::of(ClusterId::new(1).unwrap(), [(machine, "bin:127.0.0.1:5566")]);
        store.edit(|rows| rows[0].state = Cell::Int(stored.into()));
        let status = StoredStatus { state, no_tries: 7, last_attempt: UnixTime::from_secs(9) };
        let change = |id| Change { id: DbId::new(id).unwrap(), status, by_administrator };
        let flushed = store.flush(&[change(1), change(2)]).await.unwrap();
        assert_eq!(flushed.conflicts.last(), DbId::new(2).as_ref(), "there is no row 2");
        assert_eq!(flushed.written + flushed.conflicts.len(), 2);
        let row = store.load().await.unwrap().remove(0);
        let written = flushed.written == 1;
        let expected = if written { [7, 9] } else { [0, 0] };
        assert_eq!([row.no_tries, row.last_attempt], expected.map(Cell::Int));
        (row.state, flushed.conflicts.len())
    }

    #[tokio::test]
    async fn state_0_is_an_administrators() {
        let cell = |state: u8| Cell::Int(state.into());
        assert_eq!(check(1, State::Probing, false).await, (cell(2), 1));
        assert_eq!(check(0, State::Probing, false).await, (cell(0), 2));
        assert_eq!(check(1, State::Down, false).await, (cell(1), 2));
        assert_eq!(check(0, State::Up, true).await, (cell(1), 1));
        assert_eq!(check(1, State::Down, true).await, (cell(0), 1));
    }
}
