//! What changes with every packet: when a node was last heard by a module, whether it is shut out, and how
//! much came from it.

use crate::Meter;
use clusterer_node::Moment;
use core::sync::atomic::{AtomicU64, Ordering, fence};
use core::time::Duration;

/// The state of one node for one module. Shared by the threads that receive and the one that watches.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Milliseconds.
    last_seen: AtomicU64,
    /// With [`SHUT`]: when the node is let in again, milliseconds. Without: when it was let in last, or 0, so
    /// that it is never twice open with the same value. It opens and closes by one compare-exchange, so
    /// exactly one thread sees it happen.
    gate: AtomicU64,
    /// What passed.
    pub(crate) received: Meter,
}

/// The top bit of a gate.
const SHUT: u64 = 1 << 63;

/// How a gate stood when it was found open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Open(u64);

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
            gate: AtomicU64::new(0),
            received: Meter::new(),
        }
    }

    /// Packets arrived. If they pass, the node is stamped; if not, it is shut out until then.
    pub(crate) fn arrive(&self, now: Moment) -> Result<Open, Moment> {
        let open = self.open(now)?;
        // Most turns of a busy receiver begin in the same millisecond as the one before.
        if self.last_seen() < now {
            self.last_seen.fetch_max(now.as_millis(), Ordering::Relaxed);
        }
        Ok(open)
    }

    /// Whether the gate has been open all the time since then. Whatever was done before, and whatever is done
    /// by whoever finds it shut, come in one order: either this finds it shut, or who shut it sees what was
    /// done.
    pub(crate) fn stayed(&self, open: Open) -> bool {
        // The other half is in `watch`: each side writes, then looks at what the other one wrote. With both
        // fences, at least one of them sees it.
        fence(Ordering::SeqCst);
        self.gate.load(Ordering::Acquire) == open.0
    }

    pub(crate) fn last_seen(&self) -> Moment {
        Moment::from_millis(self.last_seen.load(Ordering::Relaxed))
    }

    /// Until when it is shut out. Whoever comes first after that opens the gate.
    pub(crate) fn shut_until(&self, now: Moment) -> Option<Moment> {
        until(self.gate.load(Ordering::Acquire)).filter(|&until| until > now)
    }

    /// When to look again; `None` if the node is silent for longer than `timeout`.
    pub(crate) fn look(&self, now: Moment, timeout: Duration) -> Option<Moment> {
        match self.open(now) {
            Ok(_) => Some(first_late(self.last_seen(), timeout)).filter(|&late| late > now),
            Err(until) => Some(until),
        }
    }

    /// Looks whether the node is silent for longer than `timeout`, and shuts it out if so.
    pub(crate) fn watch(&self, now: Moment, timeout: Duration) -> Watch {
        let open = match self.open(now) {
            Ok(open) => open.0,
            Err(until) => return Watch::Again(until),
        };
        let late = first_late(self.last_seen(), timeout);
        if late > now {
            return Watch::Again(late);
        }
        let shut = now.after(timeout.saturating_mul(2)).as_millis() | SHUT;
        match self.gate.compare_exchange(open, shut, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                // Before anybody is told: see `stayed`.
                fence(Ordering::SeqCst);
                Watch::TimedOut(Moment::from_millis(shut & !SHUT))
            }
            Err(other) => Watch::Again(Moment::from_millis(other & !SHUT)),
        }
    }

    /// Opens the gate if its time has come: the node counts as heard at that very moment. If it is shut: until
    /// when.
    fn open(&self, now: Moment) -> Result<Open, Moment> {
        let gate = self.gate.load(Ordering::Acquire);
        let Some(until) = until(gate) else { return Ok(Open(gate)) };
        if now < until {
            return Err(until);
        }
        let opened = until.as_millis();
        // Stamped before it opens: whoever finds it open finds the node heard, too.
        self.last_seen.fetch_max(opened, Ordering::Relaxed);
        match self.gate.compare_exchange(gate, opened, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(Open(opened)),
            Err(other) => self::until(other).map_or(Ok(Open(other)), Err),
        }
    }
}

