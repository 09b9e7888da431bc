//! What the examples are told: this machine's id, then every machine of cluster 1 with its URL.

use clusterer::{Builder, Cluster, ClusterId, Dialect, ListenerConfig, MachineId, MemoryStore};
use std::error::Error;
use std::sync::Arc;

/// Reads `MY_ID ID=URL ID=URL …` (URLs as in the database, such as `bin:127.0.0.1:5566`), and makes the
/// settings of a node that listens where its own URL says.
pub(crate) fn node(
    arguments: impl IntoIterator<Item = String>,
) -> Result<(ClusterId, Builder), Box<dyn Error>> {
    let mut arguments = arguments.into_iter();
    let own: MachineId = arguments.next().ok_or("usage: MY_ID ID=URL ID=URL …")?.parse()?;
    let mut machines = Vec::new();
    for argument in arguments {
        let (machine, url) = argument.split_once('=').ok_or("not ID=URL")?;
        machines.push((machine.parse::<MachineId>()?, url.to_owned()));
    }
    let url = machines.iter().find(|(machine, _)| *machine == own).map(|(_, url)| url);
    let url = url.ok_or("MY_ID has no URL among the others")?;
    let address = url.strip_prefix("bin:").ok_or("my URL is not bin:ADDRESS:PORT")?.parse()?;
    let cluster = "1".parse()?;
    let store = Arc::new(MemoryStore::of(cluster, machines));
    let listener = ListenerConfig { address, dialect: Dialect::V22 };
    Ok((cluster, Cluster::builder(own, store).listen(vec![listener])))
}
