//! A store with moods, rows, and waiting without racing.

use clusterer::{
    BoxFuture, Cell, Change, Cluster, ClusterId, DbId, Flushed, MachineId, NodeKey, NodeStore,
    RawRow, State, StoreError,
};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Long enough for a loaded machine; nothing waits this long unless it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How the store takes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Fails,
    /// Never answers.
    Hangs,
    /// Has read or written, and answers when its mood is another.
    Held,
    Panics,
    Well,
}

/// A table in memory.
pub(crate) struct TestStore {
    pub(crate) rows: Mutex<Vec<RawRow>>,
    pub(crate) flushes: Mutex<Vec<Vec<Change>>>,
    /// What the next flushes leave alone.
    pub(crate) conflicts: Mutex<Vec<DbId>>,
    loads: watch::Sender<usize>,
    loading: watch::Sender<Mood>,
    flushing: watch::Sender<Mood>,
    /// How often somebody else has written.
    written: watch::Sender<u64>,
    telling: watch::Sender<Mood>,
    /// What of it was seen by the last load.
    seen: AtomicU64,
}

impl TestStore {
    pub(crate) fn new(rows: Vec<RawRow>) -> Arc<Self> {
        Arc::new(Self {
            rows: Mutex::new(rows),
            flushes: Mutex::default(),
            conflicts: Mutex::default(),
            loads: watch::Sender::new(0),
            loading: watch::Sender::new(Mood::Well),
            flushing: watch::Sender::new(Mood::Well),
            written: watch::Sender::new(0),
            telling: watch::Sender::new(Mood::Well),
            seen: AtomicU64::new(0),
        })
    }

    /// Somebody else writes to the table.
    pub(crate) fn by_somebody_else(&self, change: impl FnOnce(&mut Vec<RawRow>)) {
        change(&mut self.rows.lock().unwrap());
        self.written.send_modify(|written| *written += 1);
    }

    /// How it tells of that.
    pub(crate) fn telling(&self, mood: Mood) {
        self.telling.send_replace(mood);
    }

    pub(crate) fn loading(&self, mood: Mood) {
        self.loading.send_replace(mood);
    }

    pub(crate) fn flushing(&self, mood: Mood) {
        self.flushing.send_replace(mood);
    }

    /// How often the table was read.
    pub(crate) fn loads(&self) -> usize {
        *self.loads.borrow()
    }
}

async fn endure(mood: &watch::Sender<Mood>) -> Result<(), StoreError> {
    let mood = *mood.subscribe().wait_for(|&mood| mood != Mood::Held).await.unwrap();
    match mood {
        Mood::Fails => Err(StoreError::Unavailable("it is away".into())),
        Mood::Hangs => std::future::pending().await,
        Mood::Panics => panic!("the store has a bug"),
        Mood::Held | Mood::Well => Ok(()),
    }
}

impl NodeStore for TestStore {
    fn load(&self) -> BoxFuture<'_, Result<Vec<RawRow>, StoreError>> {
        Box::pin(async {
            // First: what is written meanwhile is to be told of.
            self.seen.store(*self.written.borrow(), Ordering::SeqCst);
            let rows = self.rows.lock().unwrap().clone();
            self.loads.send_modify(|loads| *loads += 1);
            endure(&self.loading).await?;
            Ok(rows)
        })
    }

    fn flush<'a>(&'a self, changes: &'a [Change]) -> BoxFuture<'a, Result<Flushed, StoreError>> {
        Box::pin(async {
            endure(&self.flushing).await?;
            self.flushes.lock().unwrap().push(changes.to_vec());
            let conflicts = self.conflicts.lock().unwrap().clone();
            Ok(Flushed { written: changes.len() - conflicts.len(), conflicts })
        })
    }

    fn changed(&self, _: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            endure(&self.telling).await?;
            let mut written = self.written.subscribe();
            let is_new = |written: &u64| *written != self.seen.load(Ordering::SeqCst);
            written.wait_for(is_new).await.unwrap();
            Ok(())
        })
    }
}

pub(crate) fn cluster() -> ClusterId {
    ClusterId::new(1).unwrap()
}

pub(crate) fn machine(id: i32) -> MachineId {
    MachineId::new(id).unwrap()
}

pub(crate) fn node(id: i32) -> NodeKey {
    NodeKey { cluster: cluster(), machine: machine(id) }
}

pub(crate) fn row(id: i32, address: SocketAddr) -> RawRow {
    RawRow {
        id: Cell::Int((100 + id).into()),
        cluster_id: Cell::Int(1),
        machine_id: Cell::Int(id.into()),
        url: Cell::Text(format!("bin:{address}")),
        ..RawRow::default()
    }
}

/// Machine 1, and machine 2 at an address where nobody listens.
pub(crate) fn lonely() -> Vec<RawRow> {
    vec![row(1, ([127, 0, 0, 1], 1).into()), row(2, ([127, 0, 0, 1], 2).into())]
}

pub(crate) fn state(engine: &Cluster, id: i32) -> State {
    engine.view().node(node(id)).expect("it is in the table").state()
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < give_up, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits for something that must end.
pub(crate) async fn ends<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("never ended: {what}"),
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// An executor that is not tokio's.
pub(crate) fn wait_for<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let give_up = Instant::now() + PATIENCE;
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        assert!(Instant::now() < give_up, "never ended: {what}");
        thread::park_timeout(Duration::from_millis(100));
    }
}
