//! The Prometheus exporter: the recorder that the crates' metrics go to, and the server that shows it.

use crate::activation::Passed;
use crate::http;
use anyhow::{Context as _, Result};
use clusterer::{CALLBACK_BUCKETS, CALLBACK_SECONDS, Cluster};
use clusterer_mi::{HttpConfig, HttpHandle, HttpResponse, HttpServer};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// The recorder keeps every duration until it is added to its bucket: a flood of packets is one of
/// durations.
const UPKEEP: Duration = Duration::from_secs(1);

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// An exporter whose address is bound, and which does not record yet.
pub(crate) struct Exporter {
    recorder: PrometheusRecorder,
    server: HttpServer,
}

/// An exporter that records. Whoever connects waits until it answers.
pub(crate) struct Recording {
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
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(CALLBACK_SECONDS.into()), &CALLBACK_BUCKETS)
            .context("a histogram without buckets")?
            .build_recorder();
        let mut config = HttpConfig::new(address);
        // Figures only. Who lets others reach them has written that address.
        config.insecure = true;
        let figures = recorder.handle();
        let server = match passed.take(address) {
            Some(socket) => HttpServer::over(config, socket),
            None => HttpServer::bind(config),
        };
        let server = server?.get("/metrics", move || {
            std::future::ready(HttpResponse::new(TEXT_FORMAT, figures.render()))
        });
        Ok(Self { recorder, server })
    }

    /// Records from now on. To be called on a tokio runtime.
    pub(crate) fn install(self) -> Result<Recording> {
        let figures = self.recorder.handle();
        metrics::set_global_recorder(self.recorder)
            .ok()
            .context("another metrics recorder is installed")?;
        clusterer::describe_metrics();
        clusterer_net::describe_metrics();
        let upkeep = tokio::spawn(async move {
            let mut timer = tokio::time::interval(UPKEEP);
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                timer.tick().await;
                figures.run_upkeep();
            }
        });
        Ok(Recording { server: self.server, upkeep })
    }
}

impl Recording {
    /// Answers scrapes, and whether the node runs.
    pub(crate) fn serve(self, cluster: &Cluster) -> Result<Exporting> {
        let server = self.server.ready_when(http::readiness(cluster)).serve()?;
        Ok(Exporting { server, upkeep: self.upkeep })
    }
}

impl Exporting {
    pub(crate) async fn end(self) {
        self.server.shutdown().await;
        self.upkeep.abort();
    }
}
