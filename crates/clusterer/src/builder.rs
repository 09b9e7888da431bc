//! Putting an engine together.

use crate::clock::{Clock, SystemClock};
use crate::cluster::Shared;
use crate::control::Control;
use crate::departure::Departure;
use crate::feed::{Feed, News, Publisher};
use crate::gateway::Gateway;
use crate::inbox::Inbox;
use crate::metric::{self, Probes};
use crate::provisioning::Ledger;
use crate::resolve::{Digest, Loaded};
use crate::store::{Jobs, load_table};
use crate::watch::Watch;
use crate::{Cluster, StartError};
use arc_swap::ArcSwap;
use clusterer_core::{Action, Core, Input, Settings};
use clusterer_net::{Bound, Config, Ingress, ListenerConfig, Net, Transport};
use clusterer_node::{MachineId, NodeStore, Now, StoreError};
use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Commands that may wait for the control task.
const COMMANDS: usize = 1024;
/// From one attempt to reach the store at start to the next.
const RETRY: Duration = Duration::from_millis(500);
/// As good as for ever, and short enough to be added to any clock.
const LONGEST_PATIENCE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// No table is looked at more often than this for changes.
const MOST_OFTEN: Duration = Duration::from_millis(10);

/// Events kept for a reader that is behind, unless the builder says otherwise.
const EVENTS: usize = 1024;
/// At this many, a reader is better served by the view.
const MOST_EVENTS: usize = 1 << 20;

/// Makes a transport of one's own, given the clock and where packets and link events go.
pub type TransportMaker = Box<
    dyn FnOnce(clusterer_net::Clock, Arc<dyn Ingress>) -> io::Result<Arc<dyn Transport>> + Send,
>;

/// Settings of an engine, then the engine.
///
/// ```
/// use clusterer::{Cluster, ClusterId, Dialect, ListenerConfig, MachineId, MemoryStore};
/// use std::{sync::Arc, time::Duration};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (cluster, own, peer) =
///     (ClusterId::new(1).unwrap(), MachineId::new(1).unwrap(), MachineId::new(2).unwrap());
/// let urls = [(own, "bin:127.0.0.1:5566"), (peer, "bin:127.0.0.2:5566")];
/// // Port 0 is for this example: it should be that of one's own URL, which the others dial.
/// let listener = ListenerConfig { address: "127.0.0.1:0".parse()?, dialect: Dialect::V22 };
/// let node = Cluster::builder(own, Arc::new(MemoryStore::of(cluster, urls)))
///     .listen(vec![listener])
///     .pings(Duration::from_secs(1), Duration::from_millis(500))
///     .persistent(true)
///     .start()
///     .await?;
/// assert_ne!(node.local_addresses()[0].port(), 0);
/// node.shutdown().await;
/// # Ok(())
/// # }
/// ```
pub struct Builder {
    own: MachineId,
    store: Arc<dyn NodeStore>,
    clock: Arc<dyn Clock>,
    transport: Option<TransportMaker>,
    net: Config,
    sockets: Vec<TcpListener>,
    settings: Settings,
    store_patience: Duration,
    auto_reload: Option<Duration>,
    event_capacity: usize,
}

impl Builder {
    pub(crate) fn new(own: MachineId, store: Arc<dyn NodeStore>) -> Self {
        Self {
            own,
            store,
            clock: Arc::new(SystemClock::new()),
            transport: None,
            net: Config::new(Vec::new()),
            sockets: Vec::new(),
            settings: Settings::default(),
            store_patience: Duration::from_secs(10),
            auto_reload: None,
            event_capacity: EVENTS,
        }
    }

    /// Listens there. Without a listener the engine sends and receives only over connections it made.
    #[must_use]
    pub fn listen(mut self, listeners: Vec<ListenerConfig>) -> Self {
        self.net.listeners = listeners;
        self
    }

    /// Uses these sockets, bound by somebody else, for the listeners whose addresses they have: who
    /// connects while no node runs waits for the next one. A socket for which there is no listener is an
    /// error of [`Builder::start`]. Without any, as by default, all addresses are bound here.
    #[must_use]
    pub fn sockets(mut self, sockets: Vec<TcpListener>) -> Self {
        self.sockets = sockets;
        self
    }

