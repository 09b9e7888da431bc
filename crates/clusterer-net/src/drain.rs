//! Draining: turns of the mio threads that begin after somebody asked, until nothing is left unread.

use crate::transport::{AfterDrain, Drained};
use clusterer_node::Moment;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What was handed over should be taken notice of within this time.
const BEHIND: Duration = Duration::from_millis(100);
/// Most turns that a drain waits for connections that always have more to read: enough for 16,000
/// connections that become readable at once, for 4 MiB on one of them, or 512 KiB on each of many.
const MOST_TURNS: u32 = 16;

/// Splits a drain: `then` is called by the last of so many threads that calls its part, with the latest and the worst
/// of what they say.
pub(crate) fn parts(then: AfterDrain, threads: usize) -> Vec<AfterDrain> {
    if threads == 1 {
        return vec![then];
    }
    let whole = Whole { missing: threads, found: Drained::default(), then: Some(then) };
    let whole = Arc::new(Mutex::new(whole));
    let part = |_| -> AfterDrain {
        let whole = Arc::clone(&whole);
        Box::new(move |drained: Drained| {
            let (then, found) = {
                let mut whole = whole.lock().unwrap_or_else(PoisonError::into_inner);
                whole.missing = whole.missing.saturating_sub(1);
                whole.found.behind = whole.found.behind.max(drained.behind);
                whole.found.stopped |= drained.stopped;
                (if whole.missing == 0 { whole.then.take() } else { None }, whole.found)
            };
            if let Some(then) = then {
                then(found);
            }
        })
    };
    (0..threads).map(part).collect()
}

struct Whole {
    missing: usize,
    found: Drained,
    then: Option<AfterDrain>,
}

/// The drains that a mio thread has taken notice of.
#[derive(Default)]
pub(crate) struct Drains {
    waiting: Vec<Waiting>,
    behind: Option<Moment>,
}

struct Waiting {
    then: AfterDrain,
    turns: u32,
}

impl Drains {
    pub(crate) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Somebody asked: the next turn is the first that counts.
    pub(crate) fn add(&mut self, asked: Vec<AfterDrain>) {
        self.waiting.extend(asked.into_iter().map(|then| Waiting { then, turns: 0 }));
    }

    /// A look begins. Something may have been waiting for it since then.
    pub(crate) fn look(&mut self, waiting: Option<Moment>, now: Moment) {
        if waiting.is_some_and(|since| now.since(since) > BEHIND) {
            self.behind = Some(now);
        }
    }

    /// A turn's reading has ended. Tells those who have waited long enough.
    pub(crate) fn turn(&mut self, all_read: bool) {
        let drained = Drained { behind: self.behind, stopped: false };
        for mut waiting in std::mem::take(&mut self.waiting) {
            waiting.turns += 1;
            if all_read || waiting.turns >= MOST_TURNS {
                (waiting.then)(drained);
            } else {
                self.waiting.push(waiting);
            }
        }
    }
}

impl Drop for Drains {
    /// There will be no further turn.
    fn drop(&mut self) {
        std::mem::take(&mut self.waiting).into_iter().for_each(|it| (it.then)(Drained::STOPPED));
    }
}

impl fmt::Debug for Drains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drains").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn waits_while_there_is_more_to_read_and_not_for_ever() {
        let called = Arc::new(AtomicUsize::new(0));
        let ask = |drains: &mut Drains| {
            let called = called.clone();
            let then = move |_| {
                called.fetch_add(1, Ordering::Relaxed);
            };
            drains.add(vec![Box::new(then)]);
        };
        let mut drains = Drains::default();
        ask(&mut drains);
        (1..MOST_TURNS).for_each(|_| drains.turn(false));
        ask(&mut drains);
        assert_eq!(called.load(Ordering::Relaxed), 0);
        drains.turn(false);
        assert_eq!(called.load(Ordering::Relaxed), 1, "the younger one goes on waiting");
        drains.turn(true);
        assert_eq!((called.load(Ordering::Relaxed), drains.is_empty()), (2, true));
    }

    #[test]
    fn is_over_when_the_last_thread_says_so_and_as_late_as_the_latest() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&told);
        let then = Box::new(move |drained: Drained| tell.lock().unwrap().push(drained.behind));
        let behind = [None, Some(9), Some(4)].map(|behind| behind.map(Moment::from_millis));
        for (part, behind) in parts(then, 3).into_iter().zip(behind) {
            assert_eq!(*told.lock().unwrap(), []);
            part(Drained { behind, stopped: false });
        }
        assert_eq!(*told.lock().unwrap(), [behind[1]]);
    }

    #[test]
    fn is_stopped_when_one_thread_has_and_when_nobody_takes_another_turn() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let ask = || -> AfterDrain {
            let tell = Arc::clone(&told);
            Box::new(move |drained| tell.lock().unwrap().push(drained))
        };
        for (part, stopped) in parts(ask(), 3).into_iter().zip([false, true, false]) {
            part(Drained { behind: None, stopped });
        }
        assert_eq!(*told.lock().unwrap(), [Drained::STOPPED]);
        let mut drains = Drains::default();
        drains.add(vec![ask()]);
        drains.turn(false);
        assert_eq!(told.lock().unwrap().len(), 1);
        drop(drains);
        assert_eq!(*told.lock().unwrap(), [Drained::STOPPED; 2]);
    }

    #[test]
    fn is_behind_when_something_waited_longer_than_it_should() {
        let behind = |since, now| {
            let mut drains = Drains::default();
            let [since, now] = [since, now].map(Moment::from_millis);
            drains.look(Some(since), now);
            drains.behind
        };
        assert_eq!(behind(7, 107), None);
        assert_eq!(behind(7, 108), Some(Moment::from_millis(108)));
    }
}
