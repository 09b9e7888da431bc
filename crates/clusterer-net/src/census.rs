//! Inbound connections, those of all threads together: how many there may be, which thread gets the next, and
//! which stranger makes room for it.

use crate::slots::Key;
use clusterer_node::{Moment, Timers};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections beyond the limit, while other threads have yet to close those that made room. So a thread
/// that is kept by a callback costs the process no descriptors without end.
const ON_THEIR_WAY: usize = 16;

/// Most strangers that are put where they belong before one of them makes room. All threads wait for that.
const LOOKS: usize = 16;

#[derive(Debug)]
pub(crate) struct Census {
    limit: usize,
    list: Mutex<List>,
}

/// A connection of a thread.
type Place = (usize, Key);

#[derive(Debug)]
struct List {
    /// Of each thread, those that are still on their way to it included.
    inbound: Vec<usize>,
    strangers: BTreeMap<Place, Arc<Stranger>>,
    /// By when they were heard, as far as somebody has looked: a packet moves nobody.
    silent: Timers<Place>,
}

#[derive(Debug)]
struct Stranger {
    peer: SocketAddr,
    /// When its last packet came; at first, when the connection did. Milliseconds.
    heard: AtomicU64,
}

/// What becomes of one more connection.
#[derive(Debug)]
pub(crate) enum Admission {
    Free(Seat),
    /// This one has been chosen to be closed for it, by the thread that both belong to.
    Instead(Seat, Key, SocketAddr),
    /// Only known senders are there.
    Full,
}

impl Census {
    pub(crate) fn new(limit: usize, threads: usize) -> Self {
        let list =
            List { inbound: vec![0; threads], strangers: BTreeMap::new(), silent: Timers::new() };
        Self { limit, list: Mutex::new(list) }
    }

    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// Finds a thread for a connection: the one with the fewest, or that of the stranger that has been silent
    /// the longest, or nearly so where many have spoken lately. So whoever can connect cannot keep nodes out by
    /// holding all connections.
    pub(crate) fn admit(self: &Arc<Self>) -> Admission {
        let mut list = self.lock();
        let all: usize = list.inbound.iter().sum();
        if all >= self.limit.saturating_add(ON_THEIR_WAY) {
            return Admission::Full;
        }
        if all >= self.limit {
            let Some(((thread, key), peer)) = list.take_silent() else { return Admission::Full };
            return Admission::Instead(self.seat(&mut list, thread), key, peer);
        }
        let fewest = list.inbound.iter().enumerate().min_by_key(|&(_, &count)| count);
        let thread = fewest.map_or(0, |(thread, _)| thread);
        Admission::Free(self.seat(&mut list, thread))
    }

    fn seat(self: &Arc<Self>, list: &mut List, thread: usize) -> Seat {
        if let Some(count) = list.inbound.get_mut(thread) {
            *count += 1;
        }
        Seat { census: Arc::clone(self), thread, stranger: None }
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        // No caller's code runs under this lock, so the list is whole even after a panic.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn add(&mut self, place: Place, stranger: Arc<Stranger>) {
        self.silent.set(place, stranger.heard());
        self.strangers.insert(place, stranger);
    }

    fn remove(&mut self, place: Place) {
        self.silent.clear(place);
        self.strangers.remove(&place);
    }

    /// Takes out the stranger that has been silent the longest, in a time that does not grow with how many
    /// there are: if more have spoken since somebody looked at them, one of those.
    fn take_silent(&mut self) -> Option<(Place, SocketAddr)> {
        let mut looks = 0..LOOKS;
        loop {
            let supposed = self.silent.next()?;
            let place = self.silent.pop_due(supposed)?;
            let heard = self.strangers.get(&place)?.heard();
            if heard <= supposed || looks.next().is_none() {
                return Some((place, self.strangers.remove(&place)?.peer));
            }
            self.silent.set(place, heard);
        }
    }
}

impl Stranger {
    fn heard(&self) -> Moment {
        Moment::from_millis(self.heard.load(Ordering::Relaxed))
    }
}

/// An inbound connection's place among all. It is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    census: Arc<Census>,
    thread: usize,
    /// Until a known sender has spoken.
    stranger: Option<(Key, Arc<Stranger>)>,
}

impl Seat {
    /// To which thread the connection belongs, for life.
    pub(crate) const fn thread(&self) -> usize {
        self.thread
    }

