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
    use clusterer_tests::conformance::Provisioned;
    use std::sync::Arc;

    /// As a program holds it that edits the table.
    struct Edited(Arc<MemoryStore>);

    fn has_id(row: &RawRow, id: i64) -> bool {
        row.id == Cell::Int(id.into())
    }

    impl Provisioned for Edited {
        fn store(&self) -> Arc<dyn NodeStore> {
            self.0.clone()
        }

        fn set_state(&self, id: i64, state: i64) {
            self.0.edit(|rows| {
                let row = rows.iter_mut().find(|row| has_id(row, id)).unwrap();
                row.state = Cell::Int(state.into());
            });
        }

        fn delete(&self, id: i64) {
            self.0.edit(|rows| rows.retain(|row| !has_id(row, id)));
        }

        fn row(&self, id: i64) -> Option<RawRow> {
            self.0.rows().into_iter().find(|row| has_id(row, id))
        }
    }

    clusterer_tests::conformance!(|rows: &[RawRow]| Edited(Arc::new(MemoryStore::new(
        rows.to_vec()
    ))));

    #[test]
    fn machines_are_numbered_from_1_in_their_order() {
        let machines = [7, 3].map(|id| MachineId::new(id).unwrap());
        let urls = machines.map(|machine| (machine, format!("bin:127.0.0.{}", machine.get())));
        let row = |id: i128, machine: i128| RawRow {
            id: Cell::Int(id),
            cluster_id: Cell::Int(5),
            machine_id: Cell::Int(machine),
            url: Cell::Text(format!("bin:127.0.0.{machine}")),
            ..RawRow::default()
        };
        let store = MemoryStore::of(ClusterId::new(5).unwrap(), urls);
        assert_eq!(store.rows(), [row(1, 7), row(2, 3)]);
    }
}