    /// So many threads receive and send, 1 to 64 (what is outside counts as the nearest): 1. Each connection
    /// belongs to one of them for life, so its packets stay in order. More are worth it when one processor does not
    /// keep up with what comes over several connections; modules that are called inline are then called by
    /// several threads at the same time.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.net.threads = threads;
        self
    }

    /// From one ping to the next (1 s), and how long a connect or a pong may take (500 ms; more than
    /// the interval counts as the interval). Less than a millisecond counts as one.
    #[must_use]
    pub fn pings(mut self, interval: Duration, timeout: Duration) -> Self {
        self.settings.ping_interval = interval;
        self.settings.ping_timeout = timeout.min(interval);
        self
    }

    /// Writes changed states back to the store, at most once a second.
    #[must_use]
    pub fn persistent(mut self, on: bool) -> Self {
        self.settings.persistent = on;
        self
    }

    /// How long to try to reach the store at the start, and how long each of its calls may take later:
    /// 10 s. The last write, at a shutdown, is given at most 5 s of it.
    #[must_use]
    pub fn store_patience(mut self, patience: Duration) -> Self {
        self.store_patience = patience.min(LONGEST_PATIENCE);
        self
    }

    /// Loads the table anew by itself, at most once in this time (10 ms at least), when somebody else has
    /// changed it. What other nodes write back is no such change (state 1 or 2, `no_tries`, `last_attempt`): else
    /// they would all take over what one of them thinks of the others. Off by default, as the manual
    /// has reloads by MI only; and of no effect with a store that cannot tell of changes
    /// ([`NodeStore::changed`]), as [`MemoryStore`](crate::MemoryStore) is one.
    #[must_use]
    pub fn auto_reload(mut self, every: Duration) -> Self {
        self.auto_reload = Some(bounded(every));
        self
    }

    /// How many events a [`Subscription`](crate::Subscription) may be behind before it is told that it
    /// [lagged](crate::Lagged): 1024, rounded up to a power of two, at least 1 and at most 1048576. They take memory (about
    /// 250 bytes each, for all readers together) only while somebody is subscribed. A reload that changes
    /// more nodes than that makes every reader begin again with the view.
    #[must_use]
    pub fn event_capacity(mut self, events: usize) -> Self {
        self.event_capacity = events.clamp(1, MOST_EVENTS);
        self
    }

    /// Uses another clock than the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Uses another transport than TCP. Listeners are not used then. When the node ends, it is told to
    /// close every link; packets that it delivers after that are dropped and counted.
    #[must_use]
    pub fn transport(mut self, make: TransportMaker) -> Self {
        self.transport = Some(make);
        self
    }

    /// Starts: listens, loads the table, dials the peers. To be called on a tokio runtime, which the
    /// store's calls will run on; the engine's own threads are `clusterer-ctl`, the transport's ([`Builder::threads`]), and one for
    /// each module that is registered later.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub async fn start(mut self) -> Result<Cluster, StartError> {
        let runtime = Handle::current();
        // Whoever cannot listen should fail before it talks to a database.
        let bound = match self.transport {
            None => {
                let bound = Net::bind_with(self.net.clone(), std::mem::take(&mut self.sockets));
                Some(bound.map_err(StartError::Bind)?)
            }
            Some(_) => None,
        };
        let listeners = bound.as_ref().map(Bound::local_addresses).unwrap_or_default();
        self.settings.listeners = listeners;
        let loaded = load(&*self.store, &*self.clock, self.own, self.store_patience).await?;

        let seed = RandomState::new().hash_one(0_u8).to_le_bytes();
        let seed = i32::from_le_bytes([seed[0], seed[1], seed[2], seed[3]]);
        let user_timeout = self.settings.ping_timeout;
        let mut core = Core::new(self.own, self.settings, seed);
        let view =
            core.take_view().ok_or_else(|| StartError::Thread(io::Error::other("no view")))?;
        let nothing = Arc::new(view);
        // Published before the transport delivers anything: a peer whose first ping was not answered,
        // since its sender was not known yet, would take this node for one that never answers.
        let (table, digest) = loaded.split();
        let now = Now { mono: self.clock.now(), unix: self.clock.unix() };
        let mut actions = Vec::new();
        core.handle(now, Input::Loaded(table), &mut actions);
        let first = core.take_view().map_or_else(|| nothing.clone(), Arc::new);
        let view = Arc::new(ArcSwap::new(first));
        let feed = Arc::new(Feed::new(view.clone(), self.event_capacity));
        let inbox = Arc::new(Inbox::default());
        let gateway: Arc<dyn Ingress> = Arc::new(Gateway::new(view.clone(), inbox.clone()));
        let clock = self.clock.clone();
        let net_clock: clusterer_net::Clock = Arc::new(move || clock.now());
        let (net, transport) = match (bound, self.transport) {
            (Some(bound), _) => {
                let net = bound.start(net_clock, gateway).map_err(StartError::Thread)?;
                let handle: Arc<dyn Transport> = Arc::new(net.handle());
                (Some(net), handle)
            }
            (None, Some(make)) => (None, make(net_clock, gateway).map_err(StartError::Thread)?),
            (None, None) => return Err(StartError::Thread(io::Error::other("no transport"))),
        };
        let (commands, received) = mpsc::channel(COMMANDS);
        let provisioning = Ledger::default();
        let control = Control {
            own: self.own,
            core,
            clock: self.clock.clone(),
            transport: transport.clone(),
            user_timeout,
            inbox,
            commands: received,
            watch: Watch::new(self.store.clone(), runtime.clone(), self.auto_reload),
            jobs: Jobs::new(self.store, runtime, self.store_patience),
            store_patience: self.store_patience,
            publisher: Publisher::new(feed.clone()),
            provisioning: provisioning.clone(),
            conflicts: BTreeSet::new(),
            news: News::default(),
            probes: Probes::default(),
            reloads: Vec::new(),
        };
        let foreign = net.is_none();
        let departure =
            Departure { view: view.clone(), nothing, transport: transport.clone(), foreign };
        let begin = Begin { digest, actions };
        let thread = spawn(control, begin, departure).await.map_err(StartError::Thread)?;
        let clock = self.clock;
        let shared = Shared { own: self.own, view, feed, clock, transport, provisioning, commands };
        Ok(Cluster::new(shared, net, thread))
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("own", &self.own)
            .field("net", &self.net)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// A time from one look at the table to the next that makes sense.
