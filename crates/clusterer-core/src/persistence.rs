//! Which rows are to be written back, and when.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use clusterer_node::{Availability, Change, DbId, Moment, NodeKey, StoredStatus};
use core::time::Duration;

/// At most one transaction in this time.
const INTERVAL: Duration = Duration::from_secs(1);
/// The longest pause between two attempts while the database refuses.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The dirty rows of persistent mode.
#[derive(Debug, Default)]
pub(crate) struct Persistence {
    enabled: bool,
    /// Rows to write; true where an administrator's decision is among the changes.
    dirty: BTreeMap<NodeKey, bool>,
    /// What was handed out and not yet confirmed.
    in_flight: Option<BTreeMap<NodeKey, bool>>,
    due: Option<Moment>,
    pause: Duration,
}

/// The present value of a row.
pub(crate) type Current<'a> = &'a dyn Fn(NodeKey) -> Option<(DbId, Availability)>;

impl Persistence {
    pub(crate) fn new(enabled: bool) -> Self {
        Self { enabled, pause: INTERVAL, ..Self::default() }
    }

    pub(crate) fn changed(&mut self, now: Moment, node: NodeKey, by_administrator: bool) {
        if !self.enabled {
            return;
        }
        *self.dirty.entry(node).or_default() |= by_administrator;
        self.due.get_or_insert(now.after(self.pause));
    }

    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.due.filter(|_| self.in_flight.is_none())
    }

    /// What is due to be written now.
    pub(crate) fn tick(&mut self, now: Moment, current: Current<'_>) -> Option<Vec<Change>> {
        self.deadline().filter(|&due| due <= now)?;
        self.take(current)
    }

    /// Everything that is to be written, due or not; `None` if there is nothing, or a flush is under way.
    pub(crate) fn take(&mut self, current: Current<'_>) -> Option<Vec<Change>> {
        if self.in_flight.is_some() || self.dirty.is_empty() {
            return None;
        }
        let dirty = core::mem::take(&mut self.dirty);
        let changes = dirty
            .iter()
            .filter_map(|(&node, &by_administrator)| {
                let (id, now) = current(node)?;
                let Availability { no_tries, last_attempt, .. } = now;
                let status = StoredStatus { state: now.state(), no_tries, last_attempt };
                Some(Change { id, status, by_administrator })
            })
            .collect();
        self.in_flight = Some(dirty);
        Some(changes)
    }

    pub(crate) fn flushed(&mut self, now: Moment, success: bool) {
        let Some(in_flight) = self.in_flight.take() else { return };
        if success {
            self.pause = INTERVAL;
        } else {
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            for (node, by_administrator) in in_flight {
                *self.dirty.entry(node).or_default() |= by_administrator;
            }
        }
        self.due = (!self.dirty.is_empty()).then(|| now.after(self.pause));
    }

    /// The table was loaded: memory becomes what the database holds, but for what is newer than that.
    /// `newer` says so of a row, and whether an administrator's decision is among its changes.
    pub(crate) fn loaded(&mut self, newer: impl Fn(NodeKey, bool) -> bool) {
        self.dirty.retain(|&node, &mut by_administrator| newer(node, by_administrator));
        if self.dirty.is_empty() {
            self.due = None;
        }
    }

    /// Whether memory is newer than the database.
    pub(crate) fn is_dirty(&self, node: NodeKey) -> bool {
        self.dirty.contains_key(&node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterer_node::{AdminState, ClusterId, MachineId, Reachability, State, UnixTime};

    const NODE: NodeKey = match (ClusterId::new(1), MachineId::new(2)) {
        (Some(cluster), Some(machine)) => NodeKey { cluster, machine },
        _ => panic!("ids are positive"),
    };

    fn current(_: NodeKey) -> Option<(DbId, Availability)> {
        let availability = Availability {
            admin: AdminState::Enabled,
            reachability: Reachability::Probing,
            no_tries: 2,
            last_attempt: UnixTime::from_secs(7),
        };
        Some((DbId::new(5)?, availability))
    }

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    #[test]
    fn changes_of_a_second_are_one_flush_with_the_last_value() {
        let mut rows = Persistence::new(true);
        rows.changed(at(0), NODE, false);
        rows.changed(at(900), NODE, false);
        assert_eq!(rows.tick(at(999), &current), None);
        let changes = rows.tick(at(1_000), &current).unwrap();
        assert_eq!(changes.len(), 1);
        assert_eq!((changes[0].status.state, changes[0].status.no_tries), (State::Probing, 2));
        assert!(!changes[0].by_administrator);
    }

    #[test]
    fn off_means_off() {
        let mut rows = Persistence::new(false);
        rows.changed(at(0), NODE, true);
        assert_eq!((rows.deadline(), rows.take(&current)), (None, None));
    }

    #[test]
    fn a_failed_flush_is_tried_again_with_growing_pauses() {
        let mut rows = Persistence::new(true);
        rows.changed(at(0), NODE, true);
        let mut now = 1_000;
        for pause in [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            let changes = rows.tick(at(now), &current).expect("it is due");
            assert!(changes[0].by_administrator, "nothing of it is forgotten");
            rows.flushed(at(now), false);
            assert_eq!(rows.tick(at(now + pause - 1), &current), None);
            now += pause;
        }
        rows.take(&current);
        rows.flushed(at(now), true);
        rows.changed(at(now), NODE, false);
        assert_eq!(rows.deadline(), Some(at(now + 1_000)));
    }

    #[test]
    fn what_a_reload_made_clean_leaves_no_deadline() {
        let mut rows = Persistence::new(true);
        rows.changed(at(0), NODE, false);
        rows.loaded(|_, _| true);
        assert_eq!(rows.deadline(), Some(at(1_000)));
        rows.loaded(|_, by_administrator| by_administrator);
        assert_eq!(rows.deadline(), None);
    }

    #[test]
    fn a_change_during_a_flush_is_written_by_the_next() {
        let mut rows = Persistence::new(true);
        rows.changed(at(0), NODE, false);
        rows.take(&current);
        rows.changed(at(1), NODE, false);
        assert_eq!((rows.take(&current), rows.deadline()), (None, None), "one at a time");
        rows.flushed(at(2), true);
        assert!(rows.tick(at(1_002), &current).is_some());
    }
}
