//! The engine's handle: the manual's developer functions.

use crate::clock::Clock;
use crate::control::Command;
use crate::desks::Desks;
use crate::{
    Builder, RegisterModuleError, ReloadError, ReloadReport, SendReport, SendToError,
    SetStateError, SkipReason,
};
use arc_swap::ArcSwap;
use clusterer_bin::{Dialect, Origin, PacketWriter};
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

/// How long queued packets may take to go out at a shutdown, and modules to take in what waits for them.
const FLUSH: Duration = Duration::from_secs(1);

/// A running cluster node. Clones are handles to the same one.
///
/// Queries look at the last published [`View`] and never wait. Changes go to the control thread and are
/// visible in the view when they return. The node ends with [`Cluster::shutdown`], or, without anybody
/// waiting for it and without sending what is queued, when its last handle is dropped: also inside a
/// module's callback.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    own: MachineId,
    view: Arc<ArcSwap<View>>,
    clock: Arc<dyn Clock>,
    transport: Arc<dyn Transport>,
    commands: mpsc::Sender<Command>,
    desks: Arc<Desks>,
    running: Mutex<Option<Running>>,
}

/// What a shutdown ends.
struct Running {
    net: Option<Net>,
    thread: thread::JoinHandle<()>,
}

impl Cluster {
    /// Settings of a node with this `server_id`, whose table is in that store.
    #[must_use]
    pub fn builder(own: MachineId, store: Arc<dyn NodeStore>) -> Builder {
        Builder::new(own, store)
    }

    pub(crate) fn new(
        own: MachineId,
        view: Arc<ArcSwap<View>>,
        clock: Arc<dyn Clock>,
        transport: Arc<dyn Transport>,
        commands: mpsc::Sender<Command>,
        net: Option<Net>,
        thread: thread::JoinHandle<()>,
    ) -> Self {
        let running = Mutex::new(Some(Running { net, thread }));
        let desks = Arc::new(Desks::new(clock.clone()));
        let inner = Inner { own, view, clock, transport, commands, desks, running };
        Self { inner: Arc::new(inner) }
    }

    /// This machine's id.
    #[must_use]
    pub fn get_my_id(&self) -> MachineId {
        self.inner.own
    }

    /// The nodes of a cluster that are up and have this protocol: a copy, so the manual's `free_nodes`
    /// is `drop`. Empty for a cluster this machine does not belong to.
    #[must_use]
    pub fn get_nodes(&self, cluster: ClusterId, protocol: Protocol) -> Vec<Arc<Node>> {
        self.view().up(cluster, protocol).map(|view| view.node.clone()).collect()
    }

    /// Whether this address, machine id and protocol are those of one node of the cluster; ports and
    /// states do not matter.
    #[must_use]
    pub fn check(
        &self,
        cluster: ClusterId,
        from: IpAddr,
        machine: MachineId,
        protocol: Protocol,
    ) -> bool {
        self.inner.view.load().check(cluster, from, machine, protocol)
    }

    /// Sets a node's state: [`State::Down`] and [`State::Up`] as an administrator does,
    /// [`State::Probing`] reports one failure of it.
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

    /// Registers a module, and starts a thread that makes all its calls: one at a time, in the order in
    /// which things happened, on no thread that the node needs. A callback may take its time and may
    /// call everything here, also block on what is `async`; its peers' pings, the other modules and every
    /// deadline go on.
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
    /// ([`CALLBACK_SECONDS`](crate::CALLBACK_SECONDS)), by the recorder that is installed now. A panic ends the call only, and is counted.
    ///
    /// [`ModuleEvent::TemporarilyDisabled`]: clusterer_registry::ModuleEvent::TemporarilyDisabled
    /// [`ModuleEvent::Timeout`]: clusterer_registry::ModuleEvent::Timeout
    ///
    /// # Errors
    /// The registration makes no sense, the system gives no thread, or the engine has been shut down.
    /// The module is let go then.
    pub async fn register_module(
        &self,
        registration: Registration,
        module: Arc<dyn ClusterModule>,
    ) -> Result<(), RegisterModuleError> {
        let module = self.inner.desks.open(&registration, module)?;
        self.ask(|answer| Command::Register(registration, module, answer))
            .await
            .ok_or(RegisterModuleError::Stopped)?
            .map_err(RegisterModuleError::Register)
    }

