//! What happens when: the one queue of a run.

use crate::connection::{ConnectionId, Payload, Side};
use clusterer_node::LinkFailure;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Something that happens at a moment.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Bytes, or an end, reach the host at this side.
    Arrive(ConnectionId, Side, Payload),
    /// A module sends, in this life of its process.
    Beat { host: usize, life: u32 },
    /// The plan's fault of this number begins.
    Begin(usize),
    /// The plan's fault of this number ends.
    End(usize),
    /// A 2.2 node looks whether a connection has been idle for too long.
    Idle { host: usize, connection: ConnectionId },
    /// The transport's half of a node takes notice of its commands.
    Obey { host: usize, life: u32 },
    /// Unacknowledged bytes of this side are sent again.
    Retransmit(ConnectionId, Side),
    /// The call to the store, begun in this life of the process, ends.
    StoreDone { host: usize, life: u32 },
    /// Everybody is looked at, whether something happened to him or not.
    Sweep,
    /// A connect is sent for the n-th time.
    Syn(ConnectionId, u32),
    /// A connect reaches the other host.
    SynArrive(ConnectionId, u32),
    /// The answer to a connect reaches the dialler.
    SynAnswer(ConnectionId, Option<LinkFailure>),
    /// Bytes of this side may have been unacknowledged for too long.
    UserTimeout(ConnectionId, Side),
    /// A process's deadline.
    Wake { host: usize, life: u32 },
}

/// Events in order of time; those of one moment in the order in which they were put in.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<Entry>>,
    count: u64,
}

#[derive(Debug)]
struct Entry {
    at: u64,
    number: u64,
    event: Event,
}

impl Agenda {
    pub(crate) fn put(&mut self, at: u64, event: Event) {
        self.count += 1;
        self.heap.push(Reverse(Entry { at, number: self.count, event }));
    }

    /// The next event, if it is not later than `end`.
    pub(crate) fn next_until(&mut self, end: u64) -> Option<(u64, Event)> {
        let Reverse(next) = self.heap.peek()?;
        if next.at > end {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}
