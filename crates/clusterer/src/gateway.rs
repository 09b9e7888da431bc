//! What happens to what arrives: on a thread of the transport's, for every packet.

use crate::inbox::Inbox;
use crate::inlet::Inlet;
use crate::log_limit::LogLimit;
use crate::metric::DropCounters;
use arc_swap::ArcSwap;
use clusterer_core::View;
use clusterer_net::{Ingress, Receiver, Source};
use clusterer_node::{Attempt, LinkEvent, Moment};
use std::sync::Arc;

/// What the connections share: the published view, and where they hand on to.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) view: Arc<ArcSwap<View>>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) dropped: DropCounters,
    pub(crate) log_drops: LogLimit,
    pub(crate) log_malformed: LogLimit,
}

impl Gateway {
    pub(crate) fn new(view: Arc<ArcSwap<View>>, inbox: Arc<Inbox>) -> Self {
        let (log_drops, log_malformed) = (LogLimit::default(), LogLimit::default());
        Self { view, inbox, dropped: DropCounters::new(), log_drops, log_malformed }
    }
}

impl Ingress for Gateway {
    fn open(self: Arc<Self>, source: &Source) -> Box<dyn Receiver> {
        Box::new(Inlet::new(self, *source))
    }

    fn link(&self, attempt: Attempt, event: LinkEvent, _: Moment) {
        self.inbox.event(attempt, event);
    }
}
