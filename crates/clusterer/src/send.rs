//! Sending to a cluster.

use crate::cluster::Shared;
use crate::{Cluster, SendReport, SendToError, SkipReason};
use clusterer_bin::{Dialect, Origin, PacketWriter};
use clusterer_node::{ClusterId, Protocol, State};

impl Cluster {
    /// Sends a packet to every up node of a cluster. `write` writes its body, once for each dialect in
    /// use, so it may run more than once, and must write the same each time. Never waits: each node has a
    /// bounded queue, and the report says who was skipped and why. Queued is not delivered: a connection
    /// may break before. Any thread, also from inside a module's callback.
    ///
    /// ```
    /// # use clusterer::{Cluster, ClusterId, MachineId, MemoryStore, NodeKey, Protocol, SkipReason, State};
    /// # use std::sync::Arc;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (cluster, own, peer) =
    /// #     (ClusterId::new(1).unwrap(), MachineId::new(1).unwrap(), MachineId::new(2).unwrap());
    /// # let urls = [(own, "bin:127.0.0.1:5566"), (peer, "bin:127.0.0.2:5566")];
    /// # let node = Cluster::builder(own, Arc::new(MemoryStore::of(cluster, urls))).start().await?;
    /// # node.set_state(NodeKey { cluster, machine: peer }, State::Down, Protocol::Bin).await?;
    /// let report = node.send_to(cluster, Protocol::Bin, "calls", 0, |packet| {
    ///     packet.str(b"alice").int(3);
    /// })?;
    /// // An administrator has taken the other node down.
    /// assert_eq!(report.queued, 0);
    /// assert_eq!(report.skipped, [(peer, SkipReason::State(State::Down))]);
    /// # node.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Nothing was sent to anybody: this machine does not belong to the cluster, or the packet is longer
    /// than its dialect allows (65535 bytes in 2.2, header included; [`PacketWriter::room`] says what is left).
    pub fn send_to(
        &self,
        cluster: ClusterId,
        protocol: Protocol,
        module: &str,
        command: i32,
        mut write: impl FnMut(&mut PacketWriter),
    ) -> Result<SendReport, SendToError> {
        let Shared { own, view, transport, .. } = &self.inner.shared;
        let view = view.load();
        let nodes = view.cluster(cluster).ok_or(SendToError::UnknownCluster(cluster))?.nodes;
        let origin = Origin { sender: own.get(), cluster: cluster.get() };
        let mut writer = PacketWriter::new(Dialect::V22, module, command, origin);
        write(&mut writer);
        let packet = writer.encode().map_err(SendToError::TooLong)?;
        let outlet = view.modules().outlet(module, cluster);
        let mut report = SendReport::default();
        for node in nodes.iter().filter(|node| node.node.row.url.protocol() == protocol) {
            let machine = node.node.row.machine;
            let outcome = match (node.state(), node.link) {
                (State::Up, Some(link)) => {
                    let packet = packet.to(machine.get());
                    let bytes = packet.len();
                    let sent = transport.send(link, packet).map_err(SkipReason::Link);
                    sent.inspect(|()| {
                        if !outlet.is_some_and(|outlet| outlet.count(machine, bytes)) {
                            node.count_sent_by_other(bytes);
                        }
                    })
                }
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
}
