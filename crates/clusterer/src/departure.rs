//! How the control thread leaves: nothing that only it looks after goes on without it.

use arc_swap::ArcSwap;
use clusterer_core::View;
use clusterer_net::{Command, Transport};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub(crate) struct Departure {
    pub(crate) view: Arc<ArcSwap<View>>,
    /// A view of no clusters and no modules.
    pub(crate) nothing: Arc<View>,
    pub(crate) transport: Arc<dyn Transport>,
    /// The transport is not the engine's own, which ends its links itself when it has written what is
    /// queued.
    pub(crate) foreign: bool,
}

impl Departure {
    /// Runs the control task, and clears up behind it, however it ended.
    ///
    /// Should it panic, no deadline is judged any more and no state is true for long. So the node leaves
    /// its clusters: it answers no ping, and its peers see it fail, instead of counting on it.
    pub(crate) fn after(self, control: impl FnOnce()) {
        let panicked = catch_unwind(AssertUnwindSafe(control)).is_err();
        let last = self.view.load_full();
        if panicked {
            tracing::error!(
                "the control thread panicked, which is a bug: this node has left its clusters and \
                 must be started again"
            );
            self.view.store(self.nothing.clone());
        }
        if panicked || self.foreign {
            // The links first: they would be counted on. What receivers remember takes room.
            guarded("close its links", || self.close_links(&last));
            guarded("forget", || self.transport.forget());
        }
    }

    fn close_links(&self, last: &View) {
        // Rows share links.
        let links: BTreeSet<_> = last.nodes().filter_map(|node| node.link).collect();
        for link in links {
            self.transport.command(Command::Close(link));
        }
    }
}

/// A transport that is not ours may be what panics.
fn guarded(what: &'static str, call: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(call)).is_err() {
        tracing::error!("the transport panicked when it was to {what}");
    }
}
