//! The status page, its snapshot and its events, and what ratelimit adds to them.

use clusterer::Cluster;
use clusterer_mi::{HttpResponse, HttpServer, ServerEvent};
use clusterer_ratelimit::{PipeStatus, RateLimit};
use clusterer_status::{ASSETS, CONTENT_SECURITY_POLICY, Status};
use serde::Serialize;
use std::borrow::Cow;

/// How many pipes are shown. `rl_list` has all of them.
const MOST_PIPES: usize = 500;

/// Mounts the page. `control` is where commands are taken, if that wants a token.
pub(crate) fn mount(
    mut server: HttpServer,
    cluster: &Cluster,
    ratelimit: Option<&RateLimit>,
    control: Option<&str>,
) -> HttpServer {
    for asset in ASSETS {
        let response = HttpResponse::new(asset.content_type, asset.body)
            .with_header("content-security-policy", CONTENT_SECURITY_POLICY);
        server = server.asset(asset.path, response);
    }
    let status = watch(cluster, ratelimit, control);
    let snapshots = status.clone();
    server
        .get("/api/v1/cluster", move || {
            let snapshot = snapshots.snapshot();
            async { HttpResponse::json(snapshot) }
        })
        .stream("/api/v1/events", move |client| {
            let mut updates = status.updates();
            async move {
                // Whoever reads slowly gets fewer updates.
                while client.taken().await.is_ok() {
                    let Some(update) = updates.next().await else { return };
                    if client.send(&ServerEvent::new(update.name, &update.data)).is_err() {
                        return;
                    }
                }
            }
        })
}

fn watch(cluster: &Cluster, ratelimit: Option<&RateLimit>, control: Option<&str>) -> Status {
    let mut builder = Status::builder(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    if let Some(path) = control {
        builder = builder.control(path);
    }
    if let Some(limits) = ratelimit {
        let (limits, clock) = (limits.clone(), cluster.clock());
        builder = builder.section("ratelimit", move || pipes(&limits.list(clock.now())));
    }
    builder.watch(cluster)
}

/// The section that ratelimit adds: see docs/http.md.
#[derive(Serialize)]
struct Pipes<'a> {
    pipes_total: usize,
    pipes: Vec<Pipe<'a>>,
}

#[derive(Serialize)]
struct Pipe<'a> {
    pipe: Cow<'a, str>,
    algorithm: &'static str,
    limit: u32,
    counter: u64,
    own: u64,
    others: u64,
}

fn pipes(all: &[PipeStatus]) -> String {
    let pipes = all.iter().take(MOST_PIPES).map(Pipe::from).collect();
    // There is nothing in it that JSON does not have.
    serde_json::to_string(&Pipes { pipes_total: all.len(), pipes }).unwrap_or_default()
}

impl<'a> From<&'a PipeStatus> for Pipe<'a> {
    fn from(status: &'a PipeStatus) -> Self {
        Self {
            pipe: String::from_utf8_lossy(&status.name),
            algorithm: status.algorithm.name(),
            limit: status.limit,
            counter: status.counter,
            own: status.own,
            others: status.remotes.iter().map(|remote| u64::from(remote.counter)).sum(),
        }
    }
}
