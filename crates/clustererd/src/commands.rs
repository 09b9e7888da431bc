//! The MI commands of the daemon. The reference in `docs/mi.md` is made from them
//! (`UPDATE_EXPECT=1 cargo test -p clustererd` writes it).

use crate::log::LogControl;
use anyhow::Result;
use clusterer::Cluster;
use clusterer_mi::{CommandTable, uptime, version};
use clusterer_ratelimit::{RateLimit, bin_status_command, mi_commands};
use std::sync::Arc;

/// The commands, in the order in which `which` lists them.
pub(crate) fn commands(
    cluster: &Cluster,
    ratelimit: Option<&RateLimit>,
    log: &LogControl,
) -> Result<Arc<CommandTable>> {
    let mut table = CommandTable::new();
    table.add(uptime())?;
    table.add(version(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")))?;
    table.add(log.command())?;
    for command in clusterer::mi::commands(cluster) {
        table.add(command)?;
    }
    if let Some(ratelimit) = ratelimit {
        let clock = cluster.clock();
        for command in mi_commands(ratelimit, move || clock.now()) {
            table.add(command)?;
        }
        table.add(bin_status_command(ratelimit, cluster))?;
    }
    Ok(Arc::new(table))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterer::{MachineId, MemoryStore};
    use clusterer_ratelimit::Config;
    use expect_test::expect_file;

    const HEAD: &str = "\
# Management commands

Made from the table of commands: `UPDATE_EXPECT=1 cargo test -p clustererd` writes this file.

Every command answers over the text form of OpenSIPS 2.x and over JSON-RPC 2.0, by its old name and by
the one that OpenSIPS 4.0 has for it. In the text form parameters are told by their order, a name before
them (`name::value`) is ignored; in JSON-RPC they come in order (`[1, 2]`) or by name (`{\"cluster_id\": 1}`).
`which` lists the commands, `help` describes one. Those that begin with `rl_` are there if the
configuration has a section `[ratelimit]`.

";

    #[tokio::test]
    async fn the_reference_is_current() {
        let store = Arc::new(MemoryStore::default());
        let cluster = Cluster::builder(MachineId::new(1).unwrap(), store).start().await.unwrap();
        let ratelimit = RateLimit::new(Config::default(), cluster.now());
        let table = commands(&cluster, Some(&ratelimit), &LogControl::of_nothing()).unwrap();
        let text = format!("{HEAD}{}", clusterer_mi::reference(&table));
        expect_file!["../../../docs/mi.md"].assert_eq(&format!("{}\n", text.trim_end()));
        cluster.shutdown().await;
    }
}
