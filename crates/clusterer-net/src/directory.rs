//! The open links, found by every sender without a lock.

use crate::queue::LinkQueue;
use arc_swap::{ArcSwap, Guard};
use clusterer_node::LinkId;
use std::array;
use std::collections::HashMap;
use std::sync::Arc;

/// A change copies one part. Were all links in one, loading a table would take quadratic time.
const PARTS: usize = 64;

type Part = HashMap<LinkId, Arc<LinkQueue>>;

/// Changes must not run at the same time: their caller holds a lock.
pub(crate) struct Directory {
    parts: [ArcSwap<Part>; PARTS],
}

impl Directory {
    pub(crate) fn new() -> Self {
        Self { parts: array::from_fn(|_| ArcSwap::default()) }
    }

    /// The links among which this one is, if it is open.
    pub(crate) fn around(&self, link: LinkId) -> Guard<Arc<Part>> {
        self.part(link).load()
    }

    /// Returns the queue that was there.
    pub(crate) fn insert(&self, queue: Arc<LinkQueue>) -> Option<Arc<LinkQueue>> {
        let link = queue.link();
        self.change(link, |part| part.insert(link, queue))
    }

    /// Returns the queue that was there.
    pub(crate) fn remove(&self, link: LinkId) -> Option<Arc<LinkQueue>> {
        self.change(link, |part| part.remove(&link))
    }

    /// Removes and returns all.
    pub(crate) fn take(&self) -> Vec<Arc<LinkQueue>> {
        let parts: Vec<_> = self.parts.iter().map(|part| part.swap(Arc::default())).collect();
        parts.iter().flat_map(|part| part.values()).map(Arc::clone).collect()
    }

    fn change<T>(&self, link: LinkId, change: impl FnOnce(&mut Part) -> T) -> T {
        let part = self.part(link);
        let mut changed = HashMap::clone(&part.load());
        let result = change(&mut changed);
        part.store(Arc::new(changed));
        result
    }

    #[expect(clippy::indexing_slicing, reason = "taken modulo the number of parts")]
    fn part(&self, link: LinkId) -> &ArcSwap<Part> {
        // Indices are dense: each part has its share.
        &self.parts[usize::try_from(link.index).unwrap_or_default() % PARTS]
    }
}
