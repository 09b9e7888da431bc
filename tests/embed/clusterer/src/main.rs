//! A node without its MI commands, on a table that is a list.

use clusterer::{
    BoxFuture, Cell, Change, Cluster, ClusterId, Flushed, MachineId, NodeStore, Protocol, RawRow,
    StoreError,
};
use std::sync::Arc;

struct Alone;

impl NodeStore for Alone {
    fn load(&self) -> BoxFuture<'_, Result<Vec<RawRow>, StoreError>> {
        let own = RawRow {
            id: Cell::Int(1),
            cluster_id: Cell::Int(1),
            machine_id: Cell::Int(1),
            url: Cell::Text("bin:127.0.0.1:5566".into()),
            ..RawRow::default()
        };
        Box::pin(async { Ok(vec![own]) })
    }

    fn flush<'a>(&'a self, _: &'a [Change]) -> BoxFuture<'a, Result<Flushed, StoreError>> {
        Box::pin(async { Ok(Flushed::default()) })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let own = MachineId::new(1).ok_or("an id is positive")?;
    let cluster = ClusterId::new(1).ok_or("an id is positive")?;
    let node = Cluster::builder(own, Arc::new(Alone)).start().await?;
    println!(
        "machine {} has {} peers",
        node.get_my_id(),
        node.get_nodes(cluster, Protocol::Bin).len()
    );
    node.shutdown().await;
    Ok(())
}
