//! What changes with every packet: when a node was last heard by a module, whether it is shut out, and how
//! much came from it.

use crate::Meter;
use clusterer_node::Moment;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

/// The state of one node for one module. Shared by the threads that receive and the one that watches.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Milliseconds.
    last_seen: AtomicU64,
    /// [`OPEN`], or when the node is let in again, milliseconds. It opens and closes by one
    /// compare-exchange, so exactly one thread sees it happen.
    gate: AtomicU64,
    /// What passed.
    pub(crate) received: Meter,
}

const OPEN: u64 = 0;

/// Whether a packet may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    Open,
    Shut,
}

/// What watching a slot found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Nothing to tell; look again then.
    Again(Moment),
    /// The node has been silent too long and is shut out from now on; look again then.
    TimedOut(Moment),
}

impl Slot {
    /// Heard just now.
    pub(crate) const fn new(now: Moment) -> Self {
        Self {
            last_seen: AtomicU64::new(now.as_millis()),
            gate: AtomicU64::new(OPEN),
            received: Meter::new(),
        }
    }

    /// A packet arrived. One that passes is stamped.
    pub(crate) fn arrive(&self, now: Moment) -> Passage {
        let gate = self.gate.load(Ordering::Acquire);
        if gate != OPEN && !self.reopen(gate, now) {
            return Passage::Shut;
        }
        self.last_seen.fetch_max(now.as_millis(), Ordering::Relaxed);
        Passage::Open
    }

    pub(crate) fn last_seen(&self) -> Moment {
        Moment::from_millis(self.last_seen.load(Ordering::Relaxed))
    }

    /// Until when it is shut out. Whoever comes first after that opens the gate.
    pub(crate) fn shut_until(&self, now: Moment) -> Option<Moment> {
        let gate = self.gate.load(Ordering::Acquire);
        (gate != OPEN && gate > now.as_millis()).then_some(Moment::from_millis(gate))
    }

    /// When to look again; `None` if the node is silent for longer than `timeout`.
    pub(crate) fn look(&self, now: Moment, timeout: Duration) -> Option<Moment> {
        let gate = self.gate.load(Ordering::Acquire);
        if gate != OPEN && !self.reopen(gate, now) {
            return Some(Moment::from_millis(gate));
        }
        Some(first_late(self.last_seen(), timeout)).filter(|&late| late > now)
    }

    /// Looks whether the node is silent for longer than `timeout`, and shuts it out if so.
    pub(crate) fn watch(&self, now: Moment, timeout: Duration) -> Watch {
        if let Some(again) = self.look(now, timeout) {
            return Watch::Again(again);
        }
        let until = now.after(timeout.saturating_mul(2));
        let shut = until.as_millis();
        match self.gate.compare_exchange(OPEN, shut, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Watch::TimedOut(until),
            Err(other) => Watch::Again(Moment::from_millis(other)),
        }
    }

    /// Opens the gate if its time has come: the node counts as heard at that very moment. Returns
    /// whether it is open now.
    fn reopen(&self, gate: u64, now: Moment) -> bool {
        if now.as_millis() < gate {
            return false;
        }
        // Stamped before it opens: whoever finds it open finds the node heard, too.
        self.last_seen.fetch_max(gate, Ordering::Relaxed);
        match self.gate.compare_exchange(gate, OPEN, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(other) => other == OPEN,
        }
    }
}

/// The first millisecond at which a node last heard then has been silent for longer than `timeout`.
pub(crate) fn first_late(last_seen: Moment, timeout: Duration) -> Moment {
    last_seen.after(timeout).after(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const TIMEOUT: Duration = Duration::from_millis(100);

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    #[test]
    fn silent_for_longer_than_the_timeout_and_not_for_just_as_long() {
        let slot = Slot::new(at(0));
        assert_eq!(slot.watch(at(100), TIMEOUT), Watch::Again(at(101)));
        assert_eq!(slot.watch(at(101), TIMEOUT), Watch::TimedOut(at(301)));
    }

    #[test]
    fn shut_out_for_twice_the_timeout_then_heard_at_that_moment() {
        let slot = Slot::new(at(0));
        slot.watch(at(101), TIMEOUT);
        assert_eq!(slot.arrive(at(102)), Passage::Shut);
        assert_eq!(slot.arrive(at(300)), Passage::Shut, "packets do not extend it, nor end it");
        assert_eq!(slot.watch(at(300), TIMEOUT), Watch::Again(at(301)));
        assert_eq!(slot.watch(at(301), TIMEOUT), Watch::Again(at(402)));
        assert_eq!(slot.last_seen(), at(301));
        assert_eq!(slot.watch(at(402), TIMEOUT), Watch::TimedOut(at(602)), "once a cycle");
    }

    #[test]
    fn a_packet_opens_the_gate_when_its_time_has_come() {
        let slot = Slot::new(at(0));
        slot.watch(at(101), TIMEOUT);
        assert_eq!(slot.arrive(at(301)), Passage::Open);
        assert_eq!(slot.arrive(at(350)), Passage::Open);
        assert_eq!(slot.watch(at(401), TIMEOUT), Watch::Again(at(451)));
    }

    #[test]
    fn a_clock_that_lags_on_one_thread_does_not_age_a_node() {
        let slot = Slot::new(at(50));
        slot.arrive(at(40));
        assert_eq!(slot.last_seen(), at(50));
    }

    /// The one who lets a node in must have stamped it before the one who watches can look.
    #[test]
    fn a_node_let_in_by_a_packet_is_not_shut_out_by_a_look_at_the_same_time() {
        const ROUNDS: usize = 20_000;
        let slots: Vec<Slot> = (0..ROUNDS).map(|_| Slot::new(at(0))).collect();
        for slot in &slots {
            slot.watch(at(101), TIMEOUT);
        }
        let turn = AtomicU64::new(0);
        let (slots, turn) = (&slots, &turn);
        // Both wait for each other before every slot.
        let meet = move |round: usize| {
            turn.fetch_add(1, Ordering::AcqRel);
            while turn.load(Ordering::Acquire) < 2 * (round as u64 + 1) {
                std::thread::yield_now();
            }
        };
        // No assertion before the end: the other one would wait for ever.
        let shut_out = std::thread::scope(|scope| {
            scope.spawn(move || {
                for (round, slot) in slots.iter().enumerate() {
                    meet(round);
                    slot.arrive(at(301));
                }
            });
            let look = |(round, slot): (usize, &Slot)| {
                meet(round);
                slot.watch(at(301), TIMEOUT) != Watch::Again(at(402))
            };
            slots.iter().enumerate().map(look).filter(|&shut_out| shut_out).count()
        });
        assert_eq!(shut_out, 0);
    }
}
