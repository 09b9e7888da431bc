//! `rl_bin_status`: with whom the pipes are shared.

use crate::RateLimit;
use clusterer::{Cluster, ClusterId, Protocol};
use clusterer_mi::{MiCommand, MiNode, MiReply, Spec, command};
use std::sync::Arc;

const BIN_STATUS: Spec =
    Spec::new("rl_bin_status", &[], "Lists the up nodes that pipes are sent to and accepted from")
        .also("ratelimit:bin_status");

/// `rl_bin_status`, to be added to a command table: the nodes that are up, first those that pipes are
/// sent to (`server`), then those that they are accepted from (`client`).
pub fn bin_status_command(limits: &RateLimit, cluster: &Cluster) -> Arc<dyn MiCommand> {
    let (limits, cluster) = (limits.clone(), cluster.clone());
    command(BIN_STATUS, move |_| {
        let config = limits.config();
        let mut nodes = list(&cluster, config.replicate_to(), "server");
        nodes.extend(list(&cluster, config.accept_from(), "client"));
        // As 2.2: with nobody up there is nothing to say.
        let reply =
            if nodes.is_empty() { MiReply::Failed } else { MiReply::ok().with_nodes(nodes) };
        async { reply }
    })
}

fn list(cluster: &Cluster, id: Option<ClusterId>, role: &'static str) -> Vec<MiNode> {
    let Some(id) = id else { return Vec::new() };
    let view = cluster.view();
    view.up(id, Protocol::Bin)
        .map(|node| {
            MiNode::new("Cluster ID", id.get())
                .with_attribute("Machine ID", node.node.row.machine.get())
                .with_attribute("STATE", u32::from(node.state().number()))
                .with_attribute("DESCRIPTION", &*node.node.row.description)
                .with_attribute("TYPE", role)
        })
        .collect()
}
