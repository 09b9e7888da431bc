//! The MI commands of a node: `clusterer_list`, `clusterer_reload`, `clusterer_set_status`.

use crate::{Cluster, SetStateError};
use clusterer_core::{ClusterView, NodeView, StatusError};
use clusterer_mi::{ArgError, Args, MiCommand, MiData, MiNode, MiReply, Param, Spec, command};
use clusterer_node::{AdminState, Availability, NodeKey, Protocol, Reachability, State};
use std::sync::Arc;

const RELOAD: Spec =
    Spec::new("clusterer_reload", &[], "Loads the node table anew from the database")
        .also("clusterer:reload");

const SET_STATUS: Spec = Spec::new(
    "clusterer_set_status",
    &[
        Param::required("cluster_id", "the cluster").int(),
        Param::required("machine_id", "the machine within it").int().alias("node_id"),
        Param::required("status", "0: down until set again, 1: up").int(),
        Param::required("protocol", "the protocol of the machine's URL").or("bin"),
    ],
    "Sets the status of a machine in a cluster",
)
.also("clusterer:set_status");

const LIST: Spec =
    Spec::new("clusterer_list", &[], "Lists the clusters with their nodes and states")
        .also("clusterer:list");

/// The node's commands, in the order in which 2.2 lists them.
#[must_use]
pub fn commands(cluster: &Cluster) -> Vec<Arc<dyn MiCommand>> {
    let (reload, set_status, list) = (cluster.clone(), cluster.clone(), cluster.clone());
    vec![
        command(RELOAD, move |_| {
            let cluster = reload.clone();
            async move {
                match cluster.reload().await {
                    Ok(_) => MiReply::ok(),
                    // The reason stands in the log: 2.2 clients compare this line.
                    Err(_) => MiReply::error(500, "Failed to reload"),
                }
            }
        }),
        command(SET_STATUS, move |args| {
            let cluster = set_status.clone();
            async move {
                match Status::read(&args) {
                    Ok(status) => status.set(&cluster).await,
                    Err(error) => error.into(),
                }
            }
        }),
        command(LIST, move |_| {
            let reply = list_reply(&list);
            async { reply }
        }),
    ]
}

/// The parameters of `clusterer_set_status`.
#[derive(Debug, PartialEq, Eq)]
struct Status {
    node: NodeKey,
    state: State,
    protocol: Protocol,
}

impl Status {
    fn read(args: &Args) -> Result<Self, ArgError> {
        for position in 0..3 {
            args.required(position)?;
        }
        // 2.2 answers a missing protocol as a bad one.
        if args.len() == 3 {
            return Err(ArgError::Bad(3));
        }
        args.required(3)?;
        let node = NodeKey { cluster: args.parsed(0)?, machine: args.parsed(1)? };
        let state = match args.number(2, 0..=1)? {
            0 => State::Down,
            _ => State::Up,
        };
        Ok(Self { node, state, protocol: args.parsed(3)? })
    }

    async fn set(self, cluster: &Cluster) -> MiReply {
        let cluster_id = self.node.cluster;
        match cluster.set_state(self.node, self.state, self.protocol).await {
            Ok(()) => MiReply::ok(),
            Err(SetStateError::Stopped) => MiReply::Failed,
            Err(error) => {
                // Not limited: no peer can ask for that, and who may has a line for each success, too.
                tracing::warn!(%error, "clusterer_set_status changed nothing");
                MiReply::SilentError {
                    code: 404,
                    reason: match error {
                        // 4.0's words.
                        SetStateError::Status(StatusError::UnknownNode(_)) => {
                            match cluster.view().cluster(cluster_id) {
                                Some(_) => "Node id not found".to_owned(),
                                None => "Cluster id not found".to_owned(),
                            }
                        }
                        other => other.to_string(),
                    },
                }
            }
        }
    }
}

fn list_reply(cluster: &Cluster) -> MiReply {
    let view = cluster.view();
    let mut clusters: Vec<ClusterView<'_>> = view.clusters().collect();
    clusters.sort_by_key(|cluster| cluster.id);
    let data = MiData::List(clusters.into_iter().map(cluster_data).collect());
    MiReply::ok()
        .with_nodes(view.clusters().rev().map(list_cluster))
        .with_data(MiData::object([("Clusters", data)]))
}

/// As 4.0 has it, in order of ids, with what only 2.2 has at the end of a node.
fn cluster_data(cluster: ClusterView<'_>) -> MiData {
    let mut nodes: Vec<NodeView<'_>> = cluster.nodes.iter().collect();
    nodes.sort_by_key(|node| (node.node.row.machine, node.node.row.id));
    MiData::object([
        ("cluster_id", MiData::from(cluster.id.get())),
        ("Nodes", MiData::List(nodes.into_iter().map(node_data).collect())),
    ])
}

