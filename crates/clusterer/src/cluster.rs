//! The engine's handle: the manual's developer functions.

use crate::builder::bounded;
use crate::clock::Clock;
use crate::control::Command;
use crate::feed::Feed;
use crate::provisioning::Ledger;
use crate::workers::Workers;
use crate::{
    Builder, RegisterModuleError, ReloadError, ReloadReport, SetStateError, Stopped, Subscription,
};
use arc_swap::ArcSwap;
use clusterer_core::View;
use clusterer_net::{Net, Transport};
use clusterer_node::{
    ClusterId, LinkId, MachineId, Moment, Node, NodeKey, NodeStore, Protocol, State,
};
use clusterer_registry::{ClusterModule, Registration};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc, oneshot};

/// How long queued packets may take to go out at a shutdown, and then modules to take in what waits for
/// them.
const FLUSH: Duration = Duration::from_secs(1);

/// A running cluster node. Clones are handles to the same one.
///
/// Queries look at the last published [`View`] and never wait. Changes go to the control thread and are
/// visible in the view when they return. The node ends with [`Cluster::shutdown`], or, without anybody
/// waiting for it and without sending what is queued, when its last handle is dropped: also inside a
/// module's callback. Whatever the node itself owns, such as a module, keeps a
/// [`WeakCluster`](crate::WeakCluster) instead.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) shared: Shared,
    workers: Arc<Workers>,
    running: Mutex<Option<Running>>,
}

/// What a handle has of the node.
pub(crate) struct Shared {
    pub(crate) own: MachineId,
    pub(crate) view: Arc<ArcSwap<View>>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) provisioning: Ledger,
    pub(crate) commands: mpsc::Sender<Command>,
}

/// What a shutdown ends.
struct Running {
    net: Option<Net>,
    thread: thread::JoinHandle<()>,
}

impl Cluster {
    /// Settings of a node with this `server_id`, whose table is in that store. See [`Builder`] for an
    /// example.
    #[must_use]
    pub fn builder(own: MachineId, store: Arc<dyn NodeStore>) -> Builder {
        Builder::new(own, store)
    }

    pub(crate) fn new(shared: Shared, net: Option<Net>, thread: thread::JoinHandle<()>) -> Self {
        let running = Mutex::new(Some(Running { net, thread }));
        let workers = Arc::new(Workers::new(shared.clock.clone()));
        Self { inner: Arc::new(Inner { shared, workers, running }) }
    }

    /// This machine's id: the manual's `server_id`.
    #[must_use]
    pub fn get_my_id(&self) -> MachineId {
        self.inner.shared.own
    }

