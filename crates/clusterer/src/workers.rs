//! The modules of a node, each with a thread of its own unless it wants none: from a registration to the node's
//! end.

use crate::channel::{Channel, Phase, Proxy};
use crate::clock::Clock;
use crate::inline::Inline;
use crate::log_limit::LogLimit;
use crate::metric;
use crate::worker::Worker;
use crate::{RegisterModuleError, Registration};
use clusterer_registry::{ClusterModule, Delivery};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// What the system shows of a thread's name.
const NAME: usize = 15;

pub(crate) struct Workers {
    clock: Arc<dyn Clock>,
    malformed: Arc<LogLimit>,
    /// `None` once the node ends.
    running: Mutex<Option<Running>>,
}

#[derive(Default)]
struct Running {
    threads: Vec<Thread>,
    inline: Vec<Weak<Inline>>,
}

struct Thread {
    channel: Arc<Channel>,
    thread: JoinHandle<()>,
}

impl Workers {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let running = Mutex::new(Some(Running::default()));
        Self { clock, malformed: Arc::default(), running }
    }

    /// Has a module called as it wants to be. What comes back stands for the module, which is let go when that
    /// is dropped, or the node ends.
    pub(crate) fn open(
        &self,
        registration: &Registration,
        module: Arc<dyn ClusterModule>,
    ) -> Result<Arc<dyn ClusterModule>, RegisterModuleError> {
        let delivery = module.delivery();
        let name = registration.name.clone();
        // With its zero, before there is one to count.
        metric::module_timeouts(&name).increment(0);
        let mut running = self.lock();
        let running = running.as_mut().ok_or(RegisterModuleError::Stopped)?;
        running.forget_failed();
        if delivery == Delivery::Inline {
            let inline = Arc::new(Inline::new(name, self.clock.clone(), module));
            running.inline.push(Arc::downgrade(&inline));
            return Ok(inline);
        }
        let channel = Arc::new(Channel::new(name, self.clock.clone()));
        let worker = Worker::new(channel.clone(), module, self.malformed.clone());
        let thread = thread::Builder::new()
            .name(thread_name(&registration.name))
            .spawn(move || worker.run())
            .map_err(|error| RegisterModuleError::Thread(error.kind()))?;
        running.threads.push(Thread { channel: channel.clone(), thread });
        Ok(Arc::new(Proxy(channel)))
    }

    /// Lets the modules do what waits for them until then, and waits for their threads. One that does
    /// not end is left behind.
    pub(crate) fn finish(&self, until: Instant) {
        let running = self.lock().take().unwrap_or_default();
        running.close(Phase::Draining);
        for Thread { channel, thread } in running.threads {
            if channel.wait(until) && thread.join().is_err() {
                tracing::error!(module = channel.name, "a module's thread panicked");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Workers {
    /// Waits for nobody, and may be one of these threads.
    fn drop(&mut self) {
        self.lock().take().unwrap_or_default().close(Phase::Discarding);
    }
}

impl Running {
    /// Those of registrations that failed.
    fn forget_failed(&mut self) {
        self.threads.retain(|Thread { thread, .. }| !thread.is_finished());
        self.inline.retain(|inline| inline.strong_count() > 0);
    }

    fn close(&self, phase: Phase) {
        self.inline.iter().filter_map(Weak::upgrade).for_each(|inline| inline.stop());
        self.threads.iter().for_each(|Thread { channel, .. }| channel.close(phase));
    }
}

/// As much of the module's name as a thread's name holds.
fn thread_name(module: &str) -> String {
    let mut name = format!("clusterer-{module}").replace('\0', "_");
    name.truncate(name.floor_char_boundary(NAME));
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemClock;
    use crate::mail_tests::node;
    use clusterer_bin::Packet;
    use clusterer_registry::{Malformed, ModuleEvent, PacketContext};
    use std::sync::mpsc::{self, Receiver, Sender};
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// Says that it is called, and waits until it may return.
    struct Held {
        called: Sender<ModuleEvent>,
        release: Mutex<Receiver<()>>,
    }

    impl ClusterModule for Held {
        fn on_packet(&self, _: &PacketContext, _: &Packet<'_>) -> Result<(), Malformed> {
            Ok(())
        }

        fn on_event(&self, event: ModuleEvent) {
            self.called.send(event).unwrap();
            self.release.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        }
    }

    #[test]
    fn what_waits_when_the_end_begins_is_still_done() {
        let workers = Workers::new(Arc::new(SystemClock::new()));
        let (called, calls) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let module = Arc::new(Held { called, release: Mutex::new(released) });
        let registration = Registration::new("held", None, PATIENCE);
        let proxy = workers.open(&registration, module.clone()).unwrap();
        let events = [2, 3, 4].map(|id| ModuleEvent::Timeout(node(id)));
        events.into_iter().for_each(|event| proxy.on_event(event));
        assert_eq!(calls.recv_timeout(PATIENCE), Ok(events[0]));
        let channel = workers.lock().as_ref().unwrap().threads[0].channel.clone();
        thread::scope(|scope| {
            scope.spawn(|| workers.finish(Instant::now() + PATIENCE));
            while channel.phase() == Phase::Open {
                thread::yield_now();
            }
            events.iter().for_each(|_| release.send(()).unwrap());
        });
        assert_eq!(calls.try_iter().collect::<Vec<_>>(), events[1..]);
        assert!(workers.open(&registration, module).is_err(), "it has ended");
    }
}