fn node_data(view: NodeView<'_>) -> MiData {
    let row = &view.node.row;
    let Availability { admin, reachability, last_attempt, no_tries, .. } = view.availability;
    let machine = row.machine.get();
    let is_up = view.state() == State::Up;
    MiData::object([
        ("node_id", MiData::from(machine)),
        ("db_id", row.id.get().into()),
        ("url", row.url.as_str().into()),
        ("link_state", link_state(admin, reachability).into()),
        ("state", if admin == AdminState::Enabled { "enabled" } else { "disabled" }.into()),
        ("next_hop", if is_up { machine.to_string() } else { "none".to_owned() }.into()),
        ("description", (&*row.description).into()),
        ("status", u32::from(view.state().number()).into()),
        ("last_failed_attempt", last_attempt.as_secs().into()),
        ("max_failed_attempts", row.failed_attempts.into()),
        ("no_tries", no_tries.into()),
        ("seconds_until_enabling", row.duration.into()),
    ])
}

/// 4.0's words: a node that is disabled is down, and one that is so temporarily until it is tried again.
const fn link_state(admin: AdminState, reachability: Reachability) -> &'static str {
    match (admin, reachability) {
        (AdminState::Enabled, Reachability::Up) => "Up",
        (AdminState::Enabled, Reachability::Probing) => "Probe",
        _ => "Down",
    }
}

/// As 2.2 keeps its lists: nodes grouped by protocol, everything in reverse order of the database.
fn list_cluster(cluster: ClusterView<'_>) -> MiNode {
    let mut groups: Vec<(Protocol, Vec<NodeView<'_>>)> = Vec::new();
    for node in cluster.nodes {
        let protocol = node.node.row.url.protocol();
        match groups.iter_mut().find(|(known, _)| *known == protocol) {
            Some((_, group)) => group.push(node),
            None => groups.push((protocol, vec![node])),
        }
    }
    let nodes = groups.into_iter().rev().flat_map(|(_, group)| group.into_iter().rev());
    nodes.map(list_node).fold(MiNode::new("Cluster", cluster.id.get()), MiNode::with_child)
}

fn list_node(view: NodeView<'_>) -> MiNode {
    let row = &view.node.row;
    MiNode::new("Server", row.machine.get())
        .with_attribute("DB_ID", row.id.get())
        .with_attribute("URL", row.url.as_str())
        .with_attribute("State", u32::from(view.state().number()))
        .with_attribute("Last_failed_attempt", view.availability.last_attempt.as_secs())
        .with_attribute("Max_failed_attempts", row.failed_attempts)
        .with_attribute("no_tries", view.availability.no_tries)
        .with_attribute("Seconds_until_enabling", row.duration)
        .with_attribute("Description", &*row.description)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterer_mi::Arg;

    fn read(args: &[&str]) -> String {
        match Status::read(&Args::positional(args.iter().copied())) {
            Ok(Status { node, state, protocol }) => format!("{node} {state} {protocol}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_disabled_node_is_down_however_reachable_it_is() {
        for reachability in [Reachability::Up, Reachability::Probing, Reachability::Disabled] {
            assert_eq!(link_state(AdminState::Down, reachability), "Down");
        }
        assert_eq!(link_state(AdminState::Enabled, Reachability::Up), "Up");
        assert_eq!(link_state(AdminState::Enabled, Reachability::Probing), "Probe");
        assert_eq!(link_state(AdminState::Enabled, Reachability::Disabled), "Down");
    }

    #[test]
    fn set_status_takes_what_2_2_takes() {
        assert_eq!(read(&["1", "2", "0", "bin"]), "cluster 1 machine 2 0 bin");
        assert_eq!(read(&["01", "002", "1", "BIN"]), "cluster 1 machine 2 1 bin");
        assert_eq!(read(&["1", "2", "1", "udp"]), "cluster 1 machine 2 1 udp");
        assert_eq!(read(&["1", "2", "1", "bin", "more"]), "cluster 1 machine 2 1 bin");
        for few in [&[][..], &["1"], &["1", "2"]] {
            assert_eq!(read(few), "Too few or too many arguments", "{few:?}");
        }
        for bad in [
            ["1", "2", "2", "bin"],
            ["1", "2", "-1", "bin"],
            ["0", "2", "1", "bin"],
            ["1", "+2", "1", "bin"],
            ["4294967297", "2", "1", "bin"],
            ["1", "2", "1", "bins"],
        ] {
            assert_eq!(read(&bad), "Bad parameter", "{bad:?}");
        }
        assert_eq!(read(&["1", "2", "0"]), "Bad parameter");
        let empty: Args =
            [Arg::positional("1"), Arg::named("machine_id", ""), Arg::positional("1")]
                .into_iter()
                .collect();
        assert_eq!(Status::read(&empty), Err(ArgError::Count));
    }
}
