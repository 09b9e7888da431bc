//! The Prometheus exporter: the recorder that the crates' metrics go to, and the server that shows it.

#[cfg(test)]
mod page;
#[cfg(test)]
mod tests;

use crate::activation::Passed;
use crate::reload;
use crate::vitals::Vitals;
use anyhow::{Context as _, Result};
use clusterer::{CALLBACK_BUCKETS, CALLBACK_SECONDS, Cluster};
use clusterer_mi::{HttpConfig, HttpHandle, HttpResponse, HttpServer};
use metrics::{Unit, describe_gauge, gauge};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::MissedTickBehavior;

/// The recorder keeps every duration until it is added to its bucket: a flood of packets is one of
/// durations.
const UPKEEP: Duration = Duration::from_secs(1);

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

const BUILD_INFO: &str = "clusterer_build_info";
const START_TIME: &str = "clusterer_start_time_seconds";

/// An exporter whose address is bound, and which does not record yet.
pub(crate) struct Exporter {
    recorder: PrometheusRecorder,
    server: HttpServer,
}

/// An exporter that records. Whoever connects waits until it answers.
pub(crate) struct Recording {
    figures: PrometheusHandle,
    server: HttpServer,
    upkeep: JoinHandle<()>,
}

/// An exporter that records and answers scrapes.
pub(crate) struct Exporting {
    server: HttpHandle,
    upkeep: JoinHandle<()>,
}

impl Exporter {
    pub(crate) fn bind(address: SocketAddr, passed: &mut Passed) -> Result<Self> {
        let mut config = HttpConfig::new(address);
        // Figures only. Who lets others reach them has written that address.
        config.insecure = true;
        let server = match passed.take(address) {
            Some(socket) => HttpServer::over(config, socket),
            None => HttpServer::bind(config),
        };
        Ok(Self { recorder: recorder()?, server: server? })
    }

    /// Records from now on. To be called on a tokio runtime.
    pub(crate) fn install(self) -> Result<Recording> {
        let figures = self.recorder.handle();
        metrics::set_global_recorder(self.recorder)
            .ok()
            .context("another metrics recorder is installed")?;
        describe();
        let recorded = figures.clone();
        let upkeep = tokio::spawn(async move {
            let mut timer = tokio::time::interval(UPKEEP);
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                timer.tick().await;
                recorded.run_upkeep();
            }
        });
        Ok(Recording { figures, server: self.server, upkeep })
    }
}

fn recorder() -> Result<PrometheusRecorder> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(CALLBACK_SECONDS.into()), &CALLBACK_BUCKETS)
        .context("a histogram without buckets")?;
    Ok(builder.build_recorder())
}

/// Everything that is recorded, with its zero. The module's too if it is off: a query for it finds something.
fn describe() {
    clusterer::describe_metrics();
    clusterer_mi::describe_metrics();
    clusterer_net::describe_metrics();
    clusterer_ratelimit::describe_metrics();
    reload::describe_metrics();
    describe_gauge!(BUILD_INFO, "1, for the version that runs");
    gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1);
    describe_gauge!(START_TIME, Unit::Seconds, "When the daemon was started, since 1970");
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    gauge!(START_TIME).set(since.as_secs_f64());
}

/// What was recorded, and what is known of each node.
fn render(figures: &PrometheusHandle, cluster: &Cluster) -> String {
    let mut page = figures.render();
    page.push_str(&clusterer_status::render_metrics(cluster));
    page
}

impl Recording {
    /// Answers scrapes, and whether the node runs.
    pub(crate) fn serve(self, vitals: &Vitals) -> Result<Exporting> {
        let Self { figures, server, upkeep } = self;
        let node = vitals.cluster().clone();
        // However many ask, one page is made at a time, beside everything else that the runtime does.
        let turn = Arc::new(Mutex::new(()));
        let server = server.get("/metrics", move || {
            let (figures, node, turn) = (figures.clone(), node.clone(), turn.clone());
            async move {
                let _turn = turn.lock().await;
                let page = spawn_blocking(move || render(&figures, &node)).await;
                HttpResponse::new(TEXT_FORMAT, page.unwrap_or_default())
            }
        });
        let asked = vitals.clone();
        let server = server.ready_when(move || asked.ready()).serve()?;
        Ok(Exporting { server, upkeep })
    }
}

impl Exporting {
    pub(crate) async fn end(self) {
        self.server.shutdown().await;
        self.upkeep.abort();
    }
}
