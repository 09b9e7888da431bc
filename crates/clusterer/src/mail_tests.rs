//! What the tests of the queue share: packets, and a queue that is obviously right.

use crate::batch::{Batch, Entry};
use clusterer_bin::{Dialect, Origin, PacketWriter};
use clusterer_node::{ClusterId, MachineId, Moment, NodeKey};
use clusterer_registry::{ModuleEvent, PacketContext};

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