pub(crate) fn bounded(every: Duration) -> Duration {
    every.clamp(MOST_OFTEN, LONGEST_PATIENCE)
}

/// What the control thread is to do first.
struct Begin {
    digest: Digest,
    actions: Vec<Action>,
}

/// Starts the control thread, and waits until the peers are being dialled.
async fn spawn(
    mut control: Control,
    Begin { digest, actions }: Begin,
    departure: Departure,
) -> io::Result<thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (begun, wait) = tokio::sync::oneshot::channel();
    let thread = thread::Builder::new().name("clusterer-ctl".into()).spawn(move || {
        departure.after(|| {
            runtime.block_on(async move {
                control.begin(digest, actions);
                // Whoever started this may have gone; it ends with its last command sender.
                let _ = begun.send(());
                control.run().await;
            });
        });
    })?;
    wait.await.map_err(|_| io::Error::other("the control thread ended at once"))?;
    Ok(thread)
}

/// Loads the table, again and again while the store is away.
async fn load(
    store: &dyn NodeStore,
    clock: &dyn Clock,
    own: MachineId,
    patience: Duration,
) -> Result<Loaded, StartError> {
    let give_up = Instant::now() + patience;
    loop {
        let left = give_up.saturating_duration_since(Instant::now());
        let loaded = load_table(store, left, own, clock.unix()).await;
        metric::store_answered(loaded.is_ok());
        let error = match loaded {
            Ok(loaded) => return Ok(loaded),
            Err(error) => error,
        };
        let may_change = matches!(error, StoreError::Unavailable(_));
        if !may_change || Instant::now() + RETRY >= give_up {
            return Err(StartError::Store(error));
        }
        tracing::warn!(%error, "the database cannot be read yet; trying again");
        tokio::time::sleep(RETRY).await;
    }
}