    /// The thread has the connection, under this key. It may have to make room from now on.
    pub(crate) fn take(&mut self, key: Key, peer: SocketAddr, now: Moment) {
        let stranger = Arc::new(Stranger { peer, heard: AtomicU64::new(now.as_millis()) });
        self.census.lock().add((self.thread, key), Arc::clone(&stranger));
        self.stranger = Some((key, stranger));
    }

    /// A packet has come.
    pub(crate) fn heard(&self, now: Moment) {
        if let Some((_, stranger)) = &self.stranger {
            stranger.heard.store(now.as_millis(), Ordering::Relaxed);
        }
    }

    /// No known sender ever spoke.
    pub(crate) const fn is_strangers(&self) -> bool {
        self.stranger.is_some()
    }

    /// A known sender has spoken.
    pub(crate) fn keep(&mut self) {
        if let Some((key, _)) = self.stranger.take() {
            self.census.lock().remove((self.thread, key));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.keep();
        if let Some(count) = self.census.lock().inbound.get_mut(self.thread) {
            *count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::Slots;

    /// Seats with keys of their own, taken at these milliseconds.
    fn taken(census: &Arc<Census>, times: &[u64]) -> Vec<Seat> {
        let mut slots = Slots::new();
        let take = |&at: &u64| {
            let Admission::Free(mut seat) = census.admit() else { panic!("there is room") };
            let peer = SocketAddr::from(([127, 0, 0, 1], u16::try_from(at).unwrap()));
            seat.take(slots.insert(()), peer, Moment::from_millis(at));
            seat
        };
        times.iter().map(take).collect()
    }

    fn instead(census: &Arc<Census>) -> Option<(Seat, u16)> {
        match census.admit() {
            Admission::Instead(seat, _, peer) => Some((seat, peer.port())),
            Admission::Full => None,
            Admission::Free(_) => panic!("there is no room"),
        }
    }

    #[test]
    fn each_goes_to_the_thread_with_the_fewest() {
        let census = Arc::new(Census::new(10, 3));
        let mut seats = taken(&census, &[1, 2, 3, 4]);
        let threads = |seats: &[Seat]| seats.iter().map(Seat::thread).collect::<Vec<_>>();
        assert_eq!(threads(&seats), [0, 1, 2, 0]);
        seats.remove(2);
        assert_eq!(threads(&taken(&census, &[5, 6])), [2, 1]);
    }

    #[test]
    fn at_the_limit_the_longest_silent_stranger_of_all_threads_makes_room() {
        let census = Arc::new(Census::new(4, 3));
        let mut seats = taken(&census, &[40, 10, 20, 30]);
        seats[1].keep();
        seats[2].heard(Moment::from_millis(50));
        let (first, port) = instead(&census).unwrap();
        assert_eq!((first.thread(), port), (seats[3].thread(), 30));
        // Whoever was chosen is not chosen again, and a newcomer not before its thread has it.
        let (second, port) = instead(&census).unwrap();
        assert_eq!((second.thread(), port), (seats[0].thread(), 40));
        assert_eq!(instead(&census).unwrap().1, 20);
        assert!(instead(&census).is_none());
    }

    #[test]
    fn however_many_strangers_speak_a_bounded_number_is_looked_at() {
        const MANY: usize = 100;
        let census = Arc::new(Census::new(MANY, 3));
        let seats = taken(&census, &(1..=100).collect::<Vec<_>>());
        seats.iter().for_each(|seat| seat.heard(Moment::from_millis(1_000)));
        let moved = || {
            let list = census.lock();
            let known = list
                .strangers
                .keys()
                .filter(|&&place| list.silent.get(place) == Some(Moment::from_millis(1_000)));
            known.count()
        };
        // Each time those that were heard the longest ago, as far as anybody knew.
        assert_eq!((instead(&census).unwrap().1, moved()), (17, LOOKS));
        assert_eq!((instead(&census).unwrap().1, moved()), (34, 2 * LOOKS));
        assert_eq!(census.lock().strangers.len(), MANY - 2);
    }

    #[test]
    fn no_more_are_on_their_way_than_may_be() {
        let census = Arc::new(Census::new(20, 2));
        let seats = taken(&census, &(1..=20).collect::<Vec<_>>());
        let newcomers: Vec<_> = (0..ON_THEIR_WAY).map(|_| instead(&census).unwrap()).collect();
        assert!(instead(&census).is_none());
        drop(seats);
        drop(newcomers);
        assert_eq!(taken(&census, &[1]).len(), 1, "every seat was given back");
        let list = census.lock();
        assert_eq!((list.strangers.len(), list.silent.next()), (0, None));
    }
}
