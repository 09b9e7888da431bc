//! What a node shows, printed.

use clusterer::{Cluster, MachineId, MemoryStore};
use clusterer_status::{ASSETS, Status};
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let own = MachineId::new(1).ok_or("no machine id")?;
    let node = Cluster::builder(own, Arc::new(MemoryStore::default())).start().await?;
    let status = Status::builder("embedded", "0").watch(&node);
    println!("{}", status.snapshot());
    for asset in ASSETS {
        println!("{} {} {} bytes", asset.path, asset.content_type, asset.body.len());
    }
    node.shutdown().await;
    Ok(())
}
