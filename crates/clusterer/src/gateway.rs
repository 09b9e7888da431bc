//! What happens to what arrives: on the transport's thread, for every packet. Modules are not called here,
//! what is theirs is put into their channels.

use crate::inbox::Inbox;
use crate::log_limit::LogLimit;
use crate::metric;
use arc_swap::ArcSwap;
use clusterer_bin::{FieldError, Packet};
use clusterer_core::{Admission, View, pong};
use clusterer_net::{Ingress, Reply, Source, Trust};
use clusterer_node::{Attempt, LinkEvent, Moment};
use clusterer_registry::{DropReason, ModuleEvent, Verdict};
use std::sync::Arc;

/// Admits packets by the published view and hands them on.
#[derive(Debug)]
pub(crate) struct Gateway {
    view: Arc<ArcSwap<View>>,
    inbox: Arc<Inbox>,
    drops: LogLimit,
    malformed: LogLimit,
}

impl Gateway {
    pub(crate) fn new(view: Arc<ArcSwap<View>>, inbox: Arc<Inbox>) -> Self {
        Self { view, inbox, drops: LogLimit::default(), malformed: LogLimit::default() }
    }

    fn note_drop(&self, source: &Source, packet: &Packet<'_>, reason: DropReason, now: Moment) {
        metric::dropped(reason.name());
        // A module that is not registered here is no fault of the sender: 2.2 nodes send to all.
        let silent = reason == DropReason::UnknownModule;
        if !silent && self.drops.allows(source.peer.ip(), now) {
            let module = packet.module.escape_ascii();
            let sender = packet.sender;
            let reason = reason.name();
            tracing::warn!(peer = %source.peer, %module, sender, reason, "a packet was dropped");
        }
    }
}

impl Ingress for Gateway {
    fn packet(
        &self,
        source: &Source,
        packet: &Packet<'_>,
        now: Moment,
        reply: &mut Reply<'_>,
    ) -> Trust {
        let view = self.view.load();
        let from = source.peer.ip();
        match view.admit(from, packet, now) {
            Admission::Module(Verdict::Deliver { module, context }) => {
                // It goes to the module's channel, which has nothing to say about it yet.
                let _ = module.on_packet(&context, packet);
            }
            Admission::Module(Verdict::Disabled { module, node }) => {
                metric::dropped("temporarily_disabled");
                module.on_event(ModuleEvent::TemporarilyDisabled(node));
            }
            Admission::Module(Verdict::Drop(reason)) | Admission::Drop(reason) => {
                self.note_drop(source, packet, reason, now);
            }
            Admission::Ping { nonce } => {
                if let Ok(pong) = pong(view.own(), nonce) {
                    // A peer that does not read its pongs has itself to blame; it is counted there.
                    let _ = reply.send(pong.to(packet.sender));
                }
            }
            Admission::Pong { sender, nonce } => {
                if let Some(link) = source.link {
                    self.inbox.pong(link, sender, nonce);
                }
            }
            _ => {}
        }
        if view.knows(from, packet.sender) { Trust::Known } else { Trust::Stranger }
    }

    fn malformed(&self, source: &Source, error: &FieldError, now: Moment) {
        if self.malformed.allows(source.peer.ip(), now) {
            tracing::warn!(peer = %source.peer, %error, "a packet's header cannot be read");
        }
    }

    fn link(&self, attempt: Attempt, event: LinkEvent, _: Moment) {
        self.inbox.event(attempt, event);
    }
}
