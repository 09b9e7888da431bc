//! The bound on connections: who may come in, and who goes for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::activity::Activity;

/// How long to wait for a place before somebody else is asked to make room.
const RETRY: Duration = Duration::from_millis(50);

/// All connections of a server.
#[derive(Debug)]
pub(super) struct Connections {
    start: Instant,
    places: Arc<Semaphore>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    by_number: HashMap<u64, Arc<Activity>>,
}

impl Connections {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { start: Instant::now(), places, open: Mutex::default() })
    }

    /// A place for one more connection. Waits while all are being answered.
    pub(super) async fn place(self: &Arc<Self>) -> Option<Place> {
        let permit = loop {
            if self.places.available_permits() == 0 {
                self.make_room();
            }
            match timeout(RETRY, Arc::clone(&self.places).acquire_owned()).await {
                Ok(permit) => break permit.ok()?,
                Err(_) => continue,
            }
        };
        let activity = Arc::new(Activity::new(self.start));
        let number = self.with(|open| {
            open.next = open.next.wrapping_add(1);
            open.by_number.insert(open.next, Arc::clone(&activity));
            open.next
        });
        Some(Place { connections: Arc::clone(self), number, activity, _permit: permit })
    }

    /// Asks the connection that can best be done without to close.
    pub(super) fn make_room(&self) {
        let best = self.with(|open| {
            let ranked =
                open.by_number.values().filter_map(|activity| Some((activity.rank()?, activity)));
            ranked.min_by_key(|(rank, _)| *rank).map(|(_, activity)| Arc::clone(activity))
        });
        if let Some(activity) = best {
            activity.ask();
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Open) -> T) -> T {
        act(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The place of one connection, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    number: u64,
    pub(super) activity: Arc<Activity>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.with(|open| open.by_number.remove(&self.number));
    }
}

#[cfg(test)]
mod tests {
    use super::super::activity::Phase;
    use super::*;

    async fn admitted(connections: &Arc<Connections>) -> Option<Place> {
        timeout(Duration::from_millis(200), connections.place()).await.ok().flatten()
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_connection_makes_room() {
        let connections = Connections::new(3);
        let mut places = Vec::new();
        for _ in 0..3 {
            places.push(admitted(&connections).await.unwrap());
            tokio::time::advance(Duration::from_millis(3)).await;
        }
        // The oldest works, the second is younger than it looks.
        places[0].activity.enter(Phase::Working);
        places[1].activity.enter(Phase::Idle);
        let leaver = places.remove(2);
        let left = tokio::spawn(async move {
            leaver.activity.unwanted().await;
        });
        assert!(admitted(&connections).await.is_some());
        left.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_became_busy_meanwhile_stays() {
        let connections = Connections::new(1);
        let place = admitted(&connections).await.unwrap();
        connections.make_room();
        place.activity.enter(Phase::Working);
        let unwanted = timeout(Duration::from_millis(50), place.activity.unwanted()).await;
        assert!(unwanted.is_err());
        assert!(admitted(&connections).await.is_none());
        drop(place);
        assert!(admitted(&connections).await.is_some());
    }
}
