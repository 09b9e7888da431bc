//! The JSON: every field of it. What they mean is in docs/http.md, which a test compares with this.

use crate::drawing::{Drawing, Figures, ShownModule, ShownNode};
use crate::events::Told;
use crate::sections::Drawn;
use crate::wall::{Seconds, Wall};
use clusterer::{
    AdminState, Availability, ClusterId, Failure, LinkState, Moment, NodeView, Provisioning,
    Reachability, Watched,
};
use serde::Serialize;
use std::net::SocketAddr;

/// How many of the rows that were left out are shown.
const MOST_ROWS: usize = 100;

/// What never changes while a node runs.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) program: String,
    pub(crate) version: String,
    pub(crate) control: Option<String>,
    pub(crate) machine_id: i32,
    pub(crate) started: Moment,
    pub(crate) listen: Vec<SocketAddr>,
}

/// Everything.
#[derive(Serialize)]
pub(crate) struct Snapshot<'a> {
    time_unix_seconds: Seconds,
    machine_id: i32,
    program: &'a str,
    version: &'a str,
    started_unix_seconds: Seconds,
    uptime_seconds: Seconds,
    listen: &'a [SocketAddr],
    control: Option<Control<'a>>,
    database: Database,
    clusters: Vec<ClusterJson<'a>>,
    modules: Vec<ModuleJson<'a>>,
    sections: &'a Drawn,
    events: Vec<&'a Told>,
}

/// What has changed.
#[derive(Serialize)]
pub(crate) struct Change<'a> {
    time_unix_seconds: Seconds,
    database: Database,
    nodes: Vec<NodeJson<'a>>,
    modules: Vec<ModuleJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sections: Option<&'a Drawn>,
    events: Vec<&'a Told>,
}

#[derive(Serialize)]
struct Control<'a> {
    path: &'a str,
}

#[derive(Serialize)]
struct Database {
    up: bool,
    error: Option<String>,
    loaded_unix_seconds: Seconds,
    skipped_rows_total: usize,
    skipped_rows: Vec<String>,
}

#[derive(Serialize)]
struct ClusterJson<'a> {
    cluster_id: i32,
    nodes: Vec<NodeJson<'a>>,
}

#[derive(Serialize)]
struct NodeJson<'a> {
    cluster_id: i32,
    machine_id: i32,
    db_id: i64,
    url: &'a str,
    protocol: &'static str,
    description: &'a str,
    state: &'static str,
    state_number: u8,
    no_tries: u32,
    failed_attempts: u32,
    duration_seconds: u32,
    last_attempt_unix_seconds: Option<Seconds>,
    since_unix_seconds: Option<Seconds>,
    next_attempt_unix_seconds: Option<Seconds>,
    last_error: Option<ErrorJson>,
    round_trip_seconds: Option<Seconds>,
    round_trip_mean_seconds: Option<Seconds>,
    traffic: Traffic,
    link: Option<&'static str>,
    queued_bytes: usize,
}

#[derive(Serialize)]
struct ErrorJson {
    kind: &'static str,
    time_unix_seconds: Option<Seconds>,
}

#[derive(Serialize)]
struct Traffic {
    received_packets: u64,
    received_bytes: u64,
    sent_packets: u64,
    sent_bytes: u64,
}

#[derive(Serialize)]
struct ModuleJson<'a> {
    name: &'a str,
    cluster_id: Option<i32>,
    protocol: &'static str,
    timeout_seconds: Seconds,
    auth_check: bool,
    nodes: Vec<HeardJson>,
}

#[derive(Serialize)]
struct HeardJson {
    machine_id: i32,
    last_seen_unix_seconds: Seconds,
    disabled_until_unix_seconds: Option<Seconds>,
    received_packets: u64,
    received_bytes: u64,
}

impl<'a> Snapshot<'a> {
    pub(crate) fn new(
        about: &'a About,
        wall: &Wall,
        drawing: &'a Drawing,
        events: Vec<&'a Told>,
    ) -> Self {
        let mut shown = drawing.nodes.iter();
        let clusters = drawing.view.clusters().map(|cluster| ClusterJson {
            cluster_id: cluster.id.get(),
            nodes: cluster
                .nodes
                .iter()
                .zip(shown.by_ref())
                .map(|(node, shown)| NodeJson::new(&node, shown, wall))
                .collect(),
        });
        Self {
            time_unix_seconds: wall.time(drawing.at),
            machine_id: about.machine_id,
            program: &about.program,
            version: &about.version,
            started_unix_seconds: wall.time(about.started),
            uptime_seconds: Seconds(drawing.at.since(about.started)),
            listen: &about.listen,
            control: about.control.as_deref().map(|path| Control { path }),
            database: Database::new(wall, &drawing.provisioning),
            clusters: clusters.collect(),
            modules: drawing.modules.iter().map(|module| ModuleJson::new(module, wall)).collect(),
            sections: &drawing.sections,
            events,
        }
    }
}

