//! A module that is called where things happen: on the thread that received, or found out.

use crate::clock::Clock;
use crate::guard::{Panics, guarded};
use crate::log_limit::Pace;
use crate::metric;
use crate::worker::SLOW;
use arc_swap::ArcSwapOption;
use clusterer_bin::Packet;
use clusterer_registry::{ClusterModule, Delivery, Malformed, ModuleEvent, PacketContext, Run};
use metrics::Histogram;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a module may panic over packets that came together. Unwinding holds up whatever else arrives; what
/// is left of them is dropped.
const MOST_PANICS: usize = 16;
const PANICS: Malformed = Malformed::Value("the module panics over packets that came with it");

/// The module, as core and registry know it: it never panics, and is measured.
pub(crate) struct Inline {
    clock: Arc<dyn Clock>,
    /// Nobody once the node has ended. Who is in a call keeps it to the call's end.
    module: ArcSwapOption<Guarded>,
    callbacks: Histogram,
    slow: Mutex<Pace>,
}

impl Inline {
    pub(crate) fn new(name: String, clock: Arc<dyn Clock>, module: Arc<dyn ClusterModule>) -> Self {
        let (callbacks, panics) = (metric::module_callbacks(&name), Panics::of(&name));
        let guarded = Guarded { name, panics, module: Some(module) };
        let (module, slow) = (ArcSwapOption::from_pointee(guarded), Mutex::default());
        Self { clock, module, callbacks, slow }
    }

    /// From now on no call begins, and the module is let go.
    pub(crate) fn stop(&self) {
        self.module.store(None);
    }

    /// Makes a call. `None` if it panicked.
    fn call<T>(
        &self,
        to: &Guarded,
        callback: &'static str,
        call: impl FnOnce(&dyn ClusterModule) -> T,
    ) -> Option<T> {
        let module = to.module.as_deref()?;
        let began = Instant::now();
        let outcome = guarded(&to.name, callback, &to.panics, || call(module));
        let took = began.elapsed();
        self.callbacks.record(took);
        if took > SLOW {
            self.note_slow(to, callback, took);
        }
        outcome
    }

    #[cold]
    fn note_slow(&self, to: &Guarded, callback: &'static str, took: Duration) {
        let mut slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = slow.allows(self.clock.now());
        drop(slow);
        if let Some(suppressed) = allowed {
            let module = &to.name;
            tracing::warn!(
                module,
                callback,
                ?took,
                suppressed,
                "a module's callback is slow, and nothing else was received meanwhile"
            );
        }
    }
}

impl ClusterModule for Inline {
    fn on_packet(&self, context: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
        let module = self.module.load();
        let outcome = module.as_ref().and_then(|module| {
            self.call(module, "on_packet", |module| module.on_packet(context, packet))
        });
        outcome.unwrap_or(Ok(()))
    }

    fn on_packets(&self, context: &PacketContext, run: &mut dyn Run) {
        let module = self.module.load();
        let Some(module) = &*module else {
            let dropped = std::iter::from_fn(|| run.next().map(|_| ())).count();
            return metric::dropped(metric::STOPPED, u64::try_from(dropped).unwrap_or(u64::MAX));
        };
        // A panic ends the call, and costs the packet that it was about: not those behind it.
        for _ in 0..MOST_PANICS {
            let call = |module: &dyn ClusterModule| module.on_packets(context, run);
            if self.call(module, "on_packets", call).is_some() {
                return;
            }
        }
        while run.next().is_some() {
            run.malformed(&PANICS);
        }
    }

    fn on_event(&self, event: ModuleEvent) {
        if let Some(module) = &*self.module.load() {
            self.call(module, "on_event", |module| module.on_event(event));
        }
    }

    fn delivery(&self) -> Delivery {
        Delivery::Inline
    }
}

/// A module whose code is only run guarded.
struct Guarded {
    name: String,
    panics: Panics,
    /// Until it is dropped.
    module: Option<Arc<dyn ClusterModule>>,
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let module = self.module.take();
        // It may be the last to hold it, and what it drops is the module's code again.
        guarded(&self.name, "drop", &self.panics, || drop(module));
    }
}
