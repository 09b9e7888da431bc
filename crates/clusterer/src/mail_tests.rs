//! What the tests of the queue share: packets, and a queue that is obviously right.

use crate::batch::{Batch, Entry};
use clusterer_bin::{Dialect, Origin, PacketWriter};
use clusterer_node::{ClusterId, MachineId, Moment, NodeKey};
use clusterer_registry::{ModuleEvent, PacketContext};
use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, Once};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

pub(crate) fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

pub(crate) fn node(id: i32) -> NodeKey {
    NodeKey { cluster: ClusterId::new(1).unwrap(), machine: MachineId::new(id).unwrap() }
}

pub(crate) fn context(sender: i32, now: Moment) -> PacketContext {
    let NodeKey { cluster, machine } = node(sender);
    PacketContext::new(Some(cluster), machine, true, [127, 0, 0, 1].into(), now)
}

/// A packet of module `m`, with a body of so many bytes and a length.
pub(crate) fn packet(sender: i32, length: usize) -> Vec<u8> {
    let mut writer = PacketWriter::new(Dialect::V22, "m", 0, Origin { sender, cluster: 1 });
    writer.str(&vec![b'x'; length]);
    writer.finish(1).unwrap().to_vec()
}

pub(crate) const fn event(event: ModuleEvent) -> Entry<'static> {
    Entry::Event(event)
}

/// A list, searched and shifted for every event.
#[derive(Debug, Default)]
pub(crate) struct Naive(Vec<Result<(PacketContext, Vec<u8>), ModuleEvent>>);

impl Naive {
    pub(crate) fn packet(&mut self, context: PacketContext, bytes: Vec<u8>) {
        self.0.push(Ok((context, bytes)));
    }

    pub(crate) fn event(&mut self, event: ModuleEvent) {
        let queued = self.0.iter().position(|item| *item == Err(event));
        match (queued, event) {
            (Some(_), ModuleEvent::TemporarilyDisabled(_)) => return,
            (Some(at), _) => drop(self.0.remove(at)),
            (None, _) => {}
        }
        self.0.push(Err(event));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn packets(&self) -> usize {
        self.0.iter().flatten().count()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().flatten().map(|(_, bytes)| bytes.len()).sum()
    }

    pub(crate) fn compare(&self, batch: &Batch) {
        let entry = |item: &'_ Result<(PacketContext, Vec<u8>), ModuleEvent>| match item {
            Ok((context, bytes)) => {
                format!("{:?}", Entry::Packet { context: *context, dialect: Dialect::V22, bytes })
            }
            Err(event) => format!("{:?}", Entry::Event(*event)),
        };
        let expected: Vec<_> = self.0.iter().map(entry).collect();
        let entries: Vec<_> = batch.entries().map(|entry| format!("{entry:?}")).collect();
        assert_eq!(entries, expected);
    }
}

/// The lines about a module until now that say this. A loaded machine may have caused others.
pub(crate) fn log_lines(module: &str, what: &str) -> Vec<String> {
    let wanted = format!("module={module:?} ");
    let lines = LINES.lock().unwrap();
    let about = lines.iter().filter(|line| line.contains(&wanted) && line.contains(what));
    about.cloned().collect()
}

/// To be called before what is to be seen is logged.
pub(crate) fn watch_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Log).unwrap());
}

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps events as text.
struct Log;

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        LINES.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}
