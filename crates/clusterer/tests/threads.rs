//! An engine's threads end with it. A program of its own: it looks at all threads of the process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use clusterer::{
    BoxFuture, Cell, Change, Cluster, ClusterId, ClusterModule, Dialect, Flushed, ListenerConfig,
    MachineId, Malformed, ModuleEvent, NodeStore, Packet, PacketContext, RawRow,
    RegisterModuleError, Registration, StoreError, WeakCluster,
};
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Two nodes, or an error.
struct Store {
    well: bool,
}

impl NodeStore for Store {
    fn load(&self) -> BoxFuture<'_, Result<Vec<RawRow>, StoreError>> {
        let row = |machine: i128| RawRow {
            id: Cell::Int(machine),
            cluster_id: Cell::Int(1),
            machine_id: Cell::Int(machine),
            url: Cell::Text(format!("bin:127.0.0.1:{machine}")),
            ..RawRow::default()
        };
        let answer = if self.well {
            Ok(vec![row(1), row(2)])
        } else {
            Err(StoreError::Refused("no permission".into()))
        };
        Box::pin(async { answer })
    }

    fn flush<'a>(&'a self, _: &'a [Change]) -> BoxFuture<'a, Result<Flushed, StoreError>> {
        Box::pin(async { Ok(Flushed::default()) })
    }
}

/// A module as modules should be.
struct Holder {
    _node: WeakCluster,
}

impl ClusterModule for Holder {
    fn on_packet(&self, _: &PacketContext, _: &Packet<'_>) -> Result<(), Malformed> {
        Ok(())
    }

    fn on_event(&self, _: ModuleEvent) {}
}

fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").expect("this is Linux");
    let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm")).ok();
    let names = tasks.flatten().filter_map(name);
    names.filter(|name| name.starts_with("clusterer-")).collect()
}

/// A thread gives itself its name, and goes a moment after it has ended.
async fn await_threads(count: usize, after: &str) {
    let give_up = Instant::now() + Duration::from_secs(20);
    while threads().len() != count {
        assert!(Instant::now() < give_up, "after {after}: {:?}", threads());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn start(well: bool) -> Option<Cluster> {
    let listener = ListenerConfig { address: ([127, 0, 0, 1], 0).into(), dialect: Dialect::V22 };
    let store = Arc::new(Store { well });
    let builder = Cluster::builder(MachineId::new(1).unwrap(), store);
    builder.listen(vec![listener]).persistent(true).start().await.ok()
}

struct Nobody;

impl ClusterModule for Nobody {
    fn on_packet(&self, _: &PacketContext, _: &Packet<'_>) -> Result<(), Malformed> {
        Ok(())
    }

    fn on_event(&self, _: ModuleEvent) {}
}

/// With a name of which a thread's name takes in whole characters only.
async fn register(engine: &Cluster) -> Result<(), RegisterModuleError> {
    let cluster = ClusterId::new(1).unwrap();
    let registration = Registration::new("parröts", cluster, Duration::from_secs(60));
    engine.register_module(registration, Arc::new(Nobody)).await
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn end_with_the_engine_however_it_ends() {
    assert!(start(false).await.is_none());
    await_threads(0, "a start that failed").await;

    let engine = start(true).await.expect("it starts");
    let clone = engine.clone();
    drop(engine);
    await_threads(2, "a start, with a handle left").await;
    register(&clone).await.expect("a good name");
    await_threads(3, "a registration").await;
    assert!(threads().iter().any(|name| name == "clusterer-parr\n"), "{:?}", threads());
    register(&clone).await.expect_err("it is registered already");
    await_threads(3, "a registration that failed").await;
    drop(clone);
    await_threads(0, "the last handle").await;

    let engine = start(true).await.expect("it starts");
    let module = Arc::new(Holder { _node: engine.downgrade() });
    let registration = Registration::new("holder", None, Duration::from_secs(1));
    engine.register_module(registration, module.clone()).await.expect("a good name");
    drop(engine);
    await_threads(0, "the last handle but the weak one of a module").await;
    drop(module);

    let engine = start(true).await.expect("it starts");
    register(&engine).await.expect("a good name");
    engine.shutdown().await;
    await_threads(0, "a shutdown").await;
    register(&engine).await.expect_err("it has ended");
    await_threads(0, "a registration after it").await;

    for turns in 0..20 {
        let starting = tokio::spawn(start(true));
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        starting.abort();
        drop(starting.await);
    }
    await_threads(0, "starts given up at any moment").await;
}
