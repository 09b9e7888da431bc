//! From a configuration to a running node, and to its end.

#[cfg(test)]
mod tests;

use crate::activation::Passed;
use crate::commands::commands;
use crate::config::{Clusterer, Config, ConfigError, Datagram, Fifo};
use crate::exporter::{Exporter, Exporting};
use crate::http;
use crate::log::LogControl;
use crate::manager::Manager;
use crate::reload::Reloader;
use crate::vitals::Vitals;
use anyhow::{Context as _, Result, anyhow, bail};
use clusterer::{Cluster, Dialect, ListenerConfig, MachineId, NodeStore, StartError, StoreError};
use clusterer_db::Options;
use clusterer_mi::{
    DatagramHandle, DatagramServer, FifoConfig, FifoError, FifoHandle, FifoServer, HttpHandle,
};
use clusterer_ratelimit::{RateLimit, Running};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// How long what is still running may take once everything was told to end.
const GRACE: Duration = Duration::from_secs(2);

/// How long to wait before the database is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// How it ended, when it did not end well.
pub(crate) enum Failure {
    /// Nothing was started: the configuration, the database or an address is to be mended first.
    Start(String),
    /// It had started.
    Run(anyhow::Error),
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Start(error.to_string())
    }
}

/// Runs a node until a signal ends it. The configuration is that of the file at `path`, which is read again
/// when a signal asks for that.
pub(crate) fn run(config: Config, path: &Path, log: LogControl) -> Result<(), Failure> {
    // The environment is changed by this: before there is a second thread.
    let passed = Passed::from_environment(&config)?;
    raise_descriptor_limit();
    let manager = Manager::from_env();
    // The store is opened, then the table is loaded.
    manager.starting(2 * config.clusterer.db_connect_timeout.value + GRACE);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Run(error.into()))?;
    let outcome = runtime.block_on(async {
        let mut signals = Signals::catch().map_err(Failure::Run)?;
        // The database may take its time: until it answers, what is asked here is to end.
        let node = tokio::select! {
            node = Node::start(&config, passed, &log) => node?,
            () = signals.end() => {
                tracing::info!("ended before it had started");
                return Ok(());
            }
        };
        let http = node.http.as_ref().map(HttpHandle::access);
        let has_token = config.http.is_some_and(|section| section.token_file.value.is_some());
        let (path, cluster) = (path.to_owned(), node.vitals.cluster().clone());
        let values = config.values;
        let reloader = Reloader { path, values, cluster, log, http, has_token };
        node.run(signals, manager, reloader).await.map_err(Failure::Run)
    });
    runtime.shutdown_timeout(GRACE);
    outcome
}

/// Every peer takes two connections. The usual limit of 1024 descriptors is there for programs that use
/// `select`; those that do not may go up to what the administrator allows.
fn raise_descriptor_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, limit = current, "the limit of descriptors stays as it is");
    }
}

/// Everything that runs.
struct Node {
    datagram: Option<DatagramHandle>,
    exporter: Option<Exporting>,
    fifo: Option<FifoHandle>,
    http: Option<HttpHandle>,
    ratelimit: Option<Running>,
    vitals: Vitals,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    End,
    Reload,
}

struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Node {
    /// Starts in an order in which whatever can be wrong is found before anything is seen from outside.
    async fn start(config: &Config, mut passed: Passed, log: &LogControl) -> Result<Self, Failure> {
        let exporter = match &config.metrics {
            Some(metrics) => {
                let exporter = Exporter::bind(metrics.listen.value.0, &mut passed)
                    .map_err(|error| metrics.listen.error(format_args!("{error:#}")))?;
                Some(exporter.install().map_err(Failure::Run)?)
            }
            None => None,
        };
        let own = server_id(&config.clusterer)?;
        let store = open_store(&config.clusterer).await?;
        let fifo = config.fifo.as_ref().map(bind_fifo).transpose()?;
        let datagram = config.datagram.as_ref().map(bind_datagram).transpose()?;
        let http =
            config.http.as_ref().map(|section| http::bind(section, &mut passed)).transpose()?;
        let cluster = start_cluster(config, own, store, passed).await?;
        let ratelimit = config
            .ratelimit
            .as_ref()
            .map(|section| RateLimit::new(section.config.clone(), cluster.now()));
        let running = match &ratelimit {
            Some(module) => Some(start_ratelimit(module, &cluster).await?),
            None => None,
        };
        let table = commands(&cluster, ratelimit.as_ref(), log).map_err(Failure::Run)?;
        let vitals = Vitals::new(cluster.clone());
        let fifo = match fifo {
            Some(fifo) => {
                Some(fifo.serve(table.clone()).map_err(|error| Failure::Run(error.into()))?)
            }
            None => None,
        };
        let datagram = match datagram {
            Some(datagram) => {
                Some(datagram.serve(table.clone()).map_err(|error| Failure::Run(error.into()))?)
            }
            None => None,
        };
        let http = match (http, &config.http) {
            (Some(http), Some(section)) => {
                Some(http::serve(http, section, &vitals, ratelimit.as_ref(), table)?)
            }
            _ => None,
        };
        let exporter = match exporter {
            Some(exporter) => Some(exporter.serve(&vitals).map_err(Failure::Run)?),
            None => None,
        };
        tracing::info!(server_id = %own, listen = ?cluster.local_addresses(), "running");
        Ok(Self { datagram, exporter, fifo, http, ratelimit: running, vitals })
    }

    /// Obeys signals until one ends it, or it has ended by itself.
    async fn run(
        self,
        mut signals: Signals,
        manager: Manager,
        mut reloader: Reloader,
    ) -> Result<()> {
        let cluster = self.vitals.cluster().clone();
        manager.ready(&cluster);
        // A reload may wait for the database, a signal to end must not wait for a reload. A signal that
        // comes during one asks for another.
        let reload = Arc::new(Notify::new());
        let (asked, told) = (reload.clone(), manager.clone());
        let reloads = tokio::spawn(async move {
            loop {
                asked.notified().await;
                told.reloading();
                let misread = reloader.reload().await;
                told.reloaded(&cluster, misread);
            }
        });
        let broken = breaks_down(&self.vitals, &manager, &mut signals, &reload).await;
        reloads.abort();
        manager.stopping();
        tracing::info!("ending");
        tokio::select! {
            () = self.end() => {}
            () = signals.end() => bail!("ended at the second signal, whatever was still under way"),
        }
        if broken {
            bail!("the cluster node has ended by itself; the log says why");
        }
        tracing::info!("ended");
        Ok(())
    }

    /// First nobody asks for anything more, then what is queued goes out.
    async fn end(self) {
        let datagram = async {
            if let Some(datagram) = self.datagram {
                datagram.shutdown().await;
            }
        };
        let fifo = async {
            if let Some(fifo) = self.fifo {
                fifo.shutdown().await;
            }
        };
        let http = async {
            if let Some(http) = self.http {
                http.shutdown().await;
            }
        };
        // Each waits for a while for what is under way.
        tokio::join!(datagram, fifo, http);
        if let Some(ratelimit) = self.ratelimit {
            ratelimit.stop().await;
        }
        self.vitals.cluster().shutdown().await;
        if let Some(exporter) = self.exporter {
            exporter.end().await;
        }
    }
}

/// Obeys signals until one asks for the end, or the node has ended without being asked: the latter is true.
async fn breaks_down(
    vitals: &Vitals,
    manager: &Manager,
    signals: &mut Signals,
    reload: &Notify,
) -> bool {
    let mut attending = tokio::spawn(manager.clone().attend(vitals.clone()));
    let broken = loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::End => break false,
                Asked::Reload => reload.notify_one(),
            },
            () = vitals.cluster().stopped() => break true,
            // Or the transport alone has.
            _ = &mut attending => {
                tracing::error!("a thread that everything depends on has ended by itself");
                break true;
            }
        }
    };
    attending.abort();
    broken
}

