//! What the database held when it was read last. Most of that is the table, which is in memory anyway.

use crate::imprint::{Difference, Imprint};
use clusterer_node::{DbId, State, Table};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was read, or written by an administrator's word here since.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    table: Arc<Table>,
    /// Of what is not in the table.
    beside: Imprint,
    /// The rows for which an administrator decided here: whether they are down.
    decided: BTreeMap<DbId, bool>,
}

impl Held {
    pub(crate) const fn new(table: Arc<Table>, beside: Imprint) -> Self {
        Self { table, beside, decided: BTreeMap::new() }
    }

    /// What somebody else has changed; `None` if nothing. Takes time, as reading the rows did.
    pub(crate) fn difference(&self, now: &Imprint) -> Option<Difference> {
        let decided = |id| self.decided.get(&DbId::new(id)?).copied();
        self.beside.with(&self.table, decided).difference(now)
    }

    /// An administrator's decision made here is in the database now.
    pub(crate) fn decided(&mut self, id: DbId, state: State) {
        self.decided.insert(id, state == State::Down);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::{Loaded, Readable};
    use clusterer_node::{Cell, MachineId, RawRow, UnixTime};

    fn row(id: i128, url: &str) -> RawRow {
        RawRow {
            id: Cell::Int(id),
            cluster_id: Cell::Int(1),
            machine_id: Cell::Int(id),
            url: Cell::Text(url.into()),
            ..RawRow::default()
        }
    }

    /// Of all kinds: two in the table, and some that are left out.
    fn rows() -> Vec<RawRow> {
        let mut rows =
            vec![row(1, "bin:127.0.0.1"), row(2, "bin:127.0.0.2"), row(3, "bin:no:port")];
        rows.push(row(2, "bin:127.0.0.9"));
        rows.push(RawRow { id: Cell::Int(5), ..row(2, "bin:127.0.0.2") });
        rows.push(RawRow { id: Cell::Null, ..row(6, "bin:127.0.0.6") });
        rows.push(RawRow { cluster_id: Cell::Int(2), ..row(7, "bin:127.0.0.7") });
        rows
    }

    fn read(rows: &[RawRow]) -> Readable {
        Readable::new(MachineId::new(1).unwrap(), rows, UnixTime::from_secs(1000))
    }

    async fn held(rows: &[RawRow]) -> Held {
        let Loaded { table, beside, .. } = read(rows).resolve().await;
        Held::new(Arc::new(table), beside)
    }

    #[tokio::test]
    async fn what_was_read_is_held_and_each_change_of_it_is_found() {
        let held = held(&rows()).await;
        assert_eq!(held.difference(&read(&rows()).imprint), None);
        for at in 0..5 {
            let mut changed = rows();
            changed[at].description = Cell::Text("another".into());
            changed[at].url = Cell::Text("bin:other:port".into());
            assert!(held.difference(&read(&changed).imprint).is_some(), "row {at}");
            let mut fewer = rows();
            fewer.remove(at);
            assert!(held.difference(&read(&fewer).imprint).is_some(), "row {at}");
        }
    }

    #[tokio::test]
    async fn of_rows_in_the_table_nothing_else_is_kept() {
        let Loaded { beside, .. } = read(&rows()[..2]).resolve().await;
        assert_eq!(beside, Imprint::default());
    }

    #[tokio::test]
    async fn one_decided_here_is_what_the_table_says() {
        let mut rows = rows();
        let mut held = held(&rows).await;
        for at in [1, 4] {
            let Cell::Int(id) = rows[at].id else { unreachable!() };
            let id = DbId::new(id.try_into().unwrap()).unwrap();
            rows[at].state = Cell::Int(0);
            held.decided(id, State::Down);
            // Two rows have the one id.
            if at == 1 {
                rows[3].state = Cell::Int(0);
            }
            assert_eq!(held.difference(&read(&rows).imprint), None);
            rows[at].state = Cell::Int(2);
            assert!(held.difference(&read(&rows).imprint).is_some());
            held.decided(id, State::Probing);
            if at == 1 {
                rows[3].state = Cell::Int(1);
            }
            assert_eq!(held.difference(&read(&rows).imprint), None);
        }
        held.decided(DbId::new(77).unwrap(), State::Down);
        assert_eq!(held.difference(&read(&rows).imprint), None);
    }
}