    /// The nodes of a cluster that are up and have this protocol: a copy, so the manual's `free_nodes`
    /// is `drop`. Empty for a cluster this machine does not belong to; this machine itself is never in it.
    /// [`View::up`] shows them without copying.
    ///
    /// ```
    /// # use clusterer::{Cluster, ClusterId, MachineId, MemoryStore, NodeKey, Protocol, State};
    /// # use std::sync::Arc;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (cluster, own, peer) =
    /// #     (ClusterId::new(1).unwrap(), MachineId::new(1).unwrap(), MachineId::new(2).unwrap());
    /// # let urls = [(own, "bin:127.0.0.1:5566"), (peer, "bin:127.0.0.2:5566")];
    /// # let node = Cluster::builder(own, Arc::new(MemoryStore::of(cluster, urls))).start().await?;
    /// # node.set_state(NodeKey { cluster, machine: peer }, State::Up, Protocol::Bin).await?;
    /// for peer in node.get_nodes(cluster, Protocol::Bin) {
    ///     println!("machine {} listens on {}", peer.row.machine, peer.address());
    /// }
    /// # node.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn get_nodes(&self, cluster: ClusterId, protocol: Protocol) -> Vec<Node> {
        self.view().up(cluster, protocol).map(|view| view.node.clone()).collect()
    }

    /// Whether this address, machine id and protocol are those of one node of the cluster; ports and
    /// states do not matter, and this machine itself never is one. Any thread; for each packet if need be.
    ///
    /// ```
    /// # use clusterer::{Cluster, ClusterId, MachineId, MemoryStore, Protocol};
    /// # use std::sync::Arc;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (cluster, own, peer) =
    /// #     (ClusterId::new(1).unwrap(), MachineId::new(1).unwrap(), MachineId::new(2).unwrap());
    /// # let urls = [(own, "bin:127.0.0.1:5566"), (peer, "bin:127.0.0.2:5566")];
    /// # let node = Cluster::builder(own, Arc::new(MemoryStore::of(cluster, urls))).start().await?;
    /// assert!(node.check(cluster, "127.0.0.2".parse()?, peer, Protocol::Bin));
    /// assert!(!node.check(cluster, "127.0.0.9".parse()?, peer, Protocol::Bin));
    /// # node.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn check(
        &self,
        cluster: ClusterId,
        from: IpAddr,
        machine: MachineId,
        protocol: Protocol,
    ) -> bool {
        self.inner.shared.view.load().check(cluster, from, machine, protocol)
    }

    /// Sets a node's state: [`State::Down`] and [`State::Up`] as an administrator does,
    /// [`State::Probing`] reports one failure of it. The view shows it when this returns.
    ///
    /// ```
    /// # use clusterer::{
    /// #     Cluster, ClusterId, MachineId, MemoryStore, NodeKey, Protocol, SetStateError, State,
    /// #     StatusError,
    /// # };
    /// # use std::sync::Arc;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (cluster, own, peer) =
    /// #     (ClusterId::new(1).unwrap(), MachineId::new(1).unwrap(), MachineId::new(2).unwrap());
    /// # let urls = [(own, "bin:127.0.0.1:5566"), (peer, "bin:127.0.0.2:5566")];
    /// # let node = Cluster::builder(own, Arc::new(MemoryStore::of(cluster, urls))).start().await?;
    /// let key = NodeKey { cluster, machine: peer };
    /// node.set_state(key, State::Down, Protocol::Bin).await?;
    /// assert!(node.get_nodes(cluster, Protocol::Bin).is_empty());
    ///
    /// let own = NodeKey { cluster, machine: node.get_my_id() };
    /// let error = node.set_state(own, State::Down, Protocol::Bin).await.unwrap_err();
    /// assert_eq!(error, SetStateError::Status(StatusError::UnknownNode(own)), "it is no peer");
    /// # node.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// There is no such node, it has another protocol, or the engine has been shut down.
    pub async fn set_state(
        &self,
        node: NodeKey,
        state: State,
        protocol: Protocol,
    ) -> Result<(), SetStateError> {
        self.ask(|answer| Command::SetState(node, protocol, state, answer))
            .await
            .ok_or(SetStateError::Stopped)?
            .map_err(SetStateError::Status)
    }

    /// Registers a module, for as long as the node runs. It is called as its
    /// [`delivery`](ClusterModule::delivery) says, which is asked now.
    ///
    /// # Queued
    /// Unless it says otherwise, a thread is started that makes all its calls: one at a time, in the order in which things happened, on no thread that the node needs. A callback may take its
    /// time and may call everything here, also block on what is `async`; its peers' pings, the other modules
    /// and every deadline go on. A call of this that is dropped before it is done may have registered the
    /// module, or not.
    ///
    /// What arrives meanwhile waits: at most 65,536 packets of 8 MiB together. A packet for which there is
    /// no room is dropped and counted (`clusterer_packets_dropped_total{reason="module_busy"}`); its
    /// sender counts as heard all the same, since the loss is ours. Events are never dropped. Of one node,
    /// at most one [`ModuleEvent::TemporarilyDisabled`] waits, and at most one [`ModuleEvent::Timeout`],
    /// which is always behind the packets that it makes invalid. (The first `TemporarilyDisabled` of a
    /// cycle may overtake its `Timeout`: two threads tell them.)
    ///
    /// A callback that takes more than 100 ms, and one that keeps others waiting for more than a second,
    /// is named in a warning, at most once a second. All are measured
    /// ([`CALLBACK_SECONDS`](crate::CALLBACK_SECONDS)), by the recorder that is installed now. A panic ends
    /// the call only, and is counted.
    ///
    /// # Inline
    /// For modules that never wait ([`Delivery::Inline`]). Packets are not copied: those of one sender that were
    /// read together are one call of [`on_packets`](ClusterModule::on_packets) on a thread of the transport's: calls
    /// for several connections may be under way at once, if there are [several threads](crate::Builder::threads). Events
    /// are told on the thread that found out, the control thread or the transport's, also while a call for
    /// packets is under way. If a node timed out during a call that took its packets, its
    /// [`ModuleEvent::Timeout`] is told once more after it. [`ModuleEvent::TemporarilyDisabled`] is told once for
    /// packets that were read together.
    ///
    /// A call keeps its thread from everything else, pings included: one of more than 100 ms is named in a
    /// warning. A panic ends the call and costs the packet that it was about; another call takes those behind it.
    /// What was said of measures and panics holds, a call counting as one whatever it took. After
    /// [`Cluster::shutdown`] nothing more is called, and the module is let go.
    ///
    /// It must not hold a [`Cluster`] of this node, or neither ever ends: give it a
    /// [`WeakCluster`](crate::WeakCluster) ([`Cluster::downgrade`]).
    ///
    /// [`Delivery::Inline`]: crate::Delivery::Inline
    /// [`ModuleEvent::TemporarilyDisabled`]: clusterer_registry::ModuleEvent::TemporarilyDisabled
    /// [`ModuleEvent::Timeout`]: clusterer_registry::ModuleEvent::Timeout
    ///
    /// ```
    /// # use clusterer::{Cluster, ClusterId, Dialect, ListenerConfig, MachineId, MemoryStore, Protocol};
    /// # use clusterer::{ClusterModule, Malformed, ModuleEvent, Packet, PacketContext, Registration};
    /// # use std::{sync::{Arc, mpsc}, time::Duration};
    /// /// Hands on the numbers that other nodes send.
    /// struct Numbers(mpsc::Sender<i32>);
    ///
    /// impl ClusterModule for Numbers {
    ///     fn on_packet(&self, _: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
    ///         let number = packet.body().int()?;
    ///         // Nobody listening any more is no fault of the packet.
    ///         let _ = self.0.send(number);
    ///         Ok(())
    ///     }
    ///
    ///     fn on_event(&self, event: ModuleEvent) {
    ///         println!("{event:?}");
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cluster = ClusterId::new(1).unwrap();
    /// # let (own, peer) = (MachineId::new(1).unwrap(), MachineId::new(2).unwrap());
    /// # let store = Arc::new(MemoryStore::default());
    /// # let listener = ListenerConfig { address: "127.0.0.1:0".parse()?, dialect: Dialect::V22 };
    /// # let node = Cluster::builder(own, store.clone()).listen(vec![listener]).start().await?;
    /// # let other = Cluster::builder(peer, store.clone()).listen(vec![listener]).start().await?;
    /// # let url = |node: &Cluster| format!("bin:{}", node.local_addresses()[0]);
    /// # let rows = MemoryStore::of(cluster, [(own, url(&node)), (peer, url(&other))]).rows();
    /// # store.edit(|table| *table = rows);
    /// # node.reload().await?;
    /// # other.reload().await?;
    /// let (sender, numbers) = mpsc::channel();
    /// let registration = Registration::new("numbers", cluster, Duration::from_secs(5)).auth_check(true);
    /// node.register_module(registration, Arc::new(Numbers(sender))).await?;
    ///
    /// other.send_to(cluster, Protocol::Bin, "numbers", 0, |packet| {
    ///     packet.int(7);
    /// })?;
    /// assert_eq!(numbers.recv_timeout(Duration::from_secs(10))?, 7);
    /// # other.shutdown().await;
    /// # node.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The registration makes no sense, the system gives no thread, or the engine has been shut down.
    /// The module is let go then.
    pub async fn register_module(
        &self,
        registration: Registration,
        module: Arc<dyn ClusterModule>,
    ) -> Result<(), RegisterModuleError> {
        let module = self.inner.workers.open(&registration, module)?;
        self.ask(|answer| Command::Register(registration, module, answer))
            .await
            .ok_or(RegisterModuleError::Stopped)?
            .map_err(RegisterModuleError::Register)
    }

    /// Loads the table anew. Connections and queues of nodes that stay are kept. Calls that come while one
    /// is under way share the next one. The view shows the new table when this returns.
    ///
    /// ```
    /// # use clusterer::{Cell, Cluster, ClusterId, MachineId, MemoryStore};
    /// # use std::sync::Arc;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (cluster, own, peer) =
    /// #     (ClusterId::new(1).unwrap(), MachineId::new(1).unwrap(), MachineId::new(2).unwrap());
    /// # let urls = [(own, "bin:127.0.0.1:5566"), (peer, "bin:127.0.0.2:5566")];
    /// # let store = Arc::new(MemoryStore::of(cluster, urls));
    /// # let node = Cluster::builder(own, store.clone()).start().await?;
    /// store.edit(|rows| rows[1].url = Cell::Text("bin:127.0.0.2:no-port".into()));
    /// let report = node.reload().await?;
    /// assert_eq!((report.clusters, report.nodes), (1, 0));
    /// for row in &report.skipped {
    ///     println!("left out: {row}");
    /// }
    /// # assert_eq!(report.skipped.len(), 1);
    /// # node.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The store could not be read: what is in memory stays. Or the engine has been shut down.
    pub async fn reload(&self) -> Result<ReloadReport, ReloadError> {
        self.ask(Command::Reload).await.unwrap_or(Err(ReloadError::Stopped))
    }

    /// Begins to look for changes of the table that often, as [`Builder::auto_reload`] has it, or ends that
    /// with `None`. Where it begins, the table is loaded once.
    ///
    /// # Errors
    /// The engine has been shut down.
    pub async fn set_auto_reload(&self, every: Option<Duration>) -> Result<(), Stopped> {
        let every = every.map(bounded);
        self.ask(|answer| Command::AutoReload(every, answer)).await.ok_or(Stopped)
    }

    /// Everything that is known at this moment: clusters, nodes, states, links. It never changes, but for the
    /// figures that are said to be those of now (pings, traffic, last seen); ask again for a later one, or
    /// [subscribe](Cluster::subscribe).
    ///
    /// ```
    /// # use clusterer::{Cluster, ClusterId, MachineId, MemoryStore};
    /// # use std::sync::Arc;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (cluster, own, peer) =
    /// #     (ClusterId::new(1).unwrap(), MachineId::new(1).unwrap(), MachineId::new(2).unwrap());
    /// # let urls = [(own, "bin:127.0.0.1:5566"), (peer, "bin:127.0.0.2:5566")];
    /// # let node = Cluster::builder(own, Arc::new(MemoryStore::of(cluster, urls))).start().await?;
    /// for peer in node.view().nodes() {
    ///     println!("{}: state {}, link {:?}", peer.node.key(), peer.state(), peer.link_state);
    /// }
    /// # node.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.inner.shared.view.load_full()
    }

    /// What the node knows now, and a reader of everything that happens from then on: nothing lies between
    /// the two, and nothing is in both. A reader that is too slow is told so, with a view to go on from
    /// ([`Lagged`](crate::Lagged)), and slows nothing down.
    ///
    /// What an event says is in [`Cluster::view`] when a reader gets it. Applied in order to the view they
    /// began with, the events give the view that is last.
    ///
    /// ```
    /// # use clusterer::{Cluster, ClusterId, MachineId, MemoryStore, NodeKey, Protocol, State, View};
    /// # use std::sync::Arc;
    /// # fn show(view: &View) {}
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (cluster, own, peer) =
    /// #     (ClusterId::new(1).unwrap(), MachineId::new(1).unwrap(), MachineId::new(2).unwrap());
    /// # let urls = [(own, "bin:127.0.0.1:5566"), (peer, "bin:127.0.0.2:5566")];
    /// # let node = Cluster::builder(own, Arc::new(MemoryStore::of(cluster, urls))).start().await?;
    /// let (view, mut events) = node.subscribe();
    /// show(&view);
    /// # node.set_state(NodeKey { cluster, machine: peer }, State::Down, Protocol::Bin).await?;
    /// # let ending = tokio::spawn(async move { node.shutdown().await });
    /// // Until the node ends.
    /// while let Some(next) = events.next().await {
    ///     match next {
    ///         Ok(event) => println!("{event}"),
    ///         Err(lagged) => {
    ///             println!("{lagged}");
    ///             show(&lagged.view);
    ///         }
    ///     }
    /// }
    /// # ending.await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Any thread. While nobody is subscribed, no event is kept.
    #[must_use]
    pub fn subscribe(&self) -> (Arc<View>, Subscription) {
        Subscription::new(self.inner.shared.feed.clone())
    }

    /// The present moment of the engine's clock.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.inner.shared.clock.now()
    }

    /// The engine's clock.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.inner.shared.clock.clone()
    }

    /// The addresses listened on, with their real ports.
    #[must_use]
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.inner.shared.transport.local_addresses()
    }

    /// Bytes queued on a link; 0 for one that is no more.
    #[must_use]
    pub fn queued_bytes(&self, link: LinkId) -> usize {
        self.inner.shared.transport.queued_bytes(link)
    }

    /// Ends the node: states are written back (in persistent mode, for at most 5 seconds or
    /// [`Builder::store_patience`], whichever is less), queued packets go out (for at most a second), then
    /// modules take in what waits for them (for at most a second), threads are joined. The thread of a module
    /// that does not return from a callback is named in the log and left behind.
    /// Later calls of any handle find it stopped; a second shutdown waits for the first and does
    /// nothing else. On any executor; not waited for in a module's callback, since it waits for the threads
    /// that callbacks run on. A call that is dropped before it is done lets the node end without anybody
    /// waiting: states are still written back, packets that are queued may be lost.
    ///
    /// ```
    /// # use clusterer::{Cluster, MachineId, MemoryStore, ReloadError};
    /// # use std::sync::Arc;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = Arc::new(MemoryStore::default());
    /// # let node = Cluster::builder(MachineId::new(1).unwrap(), store).start().await?;
    /// node.shutdown().await;
    /// assert_eq!(node.reload().await, Err(ReloadError::Stopped));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn shutdown(&self) {
        let mut running = self.inner.running.lock().await;
        // From here on the transport ends with this call, even if that is dropped: without a control thread it
        // must not go on answering.
        let Some(Running { net, thread }) = running.take() else { return };
        // A control thread that is gone has nothing left to flush.
        let _: Option<()> = self.ask(Command::Shutdown).await;
        let (ended, wait) = oneshot::channel::<()>();
        let workers = self.inner.workers.clone();
        let join = move || {
            // First nothing more is delivered.
            if let Some(net) = net {
                net.shutdown(FLUSH);
            }
            // Its panic was logged when it happened.
            let _ = thread.join();
            // A time of their own: a peer that reads nothing takes all of the other.
            workers.finish(Instant::now() + FLUSH);
            drop(ended);
        };
        // Joining blocks, which is no business of an executor's thread.
        if let Err(error) = thread::Builder::new().name("clusterer-end".into()).spawn(join) {
            tracing::error!(%error, "the threads end without being waited for");
        }
        // It is dropped at the end, whatever that was.
        let _ = wait.await;
    }

    /// Waits until the node has stopped: because somebody shuts it down, or because its control thread has
    /// panicked, which it does not survive. On any executor.
    pub async fn stopped(&self) {
        self.inner.shared.commands.closed().await;
    }

    /// Asks the control thread; `None` if it has ended.
    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Option<T> {
        let (answer, wait) = oneshot::channel();
        self.inner.shared.commands.send(command(answer)).await.ok()?;
        wait.await.ok()
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("own", &self.inner.shared.own).finish_non_exhaustive()
    }
}
