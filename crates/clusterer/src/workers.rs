//! The threads of a node's modules: started at a registration, ended with the node.

use crate::channel::{Channel, Phase, Proxy};
use crate::clock::Clock;
use crate::log_limit::LogLimit;
use crate::worker::Worker;
use crate::{RegisterModuleError, Registration};
use clusterer_registry::ClusterModule;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// What the system shows of a thread's name.
const NAME: usize = 15;

pub(crate) struct Workers {
    clock: Arc<dyn Clock>,
    malformed: Arc<LogLimit>,
    /// `None` once the node ends.
    running: Mutex<Option<Vec<Running>>>,
}

struct Running {
    channel: Arc<Channel>,
    thread: JoinHandle<()>,
}

impl Workers {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let running = Mutex::new(Some(Vec::new()));
        Self { clock, malformed: Arc::default(), running }
    }

    /// Gives a module a thread. What comes back stands for the module; the thread ends when that is
    /// dropped, or the node ends.
    pub(crate) fn open(
        &self,
        registration: &Registration,
        module: Arc<dyn ClusterModule>,
    ) -> Result<Arc<dyn ClusterModule>, RegisterModuleError> {
        let mut running = self.lock();
        let running = running.as_mut().ok_or(RegisterModuleError::Stopped)?;
        // Those of registrations that failed.
        running.retain(|Running { thread, .. }| !thread.is_finished());
        let channel = Arc::new(Channel::new(registration.name.clone(), self.clock.clone()));
        let worker = Worker::new(channel.clone(), module, self.malformed.clone());
        let thread = thread::Builder::new()
            .name(thread_name(&registration.name))
            .spawn(move || worker.run())
            .map_err(|error| RegisterModuleError::Thread(error.kind()))?;
        running.push(Running { channel: channel.clone(), thread });
        Ok(Arc::new(Proxy(channel)))
    }

    /// Lets the modules do what waits for them until then, and waits for their threads. One that does
    /// not end is left behind.
    pub(crate) fn finish(&self, until: Instant) {
        let running = self.lock().take().unwrap_or_default();
        for Running { channel, .. } in &running {
            channel.close(Phase::Draining);
        }
        for Running { channel, thread } in running {
            if channel.wait(until) && thread.join().is_err() {
                tracing::error!(module = channel.name, "a module's thread panicked");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Workers {
    /// Waits for nobody, and may be one of these threads.
    fn drop(&mut self) {
        for Running { channel, .. } in self.lock().take().unwrap_or_default() {
            channel.close(Phase::Discarding);
        }
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
        let channel = workers.lock().as_ref().unwrap()[0].channel.clone();
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
