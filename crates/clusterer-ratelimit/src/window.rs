//! The sliding window of an SBT pipe.

use clusterer_node::Moment;

/// Counts of the last whole window, slot by slot.
///
/// Slots lie on multiples of the slot period, so at any time the window reaches back between its
/// length less one slot and its length.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    /// Milliseconds of a slot.
    period: u64,
    /// Slot number n (counted from the clock's origin) stands at n modulo their number.
    slots: Box<[u32]>,
    /// The number of the slot that was begun last.
    current: u64,
}

impl Window {
    /// An empty window; `period` and `slots` are not 0.
    pub(crate) fn new(period: u64, slots: u64) -> Self {
        let slots = usize::try_from(slots).unwrap_or(usize::MAX);
        Self { period, slots: vec![0; slots].into(), current: 0 }
    }

    /// Counts one call, in the current slot or in the new one that `now` begins.
    pub(crate) fn count(&mut self, now: Moment) {
        let begun = self.number(now);
        if begun > self.current {
            self.clear_after_current(begun);
            self.current = begun;
        }
        if let Some(slot) = self.current_slot() {
            *slot = slot.saturating_add(1);
        }
    }

    /// Takes one call back from the current slot, if there is one in it.
    pub(crate) fn uncount(&mut self) {
        if let Some(slot) = self.current_slot() {
            *slot = slot.saturating_sub(1);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.slots.fill(0);
    }

    /// The calls within the window that ends now.
    pub(crate) fn sum(&self, now: Moment) -> u64 {
        let gone = self.number(now).saturating_sub(self.current);
        let gone = usize::try_from(gone).unwrap_or(usize::MAX);
        // The oldest slots follow the current one.
        let oldest = self.position(self.current.saturating_add(1));
        let (newer, older) = self.slots.split_at_checked(oldest).unwrap_or_default();
        older.iter().chain(newer).skip(gone).map(|&count| u64::from(count)).sum()
    }

    /// Clears the slots that `begun` and those between it and the current one take over.
    fn clear_after_current(&mut self, begun: u64) {
        let slots = self.slots.len() as u64;
        if begun - self.current >= slots {
            return self.clear();
        }
        for number in self.current + 1..=begun {
            let at = self.position(number);
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = 0;
            }
        }
    }

    fn current_slot(&mut self) -> Option<&mut u32> {
        let at = self.position(self.current);
        self.slots.get_mut(at)
    }

    fn number(&self, now: Moment) -> u64 {
        now.as_millis() / self.period
    }

    fn position(&self, number: u64) -> usize {
        usize::try_from(number % self.slots.len() as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    #[test]
    fn a_call_counts_until_its_slot_is_a_whole_window_old() {
        for begin in [0, 200, 9_800, 123_400] {
            for within in [0, 1, 199] {
                let mut window = Window::new(200, 50);
                window.count(at(begin + within));
                assert_eq!(window.sum(at(begin + 9_999)), 1, "{begin}+{within}");
                assert_eq!(window.sum(at(begin + 10_000)), 0, "{begin}+{within}");
            }
        }
    }

    #[test]
    fn a_slot_ends_at_its_edge() {
        let mut window = Window::new(200, 50);
        window.count(at(399));
        window.count(at(400));
        assert_eq!(window.sum(at(10_199)), 2);
        assert_eq!(window.sum(at(10_200)), 1, "the slot from 200 to 399 has gone");
        assert_eq!(window.sum(at(10_400)), 0);
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_counts_in_the_current_slot() {
        let mut window = Window::new(200, 50);
        window.count(at(1_000));
        window.count(at(0));
        assert_eq!(window.sum(at(0)), 2);
        assert_eq!(window.sum(at(10_999)), 2);
        assert_eq!(window.sum(at(11_000)), 0);
    }

    #[test]
    fn what_is_taken_back_leaves_the_slot_that_was_begun_last() {
        let mut window = Window::new(200, 50);
        window.count(at(0));
        window.count(at(200));
        window.uncount();
        window.uncount();
        assert_eq!(window.sum(at(200)), 1, "the older slot is not touched");
        window.clear();
        assert_eq!(window.sum(at(200)), 0);
    }

    #[test]
    fn a_window_of_one_slot_works() {
        let mut window = Window::new(1_000, 1);
        window.count(at(0));
        window.count(at(999));
        assert_eq!(window.sum(at(999)), 2);
        window.count(at(1_000));
        assert_eq!(window.sum(at(1_000)), 1);
    }

    proptest! {
        #[test]
        fn the_window_equals_a_list_of_calls(
            period in 1_u64..50,
            slots in 1_u64..12,
            steps in prop::collection::vec(0_u64..200, 1..80),
        ) {
            let mut window = Window::new(period, slots);
            let mut calls = Vec::new();
            let mut now = 0;
            for step in steps {
                now += step;
                window.count(at(now));
                calls.push(now / period);
                let newest = now / period;
                let expected = calls.iter().filter(|&&slot| newest - slot < slots).count();
                prop_assert_eq!(window.sum(at(now)), expected as u64);
            }
        }

        #[test]
        fn no_moment_breaks_it(period in 1_u64..=u64::MAX, moments in prop::collection::vec(any::<u64>(), 1..20)) {
            let mut window = Window::new(period, 7);
            for moment in moments {
                window.count(at(moment));
                prop_assert!(window.sum(at(moment)) >= 1);
            }
        }
    }
}