/// Until when a gate is shut.
fn until(gate: u64) -> Option<Moment> {
    (gate & SHUT != 0).then_some(Moment::from_millis(gate & !SHUT))
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
        assert_eq!(slot.arrive(at(102)), Err(at(301)));
        assert_eq!(slot.arrive(at(300)), Err(at(301)), "packets do not extend it, nor end it");
        assert_eq!(slot.watch(at(300), TIMEOUT), Watch::Again(at(301)));
        assert_eq!(slot.watch(at(301), TIMEOUT), Watch::Again(at(402)));
        assert_eq!(slot.last_seen(), at(301));
        assert_eq!(slot.watch(at(402), TIMEOUT), Watch::TimedOut(at(602)), "once a cycle");
    }

    #[test]
    fn a_packet_opens_the_gate_when_its_time_has_come() {
        let slot = Slot::new(at(0));
        slot.watch(at(101), TIMEOUT);
        assert!(slot.arrive(at(301)).is_ok());
        assert!(slot.arrive(at(350)).is_ok());
        assert_eq!(slot.watch(at(401), TIMEOUT), Watch::Again(at(451)));
    }

    #[test]
    fn a_clock_that_lags_on_one_thread_does_not_age_a_node() {
        let slot = Slot::new(at(50));
        assert!(slot.arrive(at(40)).is_ok());
        assert_eq!(slot.last_seen(), at(50));
    }

    #[test]
    fn a_gate_that_shut_and_opened_again_did_not_stay_open() {
        let slot = Slot::new(at(0));
        let first = slot.arrive(at(50)).unwrap();
        assert!(slot.stayed(first) && slot.stayed(slot.arrive(at(60)).unwrap()));
        slot.watch(at(161), TIMEOUT);
        assert!(!slot.stayed(first), "it is shut");
        let second = slot.arrive(at(361)).unwrap();
        assert!(!slot.stayed(first) && slot.stayed(second));
        slot.watch(at(462), TIMEOUT);
        let third = slot.arrive(at(662)).unwrap();
        assert!(!slot.stayed(second) && slot.stayed(third));
    }

    #[test]
    fn a_node_shut_out_for_ever_stays_out() {
        let slot = Slot::new(at(0));
        let Watch::TimedOut(until) = slot.watch(at(u64::MAX), TIMEOUT) else {
            panic!("it is late")
        };
        assert_eq!(slot.arrive(at(1 << 62)), Err(until));
    }

    /// What a call of a module takes in while its node is shut out on another thread is made invalid by one of
    /// the two, also where it is kept without a lock and without any order.
    #[test]
    fn nothing_taken_in_before_a_timeout_outlives_it() {
        const ROUNDS: usize = 100_000;
        struct Round {
            slot: Slot,
            data: Apart<AtomicU64>,
        }
        #[repr(align(128))]
        struct Apart<T>(T);
        let new = |_| Round { slot: Slot::new(at(0)), data: Apart(AtomicU64::new(0)) };
        let rounds: Vec<Round> = (0..ROUNDS).map(new).collect();
        let begun = Apart(AtomicU64::new(0));
        let (rounds, begun) = (&rounds, &begun);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for (number, Round { slot, data }) in (1..).zip(rounds) {
                    begun.0.store(number, Ordering::Release);
                    let Ok(open) = slot.arrive(at(0)) else { continue };
                    data.0.store(1, Ordering::Relaxed);
                    if !slot.stayed(open) {
                        data.0.store(0, Ordering::Relaxed);
                    }
                }
            });
            for (number, Round { slot, data }) in (1..).zip(rounds) {
                while begun.0.load(Ordering::Acquire) < number {
                    core::hint::spin_loop();
                }
                assert!(matches!(slot.watch(at(101), TIMEOUT), Watch::TimedOut(_)));
                data.0.store(0, Ordering::Relaxed);
            }
        });
        let left = rounds.iter().filter(|round| round.data.0.load(Ordering::Relaxed) != 0);
        assert_eq!(left.count(), 0);
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
                    let _ = slot.arrive(at(301));
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