impl<'a> Change<'a> {
    pub(crate) fn new(
        wall: &Wall,
        drawing: &'a Drawing,
        since: u64,
        events: Vec<&'a Told>,
    ) -> Self {
        let nodes = drawing.view.nodes().zip(&drawing.nodes);
        let nodes = nodes.filter(|(_, shown)| shown.version > since);
        let modules = drawing.modules.iter().filter(|module| module.version > since);
        Self {
            time_unix_seconds: wall.time(drawing.at),
            database: Database::new(wall, &drawing.provisioning),
            nodes: nodes.map(|(node, shown)| NodeJson::new(&node, shown, wall)).collect(),
            modules: modules.map(|module| ModuleJson::new(module, wall)).collect(),
            sections: (drawing.sections_version > since).then(|| &*drawing.sections),
            events,
        }
    }
}

/// As it goes out. There is nothing in it that JSON does not have.
pub(crate) fn render(document: &impl Serialize) -> String {
    serde_json::to_string(document).unwrap_or_else(|_| "{}".to_owned())
}

impl Database {
    fn new(wall: &Wall, provisioning: &Provisioning) -> Self {
        let Provisioning { failure, loaded, skipped, .. } = provisioning;
        Self {
            up: failure.is_none(),
            error: failure.as_ref().map(ToString::to_string),
            loaded_unix_seconds: wall.time(*loaded),
            skipped_rows_total: skipped.len(),
            skipped_rows: skipped.iter().take(MOST_ROWS).map(ToString::to_string).collect(),
        }
    }
}

impl<'a> NodeJson<'a> {
    fn new(view: &NodeView<'a>, shown: &ShownNode, wall: &Wall) -> Self {
        let NodeView { node, availability, link, link_state, since, .. } = *view;
        let row = &node.row;
        let Figures { next_attempt, round_trip, received, sent, queued_bytes } = shown.figures;
        let error = |failure: Failure| ErrorJson {
            kind: failure.cause.name(),
            time_unix_seconds: Seconds::unless_never(failure.at),
        };
        Self {
            cluster_id: row.cluster.get(),
            machine_id: row.machine.get(),
            db_id: row.id.get(),
            url: row.url.as_str(),
            protocol: row.url.protocol().name(),
            description: &row.description,
            state: state_word(&availability),
            state_number: availability.state().number(),
            no_tries: availability.no_tries,
            failed_attempts: row.failed_attempts,
            duration_seconds: row.duration,
            last_attempt_unix_seconds: Seconds::unless_never(availability.last_attempt),
            since_unix_seconds: Seconds::unless_never(since),
            next_attempt_unix_seconds: next_attempt.map(|at| wall.time(at)),
            last_error: view.last_failure().map(error),
            round_trip_seconds: round_trip.map(|trip| Seconds(trip.last)),
            round_trip_mean_seconds: round_trip.map(|trip| Seconds(trip.smoothed)),
            traffic: Traffic {
                received_packets: received.packets,
                received_bytes: received.bytes,
                sent_packets: sent.packets,
                sent_bytes: sent.bytes,
            },
            link: link.and(Some(link_word(link_state))),
            queued_bytes,
        }
    }
}

impl<'a> ModuleJson<'a> {
    fn new(module: &'a ShownModule, wall: &Wall) -> Self {
        let registration = &module.registration;
        let heard = |watched: &Watched| HeardJson {
            machine_id: watched.node.machine.get(),
            last_seen_unix_seconds: wall.time(watched.last_seen),
            disabled_until_unix_seconds: watched.shut_until.map(|until| wall.time(until)),
            received_packets: watched.received.packets,
            received_bytes: watched.received.bytes,
        };
        Self {
            name: &registration.name,
            cluster_id: registration.cluster.map(ClusterId::get),
            protocol: registration.protocol.name(),
            timeout_seconds: Seconds(registration.timeout),
            auth_check: registration.auth_check,
            nodes: module.watched.iter().map(heard).collect(),
        }
    }
}

/// The four things that the numbers 0, 1 and 2 stand for.
const fn state_word(availability: &Availability) -> &'static str {
    match (availability.admin, availability.reachability) {
        (AdminState::Down, _) => "down",
        (_, Reachability::Up) => "up",
        (_, Reachability::Disabled) => "disabled",
        _ => "probing",
    }
}

const fn link_word(state: LinkState) -> &'static str {
    match state {
        LinkState::Dialling => "dialling",
        LinkState::Open => "open",
        _ => "idle",
    }
}