    /// Sends a packet to every up node of a cluster. `write` writes its body, once for each dialect in
    /// use. Never waits: each node has a bounded queue, and the report says who was skipped and why.
    /// Any thread, also from inside a module's callback.
    ///
    /// # Errors
    /// Nothing was sent to anybody: the cluster is unknown, or the packet too long.
    pub fn send_to(
        &self,
        cluster: ClusterId,
        protocol: Protocol,
        module: &str,
        command: i32,
        mut write: impl FnMut(&mut PacketWriter),
    ) -> Result<SendReport, SendToError> {
        let view = self.inner.view.load();
        let nodes = &view.cluster(cluster).ok_or(SendToError::UnknownCluster(cluster))?.nodes;
        let origin = Origin { sender: self.inner.own.get(), cluster: cluster.get() };
        let mut writer = PacketWriter::new(Dialect::V22, module, command, origin);
        write(&mut writer);
        let packet = writer.encode().map_err(SendToError::TooLong)?;
        let mut report = SendReport::default();
        for node in nodes.iter().filter(|node| node.node.row.url.protocol() == protocol) {
            let machine = node.node.row.machine;
            let outcome = match (node.state(), node.link) {
                (State::Up, Some(link)) => self
                    .inner
                    .transport
                    .send(link, packet.to(machine.get()))
                    .map_err(SkipReason::Link),
                (State::Up, None) => Err(SkipReason::NoLink),
                (state, _) => Err(SkipReason::State(state)),
            };
            match outcome {
                Ok(()) => report.queued += 1,
                Err(reason) => report.skipped.push((machine, reason)),
            }
        }
        Ok(report)
    }

    /// Loads the table anew. Connections and queues of nodes that stay are kept.
    ///
    /// # Errors
    /// The store could not be read: what is in memory stays.
    pub async fn reload(&self) -> Result<ReloadReport, ReloadError> {
        self.ask(Command::Reload).await.unwrap_or(Err(ReloadError::Stopped))
    }

    /// Everything that is known at this moment.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.inner.view.load_full()
    }

    /// The present moment of the engine's clock.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.inner.clock.now()
    }

    /// The engine's clock.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock.clone()
    }

    /// The addresses listened on, with their real ports.
    #[must_use]
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.inner.transport.local_addresses()
    }

    /// Bytes queued on a link.
    #[must_use]
    pub fn queued_bytes(&self, link: LinkId) -> usize {
        self.inner.transport.queued_bytes(link)
    }

    /// Ends the node: states are written back (in persistent mode, for at most 5 seconds or
    /// [`Builder::store_patience`], whichever is less), queued packets go out and modules take in what
    /// waits for them (for at most a second together), threads are joined. The thread of a module that
    /// does not return from a callback is named in the log and left behind.
    /// Later calls of any handle find it stopped; a second shutdown waits for the first and does
    /// nothing else. On any executor.
    pub async fn shutdown(&self) {
        // A control thread that is gone has nothing left to flush.
        let _: Option<()> = self.ask(Command::Shutdown).await;
        let mut running = self.inner.running.lock().await;
        let Some(Running { net, thread }) = running.take() else { return };
        let (ended, wait) = oneshot::channel::<()>();
        let desks = self.inner.desks.clone();
        let join = move || {
            let until = Instant::now() + FLUSH;
            // First nothing more is delivered.
            if let Some(net) = net {
                net.shutdown(FLUSH);
            }
            // Its panic was logged when it happened.
            let _ = thread.join();
            desks.finish(until);
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
        self.inner.commands.closed().await;
    }

    /// Asks the control thread; `None` if it has ended.
    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (answer, wait) = oneshot::channel();
        self.inner.commands.send(command(answer)).await.ok()?;
        wait.await.ok()
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("own", &self.inner.own).finish_non_exhaustive()
    }
}
