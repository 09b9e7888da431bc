//! What a node knows of each of its peers, as Prometheus reads it: drawn when it is asked for. So it is exact,
//! costs nothing in between, and a node that leaves the table leaves the page.

use crate::exposition::{Exposition, Kind, escape};
use clusterer::{
    AdminState, Cluster, ClusterId, LinkState, Moment, NodeView, Reachability, State, View, Volume,
    Watched,
};
use std::fmt::Write as _;

/// What a page takes in bytes: of all it says of a node, and of a module that watches it.
const NODE: usize = 1_000;
const WATCHED: usize = 900;
const HELP: usize = 2_000;

/// The modules that are not registered for the cluster they send to.
const OTHER: &str = "other";

/// Everything that a node knows of its peers and of its database, in the text format of Prometheus: states, round
/// trips, queues, and what modules and peers have sent each other. Each family is there, also with no peer in
/// the table. The metrics that the crates count by themselves are not among these: they are the recorder's.
///
/// Any thread; takes about two microseconds a node, and stops nothing meanwhile.
///
/// ```
/// use clusterer::{Cluster, ClusterId, MachineId, MemoryStore};
/// use std::sync::Arc;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (cluster, own, peer) =
///     (ClusterId::new(1).unwrap(), MachineId::new(1).unwrap(), MachineId::new(2).unwrap());
/// let urls = [(own, "bin:127.0.0.1:5566"), (peer, "bin:127.0.0.2:5566")];
/// let node = Cluster::builder(own, Arc::new(MemoryStore::of(cluster, urls))).start().await?;
/// let page = clusterer_status::render_metrics(&node);
/// assert!(page.contains("clusterer_node_queue_bytes{cluster_id=\"1\",machine_id=\"2\"} 0\n"));
/// # node.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn render_metrics(cluster: &Cluster) -> String {
    let (view, now) = (cluster.view(), cluster.now());
    let nodes: Vec<Peer<'_>> = view.nodes().map(|node| Peer::of(cluster, node)).collect();
    let modules: Vec<Module> = Module::all(&view, now);
    let watched: usize = modules.iter().map(|module| module.nodes.len()).sum();
    let mut page =
        Exposition::with_capacity(HELP + nodes.len() * NODE + (watched + nodes.len()) * WATCHED);
    draw_own(&mut page, &view);
    draw_states(&mut page, &view, &nodes);
    draw_links(&mut page, &nodes);
    draw_modules(&mut page, &modules, now);
    draw_traffic(&mut page, &nodes, &modules);
    let age = now.since(cluster.provisioning().loaded);
    page.family(
        "clusterer_table_age_seconds",
        Kind::Gauge,
        "Since the node table in memory was read, or found unchanged",
    )
    .alone(age.as_secs_f64());
    page.finish()
}

/// A node, with what is asked for more than once.
struct Peer<'v> {
    view: NodeView<'v>,
    labels: String,
    queued_bytes: usize,
}

impl<'v> Peer<'v> {
    fn of(cluster: &Cluster, view: NodeView<'v>) -> Self {
        let queued_bytes = view.link.map_or(0, |link| cluster.queued_bytes(link));
        let key = view.node.key();
        let labels = labels(key.cluster, key.machine.get());
        Self { view, labels, queued_bytes }
    }
}

/// A module of one cluster.
struct Module {
    name: String,
    cluster: ClusterId,
    timeout: f64,
    nodes: Vec<(String, Watched)>,
}

impl Module {
    /// Those that have a cluster. One that takes packets from anybody watches nobody.
    fn all(view: &View, now: Moment) -> Vec<Self> {
        let modules = view.modules();
        let registrations = modules.registrations();
        let modules = registrations.filter_map(|registration| {
            let name = format!(",module=\"{}\"", escape(&registration.name));
            let label = |watched: Watched| {
                let key = watched.node;
                (labels(key.cluster, key.machine.get()) + &name, watched)
            };
            Some(Self {
                cluster: registration.cluster?,
                timeout: registration.timeout.as_secs_f64(),
                nodes: modules.watched(registration, now).map(label).collect(),
                name,
            })
        });
        modules.collect()
    }
}

fn labels(cluster: ClusterId, machine: i32) -> String {
    let mut labels = String::with_capacity(64);
    // Writing to a String cannot fail.
    let _ = write!(labels, "cluster_id=\"{cluster}\",machine_id=\"{machine}\"");
    labels
}

/// As the database and MI have them.
const STATES: [State; 3] = [State::Down, State::Up, State::Probing];

/// Without it nobody could tell which of the peers that others see is the one that was asked.
fn draw_own(page: &mut Exposition, view: &View) {
    let mut family = page.family(
        "clusterer_member_info",
        Kind::Gauge,
        "1, for each cluster that this node is in, with its own machine_id",
    );
    for cluster in view.clusters() {
        family.sample(&labels(cluster.id, view.own().get()), "", 1_u8);
    }
}

