//! The thread of one module: takes what waits in its channel, and makes the calls, one at a time.

use crate::batch::{Batch, Entry};
use crate::channel::Channel;
use crate::guard::{Panics, guarded};
use crate::log_limit::{LogLimit, Pace};
use crate::metric;
use crate::tally::Tally;
use clusterer_bin::Packet;
use clusterer_registry::{ClusterModule, Malformed, PacketContext};
use metrics::{Counter, Histogram};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A callback that takes longer is named in a warning.
pub(crate) const SLOW: Duration = Duration::from_millis(100);

pub(crate) struct Worker {
    channel: Arc<Channel>,
    module: Arc<dyn ClusterModule>,
    /// By source, of all modules of the node together.
    malformed: Arc<LogLimit>,
    slow: Pace,
    tally: Tally,
    callbacks: Histogram,
    dropped: Counter,
    panics: Panics,
}

impl Worker {
    pub(crate) fn new(
        channel: Arc<Channel>,
        module: Arc<dyn ClusterModule>,
        malformed: Arc<LogLimit>,
    ) -> Self {
        let (callbacks, panics) =
            (metric::module_callbacks(&channel.name), Panics::of(&channel.name));
        let dropped = metric::malformed();
        let (slow, tally) = (Pace::default(), Tally::default());
        Self { channel, module, malformed, slow, tally, callbacks, dropped, panics }
    }

    /// Works until the channel is closed, then lets go of the module.
    pub(crate) fn run(mut self) {
        let channel = self.channel.clone();
        let _ended = Ended(&channel);
        let mut batch = Batch::default();
        while channel.next(&mut batch) {
            self.work(&batch);
            batch.clear();
            self.tally.report(&self.callbacks);
        }
        let Self { module, panics, .. } = self;
        // It may be the last to hold it, and what it drops is the module's code again.
        guarded(&channel.name, "drop", &panics, || drop(module));
    }

    fn work(&mut self, batch: &Batch) {
        for entry in batch.entries() {
            if self.channel.is_discarding() {
                return;
            }
            let began = Instant::now();
            self.channel.calling(Some(began));
            let callback = self.call(entry);
            self.channel.calling(None);
            let took = began.elapsed();
            self.tally.add(took);
            if took > SLOW {
                self.note_slow(callback, took);
            }
        }
    }

    /// Makes one call, and says which.
    fn call(&self, entry: Entry<'_>) -> &'static str {
        match entry {
            Entry::Event(event) => {
                self.guarded("on_event", || self.module.on_event(event));
                "on_event"
            }
            Entry::Packet { context, dialect, bytes } => {
                let outcome = self.guarded("on_packet", || {
                    let packet = Packet::parse(dialect, bytes)?;
                    self.module.on_packet(&context, &packet)
                });
                if let Some(Err(error)) = outcome {
                    self.note_malformed(&context, &error);
                }
                "on_packet"
            }
        }
    }

    fn guarded<T>(&self, callback: &'static str, call: impl FnOnce() -> T) -> Option<T> {
        guarded(&self.channel.name, callback, &self.panics, call)
    }

    fn note_malformed(&self, context: &PacketContext, error: &Malformed) {
        self.dropped.increment(1);
        if self.malformed.allows(context.address, context.now) {
            let PacketContext { address, sender, .. } = context;
            let module = &self.channel.name;
            tracing::warn!(%address, %sender, module, %error, "a packet's fields make no sense");
        }
    }

    fn note_slow(&mut self, callback: &'static str, took: Duration) {
        if let Some(suppressed) = self.slow.allows(self.channel.clock.now()) {
            let module = &self.channel.name;
            tracing::warn!(module, callback, ?took, suppressed, "a module's callback is slow");
        }
    }
}

/// Says that the thread has ended, even if it panicked.
struct Ended<'c>(&'c Channel);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.ended();
    }
}
