//! The open links, found by every sender without a lock on anything but the link.

use crate::entry::{Entry, Limits, Room};
use crate::manner::Manners;
use crate::queue::LinkQueue;
use crate::{LinkSpec, SendError};
use arc_swap::ArcSwap;
use clusterer_bin::Outgoing;
use clusterer_node::LinkId;
use std::array;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A change of which blocks there are copies their list: a table of 100,000 links has 1,563.
const BLOCK: u32 = 64;
const ENTRIES: usize = BLOCK as usize;

/// The links by their indices, which are dense where somebody deals them out, and may be any where not.
///
/// Opening and closing must not run at the same time: their caller holds a lock.
#[derive(Debug)]
pub(crate) struct Directory {
    /// In order of their numbers: those with an open link.
    blocks: ArcSwap<Vec<Arc<Block>>>,
    room: Arc<Room>,
    manners: Mutex<Manners>,
}

/// Places of links whose indices follow each other.
#[derive(Debug)]
pub(crate) struct Block {
    number: u32,
    entries: [Mutex<Entry>; ENTRIES],
    /// How many are open.
    open: AtomicUsize,
    room: Arc<Room>,
}

/// An open link, and nobody else can change it.
pub(crate) struct Open<'d> {
    pub(crate) entry: MutexGuard<'d, Entry>,
    block: &'d Arc<Block>,
    at: usize,
}

impl Directory {
    pub(crate) fn new(limits: Limits) -> Self {
        let room = Arc::new(Room::new(limits));
        Self { blocks: ArcSwap::default(), room, manners: Mutex::default() }
    }

    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    /// Opens a link. One of the same index is closed first: returns how many packets that discards, if
    /// there was one.
    pub(crate) fn open(&self, spec: &LinkSpec) -> Option<usize> {
        let (number, at) = place(spec.link);
        let block = self.block(number).unwrap_or_else(|| self.add(number));
        let (manner, place) = lock(&self.manners).split(spec);
        let mut entry = block.lock(at)?;
        let discarded = entry.is_open().then(|| entry.close(&self.room));
        entry.open(spec.link.generation, manner, place);
        if discarded.is_none() {
            block.open.fetch_add(1, Ordering::Relaxed);
        }
        discarded
    }

    /// Closes a link, if it is open. Returns how many packets that discards.
    pub(crate) fn close(&self, link: LinkId) -> Option<usize> {
        let (number, at) = place(link);
        let block = self.block(number)?;
        let mut entry = block.lock(at).filter(|entry| entry.is(link))?;
        let discarded = entry.close(&self.room);
        drop(entry);
        if block.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            let left = self.blocks.load();
            let left = left.iter().filter(|block| block.number != number).cloned().collect();
            self.blocks.store(Arc::new(left));
        }
        Some(discarded)
    }

    /// Closes all links. Returns how many packets that discards.
    pub(crate) fn close_all(&self) -> usize {
        let blocks = self.blocks.swap(Arc::default());
        let entries = blocks.iter().flat_map(|block| &block.entries);
        entries.map(|entry| lock(entry).close(&self.room)).sum()
    }

    /// Does something with a link, if it is open.
    pub(crate) fn with<T>(&self, link: LinkId, act: impl FnOnce(Open<'_>) -> T) -> Option<T> {
        let (number, at) = place(link);
        let blocks = self.blocks.load();
        let block = blocks.get(position(&blocks, number).ok()?)?;
        let entry = block.lock(at).filter(|entry| entry.is(link))?;
        Some(act(Open { entry, block, at }))
    }

    pub(crate) fn is_open(&self, link: LinkId) -> bool {
        self.with(link, |_| ()).is_some()
    }

    fn block(&self, number: u32) -> Option<Arc<Block>> {
        let blocks = self.blocks.load();
        blocks.get(position(&blocks, number).ok()?).cloned()
    }

    fn add(&self, number: u32) -> Arc<Block> {
        let new = Arc::new(Block {
            number,
            entries: array::from_fn(|_| Mutex::new(Entry::free())),
            open: AtomicUsize::new(0),
            room: self.room.clone(),
        });
        let mut blocks = Vec::clone(&self.blocks.load());
        let (Ok(at) | Err(at)) = position(&blocks, number);
        blocks.insert(at, new.clone());
        self.blocks.store(Arc::new(blocks));
        new
    }
}

impl Open<'_> {
    /// The link's queue, for the mio thread.
    pub(crate) fn queue(&self) -> LinkQueue {
        LinkQueue::new(self.block.clone(), self.at, self.entry.opened())
    }

    /// The same, if the mio thread has to be told of it.
    pub(crate) fn announce(&mut self) -> Option<LinkQueue> {
        self.entry.announce().then(|| self.queue())
    }

    /// See [`Entry::push`].
    pub(crate) fn push(&mut self, packet: Outgoing) -> Result<(), SendError> {
        self.entry.push(packet, &self.block.room)
    }
}

impl Block {
    pub(crate) fn index(&self, at: usize) -> u32 {
        let at = u32::try_from(at).unwrap_or_default();
        self.number.saturating_mul(BLOCK).saturating_add(at)
    }

    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    pub(crate) fn lock(&self, at: usize) -> Option<MutexGuard<'_, Entry>> {
        self.entries.get(at).map(lock)
    }
}

/// Where a link is: the number of its block, and which it is of that.
fn place(link: LinkId) -> (u32, usize) {
    (link.index / BLOCK, usize::try_from(link.index % BLOCK).unwrap_or_default())
}

fn position(blocks: &[Arc<Block>], number: u32) -> Result<usize, usize> {
    blocks.binary_search_by_key(&number, |block| block.number)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No caller's code runs under these locks, so what they guard is whole even after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterer_bin::Dialect;
    use std::time::Duration;

    fn directory() -> Directory {
        Directory::new(Limits { bytes: 1, packets: 1 })
    }

    fn spec(index: u32, generation: u32) -> LinkSpec {
        LinkSpec {
            link: LinkId { index, generation },
            peer: ([127, 0, 0, 1], 1).into(),
            bind: None,
            dialect: Dialect::V22,
            user_timeout: Duration::ZERO,
        }
    }

    #[test]
    fn any_index_is_found_and_takes_a_block_at_most() {
        let links = directory();
        let indices = [0, 1, BLOCK - 1, BLOCK, 1 << 20, u32::MAX];
        for index in indices {
            assert_eq!(links.open(&spec(index, 3)), None);
        }
        for index in indices {
            let LinkSpec { link, .. } = spec(index, 3);
            assert_eq!(links.with(link, |open| open.queue().index()), Some(index));
            assert!(!links.is_open(LinkId { generation: 4, ..link }));
        }
        assert!(!links.is_open(spec(BLOCK + 1, 0).link), "its neighbour is open");
        assert_eq!(links.blocks.load().len(), 4);
    }

    #[test]
    fn a_block_without_an_open_link_is_given_back() {
        let links = directory();
        let specs = [spec(0, 0), spec(1, 0), spec(BLOCK, 0)];
        for spec in &specs {
            links.open(spec);
            // Once more, as another one.
            let spec = LinkSpec { link: LinkId { generation: 1, ..spec.link }, ..*spec };
            assert_eq!(links.open(&spec), Some(0));
        }
        for LinkSpec { link, .. } in specs {
            assert_eq!(links.close(link), None, "it is another one now");
            assert_eq!(links.close(LinkId { generation: 1, ..link }), Some(0));
        }
        assert_eq!(links.blocks.load().len(), 0);
    }
}