impl Signals {
    fn catch() -> Result<Self> {
        let catch = |kind| signal(kind).context("signals cannot be caught");
        Ok(Self {
            hangup: catch(SignalKind::hangup())?,
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.hangup.recv() => Asked::Reload,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.terminate.recv() => Asked::End,
        }
    }

    /// Waits for a signal to end. One to reload is taken: what starts reads everything anew.
    async fn end(&mut self) {
        while self.next().await == Asked::Reload {}
    }
}

fn server_id(config: &Clusterer) -> Result<MachineId, Failure> {
    let id = i32::try_from(config.server_id.value).ok().and_then(MachineId::new);
    id.ok_or_else(|| config.server_id.error("expected 1 to 2147483647").into())
}

async fn open_store(config: &Clusterer) -> Result<Arc<dyn NodeStore>, Failure> {
    let patience = config.db_connect_timeout.value;
    // What the store says after its own patience is clearer than that ours is at an end.
    let options = Options::default()
        .names(config.names.clone())
        .lock_timeout(patience / 2)
        .query_timeout(patience * 3 / 4);
    let give_up = Instant::now() + patience;
    let mut last = None;
    loop {
        let opening = clusterer_db::open(&config.db_url.value, &options);
        match tokio::time::timeout_at(give_up.into(), opening).await {
            Ok(Ok(store)) => return Ok(store.into()),
            Ok(Err(error @ StoreError::Unavailable(_))) if Instant::now() + RETRY < give_up => {
                tracing::warn!(%error, "the database cannot be opened yet; trying again");
                last = Some(error);
                tokio::time::sleep(RETRY).await;
            }
            Ok(Err(error)) => return Err(config.db_url.error(error).into()),
            Err(_) => {
                let error = last.unwrap_or_else(|| {
                    let url = &config.db_url.value;
                    StoreError::Unavailable(format!("{url}: no answer within {patience:?}"))
                });
                return Err(config.db_url.error(error).into());
            }
        }
    }
}

fn bind_fifo(section: &Fifo) -> Result<FifoServer, Failure> {
    let mut config = FifoConfig::new(&section.fifo_name.value.0);
    config.mode = section.fifo_mode.value;
    config.user = section.fifo_user.value.as_ref().map(ToString::to_string);
    config.group = section.fifo_group.value.as_ref().map(ToString::to_string);
    config.reply_dir.clone_from(&section.reply_dir.value.0);
    FifoServer::bind(config).map_err(|error| {
        // Where it is to be mended.
        let at = match &error {
            FifoError::Mode { .. } => section.fifo_mode.error(&error),
            FifoError::ReplyDir { .. } => section.reply_dir.error(&error),
            FifoError::UnknownGroup { .. } => section.fifo_group.error(&error),
            FifoError::UnknownUser { .. } => section.fifo_user.error(&error),
            _ => section.fifo_name.error(&error),
        };
        at.into()
    })
}

fn bind_datagram(section: &Datagram) -> Result<DatagramServer, Failure> {
    DatagramServer::bind(section.config()).map_err(|error| section.error(&error).into())
}

async fn start_cluster(
    config: &Config,
    own: MachineId,
    store: Arc<dyn NodeStore>,
    mut passed: Passed,
) -> Result<Cluster, Failure> {
    let Clusterer {
        ping_interval,
        ping_timeout,
        persistent_mode,
        db_connect_timeout,
        auto_reload,
        ..
    } = &config.clusterer;
    let places = config.bin.iter().flat_map(|bin| &bin.listen.value);
    let sockets = places.clone().filter_map(|listen| passed.take(listen.value)).collect();
    let listeners = places
        .clone()
        .map(|listen| ListenerConfig { address: listen.value, dialect: Dialect::V22 })
        .collect();
    let threads = config.bin.as_ref().map_or(1, |bin| bin.threads.value);
    let mut builder = Cluster::builder(own, store)
        .listen(listeners)
        .threads(usize::try_from(threads).unwrap_or(1))
        .sockets(sockets)
        .pings(ping_interval.value, ping_timeout.value)
        .persistent(persistent_mode.value)
        .store_patience(db_connect_timeout.value);
    if let Some(every) = auto_reload.value {
        builder = builder.auto_reload(every);
    }
    builder.start().await.map_err(|error| match error {
        StartError::Bind(error) => {
            let place = places.clone().find(|listen| listen.value == error.address);
            place.map_or_else(
                || Failure::Start(error.to_string()),
                |listen| listen.error(&error).into(),
            )
        }
        StartError::Store(error) => config.clusterer.db_url.error(error).into(),
        other => Failure::Run(anyhow!(other)),
    })
}

async fn start_ratelimit(module: &RateLimit, cluster: &Cluster) -> Result<Running, Failure> {
    module.start(cluster).await.map_err(|error| Failure::Run(error.into()))
}
