//! What the table said when it was read, kept small: enough to tell later what somebody else has changed.

use clusterer_node::{Row, SkippedRow, State, Table};
use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The mark that a table leaves: whatever only an administrator changes. What nodes write back (state 1
/// or 2, `no_tries`, `last_attempt`) leaves none, and neither does the order of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Imprint {
    /// Sorted.
    rows: Vec<Line>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    /// The row's key; [`UNUSABLE`] for a row that was left out and has none to go by.
    id: i64,
    /// Of the columns that nodes leave alone, or of the reason why the row was left out.
    hash: u64,
    /// State 0.
    down: bool,
}

/// No [`DbId`].
const UNUSABLE: i64 = -1;

/// How many rows two imprints differ in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) added: usize,
    pub(crate) removed: usize,
    pub(crate) changed: usize,
}

impl Imprint {
    pub(crate) fn new(rows: &[Row], skipped: &[SkippedRow]) -> Self {
        let mut rows: Vec<Line> =
            rows.iter().map(Line::of).chain(skipped.iter().map(Line::of_skipped)).collect();
        rows.sort_unstable();
        Self { rows }
    }

    /// What is in `now` and was not here, or was here otherwise; `None` if nothing.
    pub(crate) fn difference(&self, now: &Self) -> Option<Difference> {
        if self == now {
            return None;
        }
        let mut found = Difference::default();
        let (mut before, mut after) = (self.rows.as_slice(), now.rows.as_slice());
        while let (Some((was, rest_before)), Some((is, rest_after))) =
            (before.split_first(), after.split_first())
        {
            match was.id.cmp(&is.id) {
                Ordering::Less => {
                    found.removed += 1;
                    before = rest_before;
                }
                Ordering::Equal => {
                    found.changed += usize::from(was != is);
                    (before, after) = (rest_before, rest_after);
                }
                Ordering::Greater => {
                    found.added += 1;
                    after = rest_after;
                }
            }
        }
        found.removed += before.len();
        found.added += after.len();
        Some(found)
    }

    /// The lines that are not those of a table made of the same rows.
    pub(crate) fn beside(&self, table: &Table) -> Self {
        let of_table = Self::of(table);
        let mut known = of_table.rows.iter().peekable();
        let mut is_known = |line: &Line| {
            while known.next_if(|&known| known < line).is_some() {}
            known.next_if_eq(&line).is_some()
        };
        let rows = self.rows.iter().copied().filter(|line| !is_known(line)).collect();
        Self { rows }
    }

    /// All that was read: these lines, and those of the table, where an administrator has decided some since.
    pub(crate) fn with(&self, table: &Table, down: impl Fn(i64) -> Option<bool>) -> Self {
        let lines = Self::of(table).rows.into_iter().chain(self.rows.iter().copied());
        let decide = |line: Line| Line { down: down(line.id).unwrap_or(line.down), ..line };
        let mut rows: Vec<Line> = lines.map(decide).collect();
        rows.sort_unstable();
        Self { rows }
    }

    fn of(table: &Table) -> Self {
        let own = table.clusters().iter().map(|cluster| &cluster.own().row);
        let rows = own.chain(table.peers().map(|peer| &peer.row));
        let mut rows: Vec<Line> = rows.map(Line::of).collect();
        rows.sort_unstable();
        Self { rows }
    }
}

impl Line {
    fn of(row: &Row) -> Self {
        // Each column is named, so that a new one is not forgotten.
        let Row {
            id,
            cluster,
            machine,
            url,
            state,
            last_attempt: _,
            failed_attempts,
            no_tries: _,
            duration,
            description,
        } = row;
        let mut hasher = DefaultHasher::new();
        (cluster, machine, url, failed_attempts, duration, description).hash(&mut hasher);
        Self { id: id.get(), hash: hasher.finish(), down: *state == State::Down }
    }