fn draw_states(page: &mut Exposition, view: &View, nodes: &[Peer<'_>]) {
    let mut family = page.family(
        "clusterer_node_state",
        Kind::Gauge,
        "1 for the state a node is in: 0 down, 1 up, 2 probing or temporarily disabled",
    );
    let states = STATES.map(|state| (state, format!(",state=\"{state}\"")));
    for Peer { view, labels, .. } in nodes {
        for (state, label) in &states {
            family.sample(labels, label, u8::from(view.state() == *state));
        }
    }
    let mut family = page.family(
        "clusterer_nodes",
        Kind::Gauge,
        "Nodes of a cluster in a state, without this one",
    );
    for cluster in view.clusters() {
        let labels = format!("cluster_id=\"{}\"", cluster.id);
        for (state, label) in &states {
            let count = cluster.nodes.iter().filter(|node| node.state() == *state).count();
            family.sample(&labels, label, count);
        }
    }
    let mut each = |name, help, figure: &dyn Fn(&NodeView<'_>) -> u32| {
        let mut family = page.family(name, Kind::Gauge, help);
        for Peer { view, labels, .. } in nodes {
            family.sample(labels, "", figure(view));
        }
    };
    each(
        "clusterer_node_disabled",
        "1 while a node is temporarily disabled: it failed too often in a row and is left alone for a while",
        &|node| {
            let is = node.availability;
            u32::from(is.admin == AdminState::Enabled && is.reachability == Reachability::Disabled)
        },
    );
    each(
        "clusterer_node_failed_attempts",
        "How often in a row a node has failed: 0 when it is well",
        &|node| node.availability.no_tries,
    );
    each(
        "clusterer_node_connected",
        "1 if the connection to a node is established, by which it is pinged and sent to",
        &|node| u32::from(node.link_state == LinkState::Open),
    );
}

fn draw_links(page: &mut Exposition, nodes: &[Peer<'_>]) {
    let mut family = page.family(
        "clusterer_node_queue_bytes",
        Kind::Gauge,
        "Bytes of packets that wait to be sent to a node",
    );
    for Peer { labels, queued_bytes, .. } in nodes {
        family.sample(labels, "", queued_bytes);
    }
    let mut round_trips = |name, help, which: fn(clusterer::RoundTrip) -> std::time::Duration| {
        let mut family = page.family(name, Kind::Gauge, help);
        for Peer { view, labels, .. } in nodes {
            // A zero would be the best round trip of all.
            let known = view.round_trip().map_or(f64::NAN, |known| which(known).as_secs_f64());
            family.sample(labels, "", known);
        }
    };
    round_trips(
        "clusterer_node_round_trip_seconds",
        "How long the last ping of a node took, in whole milliseconds; NaN until one was answered",
        |known| known.last,
    );
    round_trips(
        "clusterer_node_round_trip_smoothed_seconds",
        "The mean of a node's round trips, in which the last one has a part of an eighth; NaN until there is one",
        |known| known.smoothed,
    );
}

fn draw_modules(page: &mut Exposition, modules: &[Module], now: Moment) {
    let mut family = page.family(
        "clusterer_module_timeout_seconds",
        Kind::Gauge,
        "How long a node may be silent before a module takes its data for invalid",
    );
    for Module { name, cluster, timeout, .. } in modules {
        family.sample(&format!("cluster_id=\"{cluster}\""), name, timeout);
    }
    let nodes = || modules.iter().flat_map(|module| &module.nodes);
    let mut family = page.family(
        "clusterer_node_last_seen_age_seconds",
        Kind::Gauge,
        "Since a module last heard a node; at first, since the node was loaded",
    );
    for (labels, watched) in nodes() {
        family.sample(labels, "", now.since(watched.last_seen).as_secs_f64());
    }
    let mut family = page.family(
        "clusterer_node_shut_out",
        Kind::Gauge,
        "1 while a module takes nothing from a node, since it was silent for too long",
    );
    for (labels, watched) in nodes() {
        family.sample(labels, "", u8::from(watched.shut_until.is_some()));
    }
}

fn draw_traffic(page: &mut Exposition, nodes: &[Peer<'_>], modules: &[Module]) {
    let watched = || modules.iter().flat_map(|module| &module.nodes);
    let mut received = |name, help, which: fn(Volume) -> u64| {
        let mut family = page.family(name, Kind::Counter, help);
        for (labels, watched) in watched() {
            family.sample(labels, "", which(watched.received));
        }
    };
    received(
        "clusterer_node_received_packets_total",
        "Packets that a module has taken from a node",
        |volume| volume.packets,
    );
    received(
        "clusterer_node_received_bytes_total",
        "Bytes of the packets that a module has taken from a node, headers included",
        |volume| volume.bytes,
    );
    let other = format!(",module=\"{OTHER}\"");
    let mut sent = |name, help, which: fn(Volume) -> u64| {
        let mut family = page.family(name, Kind::Counter, help);
        for (labels, watched) in watched() {
            family.sample(labels, "", which(watched.sent));
        }
        for Peer { view, labels, .. } in nodes {
            family.sample(labels, &other, which(view.sent_by_others()));
        }
    };
    sent(
        "clusterer_node_sent_packets_total",
        "Packets that a module has queued for a node (other: modules that are not registered for its cluster)",
        |volume| volume.packets,
    );
    sent(
        "clusterer_node_sent_bytes_total",
        "Bytes of the packets that a module has queued for a node, headers included (other: as for packets)",
        |volume| volume.bytes,
    );
}
