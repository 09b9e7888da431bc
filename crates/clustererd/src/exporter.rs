//! The Prometheus exporter: the recorder that the crates' metrics go to.

use anyhow::{Context as _, Result};
use clusterer::{CALLBACK_BUCKETS, CALLBACK_SECONDS};
use metrics_exporter_prometheus::{ExporterFuture, Matcher, PrometheusBuilder, PrometheusRecorder};
use std::net::SocketAddr;
use std::time::Duration;

/// The recorder keeps every duration until it is added to its bucket: a flood of packets is one of
/// durations.
const UPKEEP: Duration = Duration::from_secs(1);

/// An exporter whose address is bound, and which does not record yet.
pub(crate) struct Exporter {
    recorder: PrometheusRecorder,
    serve: ExporterFuture,
}

impl Exporter {
    /// To be called on a tokio runtime.
    pub(crate) fn bind(address: SocketAddr) -> Result<Self> {
        let builder = PrometheusBuilder::new()
            .with_http_listener(address)
            .upkeep_timeout(UPKEEP)
            .set_buckets_for_metric(Matcher::Full(CALLBACK_SECONDS.into()), &CALLBACK_BUCKETS)
            .context("a histogram without buckets")?;
        let (recorder, serve) =
            builder.build().with_context(|| format!("cannot listen on {address}"))?;
        Ok(Self { recorder, serve })
    }

    /// Records from now on, and answers scrapes.
    pub(crate) fn install(self) -> Result<()> {
        metrics::set_global_recorder(self.recorder)
            .ok()
            .context("another metrics recorder is installed")?;
        clusterer::describe_metrics();
        clusterer_net::describe_metrics();
        let serve = self.serve;
        tokio::spawn(async move {
            if serve.await.is_err() {
                tracing::error!("the metrics exporter has ended");
            }
        });
        Ok(())
    }
}