    fn of_skipped(row: &SkippedRow) -> Self {
        let id = row.id.and_then(|id| i64::try_from(id).ok()).unwrap_or(UNUSABLE);
        let mut hasher = DefaultHasher::new();
        row.to_string().hash(&mut hasher);
        Self { id, hash: hasher.finish(), down: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::Readable;
    use clusterer_node::{Cell, MachineId, RawRow, UnixTime};
    use proptest::prelude::*;

    fn row(id: i128) -> RawRow {
        RawRow {
            id: Cell::Int(id),
            cluster_id: Cell::Int(1),
            machine_id: Cell::Int(id),
            url: Cell::Text(format!("bin:127.0.0.{id}:5566")),
            ..RawRow::default()
        }
    }

    fn imprint(rows: &[RawRow]) -> Imprint {
        Readable::new(MachineId::new(1).unwrap(), rows, UnixTime::from_secs(1000)).imprint
    }

    /// What a change of these rows looks like.
    fn check(change: impl FnOnce(&mut Vec<RawRow>)) -> Option<[usize; 3]> {
        let mut rows: Vec<RawRow> = (1..=4).map(row).collect();
        rows.push(RawRow { cluster_id: Cell::Int(2), ..row(9) });
        let before = imprint(&rows);
        change(&mut rows);
        let found = before.difference(&imprint(&rows))?;
        Some([found.added, found.removed, found.changed])
    }

    #[test]
    fn what_nodes_write_back_is_no_change() {
        assert_eq!(check(|rows| rows[1].state = Cell::Int(2)), None);
        assert_eq!(check(|rows| rows[1].no_tries = Cell::Int(7)), None);
        assert_eq!(check(|rows| rows[1].last_attempt = Cell::Int(77)), None);
        // Such as 2.2 writes it.
        assert_eq!(check(|rows| rows[1].last_attempt = Cell::Int(1 << 40)), None);
    }

    #[test]
    fn neither_is_another_order_nor_a_cluster_of_others() {
        assert_eq!(check(|rows| rows.reverse()), None);
        assert_eq!(check(|rows| rows[4].duration = Cell::Int(7)), None);
    }

    #[test]
    fn everything_else_is() {
        let one = Some([0, 0, 1]);
        assert_eq!(check(|rows| rows[1].state = Cell::Int(0)), one);
        assert_eq!(check(|rows| rows[1].machine_id = Cell::Int(7)), one);
        assert_eq!(check(|rows| rows[1].url = Cell::Text("bin:127.0.0.2:5567".into())), one);
        assert_eq!(check(|rows| rows[1].failed_attempts = Cell::Int(7)), one);
        assert_eq!(check(|rows| rows[1].duration = Cell::Int(7)), one);
        assert_eq!(check(|rows| rows[1].description = Cell::Text("x".into())), one);
        assert_eq!(check(|rows| rows[1].id = Cell::Int(7)), Some([1, 1, 0]));
        assert_eq!(check(|rows| rows[1].cluster_id = Cell::Int(2)), Some([0, 1, 0]));
        assert_eq!(check(|rows| rows.push(row(5))), Some([1, 0, 0]));
        assert_eq!(check(|rows| drop(rows.remove(1))), Some([0, 1, 0]));
    }

    #[test]
    fn a_row_that_cannot_be_used_is_compared_by_what_is_wrong_with_it() {
        let one = Some([0, 0, 1]);
        assert_eq!(check(|rows| rows[1].state = Cell::Int(7)), one);
        assert_eq!(check(|rows| rows[1].no_tries = Cell::Null), one);
        assert_eq!(check(|rows| rows.push(RawRow::default())), Some([1, 0, 0]));
    }

    proptest! {
        /// Rows are counted as added and removed exactly as their keys come and go.
        #[test]
        fn keys_are_counted(
            before in prop::collection::btree_set(2_i128..200, 0..40),
            after in prop::collection::btree_set(2_i128..200, 0..40),
        ) {
            let of = |keys: &std::collections::BTreeSet<i128>| {
                imprint(&std::iter::once(1).chain(keys.iter().copied()).map(row).collect::<Vec<_>>())
            };
            let found = of(&before).difference(&of(&after));
            let expected = Difference {
                added: after.difference(&before).count(),
                removed: before.difference(&after).count(),
                changed: 0,
            };
            prop_assert_eq!(found, (before != after).then_some(expected));
        }
    }
}
