//! The way of events from the control thread to who subscribed: never waiting, bounded.

use crate::event::{Event, EventKind};
use arc_swap::ArcSwap;
use clusterer_core::{NodeView, View};
use clusterer_node::{Moment, Node, Row};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast::{self, Receiver, Sender};

/// Where views are published, and events.
///
/// The lock makes one step of publishing a view with the events that led to it, and one step of taking a
/// view with the place in the stream where it stands. It is held for no longer than that.
#[derive(Debug)]
pub(crate) struct Feed {
    view: Arc<ArcSwap<View>>,
    capacity: usize,
    line: Mutex<Line>,
}

#[derive(Debug)]
enum Line {
    /// The node has ended.
    Ended,
    /// Nobody listens, so nothing is kept.
    Idle,
    Live(Sender<Event>),
}

/// What happened in a turn, as far as views do not show it.
#[derive(Debug, Default)]
pub(crate) struct News {
    happened: Vec<EventKind>,
    /// How a reload went: told last.
    reload: Option<EventKind>,
}

impl News {
    pub(crate) fn push(&mut self, kind: EventKind) {
        match kind {
            EventKind::Reloaded(_) | EventKind::ReloadFailed(_) => self.reload = Some(kind),
            kind => self.happened.push(kind),
        }
    }
}

/// The control thread's end. The streams end with it, however it ends.
#[derive(Debug)]
pub(crate) struct Publisher(Arc<Feed>);

impl Publisher {
    pub(crate) fn new(feed: Arc<Feed>) -> Self {
        Self(feed)
    }

    /// Returns whether other modules and nodes are published than before.
    pub(crate) fn publish(&self, at: Moment, view: Option<View>, news: News) -> bool {
        self.0.publish(at, view, news)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        *self.0.line() = Line::Ended;
    }
}

impl Feed {
    pub(crate) fn new(view: Arc<ArcSwap<View>>, capacity: usize) -> Self {
        Self { view, capacity, line: Mutex::new(Line::Idle) }
    }

    /// The view, and what comes after it.
    pub(crate) fn subscribe(&self) -> (Arc<View>, Receiver<Event>) {
        let mut line = self.line();
        let receiver = match &*line {
            // Without a sender it ends at once.
            Line::Ended => broadcast::channel(1).1,
            Line::Live(sender) => sender.subscribe(),
            Line::Idle => {
                let (sender, receiver) = broadcast::channel(self.capacity);
                *line = Line::Live(sender);
                receiver
            }
        };
        (self.view.load_full(), receiver)
    }

    /// The view, a receiver of what comes after it, and how many events a former one skips by that.
    pub(crate) fn resubscribe(
        &self,
        former: &Receiver<Event>,
    ) -> (Arc<View>, Receiver<Event>, usize) {
        let _line = self.line();
        (self.view.load_full(), former.resubscribe(), former.len())
    }

    fn publish(&self, at: Moment, view: Option<View>, news: News) -> bool {
        let mut line = self.line();
        let changed = view.map(|view| {
            let view = Arc::new(view);
            (self.view.swap(view.clone()), view)
        });
        let is_renewed = changed
            .as_ref()
            .is_some_and(|(from, to)| from.modules().epoch() != to.modules().epoch());
        line.tell(at, changed, news);
        is_renewed
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Each change is one assignment, so it is whole.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn tell(&mut self, at: Moment, changed: Option<(Arc<View>, Arc<View>)>, news: News) {
        let Self::Live(sender) = self else { return };
        if sender.receiver_count() == 0 {
            *self = Self::Idle;
            return;
        }
        for kind in in_order(changed, news) {
            // Who listened may have gone meanwhile.
            let _ = sender.send(Event { at, kind });
        }
    }
}

/// The events of a turn, in an order in which each makes sense after those before it: new nodes, what
/// happened, then what became of rows and links.
fn in_order(changed: Option<(Arc<View>, Arc<View>)>, news: News) -> Vec<EventKind> {
    let News { happened, reload } = news;
    let mut found = Found::default();
    if let Some((former, present)) = &changed {
        match present.changes_since(former) {
            Some(changes) => changes.for_each(|(from, to)| found.compare_links(from, to)),
            None => found.compare_tables(former, present),
        }
    }
    let Found { mut added, changed } = found;
    added.extend(happened);
    added.extend(changed);
    added.extend(reload);
    added
}

/// What two views differ in, but for availability: each change of that is reported by itself.
#[derive(Default)]
struct Found {
    added: Vec<EventKind>,
    changed: Vec<EventKind>,
}

impl Found {
    fn compare_tables(&mut self, former: &View, present: &View) {
        for view in present.nodes() {
            let NodeView { node, availability, link, link_state, since, .. } = view;
            let Some(from) = former.node(node.key()) else {
                let node = Arc::new(node.clone());
                let added = EventKind::NodeAdded { node, availability, link, link_state, since };
                self.added.push(added);
                continue;
            };
            if is_another(from.node, node) {
                let (from, to) = (Arc::new(from.node.clone()), Arc::new(node.clone()));
                self.changed.push(EventKind::NodeReplaced { from, to });
            }
            self.compare_links(from, view);
        }
        let gone = |view: &NodeView<'_>| present.node(view.node.key()).is_none();
        let mut gone: Vec<&Node> = former.nodes().filter(gone).map(|view| view.node).collect();
        gone.sort_unstable_by_key(|node| node.key());
        let removed = gone.into_iter().map(|node| EventKind::NodeRemoved(Arc::new(node.clone())));
        self.changed.extend(removed);
    }

    fn compare_links(&mut self, from: NodeView<'_>, to: NodeView<'_>) {
        if (from.link, from.link_state) != (to.link, to.link_state) {
            self.changed.push(EventKind::LinkChanged {
                node: to.node.key(),
                link: to.link,
                from: from.link_state,
                to: to.link_state,
            });
        }
    }
}

/// Whether a row says something else. What was stored of the node's state is no matter: its
/// availability is.
fn is_another(from: &Node, to: &Node) -> bool {
    let Node { row, ip } = to;
    let Row { state, last_attempt, no_tries, .. } = from.row;
    from.ip != *ip || from.row != Row { state, last_attempt, no_tries, ..row.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterer_core::{Core, Settings};
    use clusterer_node::MachineId;
    use std::task::Poll;

    #[test]
    fn nothing_is_kept_once_nobody_listens() {
        let mut core = Core::new(MachineId::new(1).unwrap(), Settings::default(), 0);
        let view = Arc::new(ArcSwap::from_pointee(core.take_view().unwrap()));
        let feed = Arc::new(Feed::new(view, 8));
        let publisher = Publisher::new(feed.clone());
        let tell = || {
            let mut news = News::default();
            news.push(EventKind::ReloadFailed(crate::ReloadError::Stopped));
            publisher.publish(Moment::ZERO, None, news);
        };
        tell();
        assert!(matches!(*feed.line(), Line::Idle));
        let (_, mut reader) = crate::Subscription::new(feed.clone());
        tell();
        assert!(matches!(*feed.line(), Line::Live(_)));
        assert!(matches!(reader.try_next(), Poll::Ready(Some(Ok(_)))));
        drop(reader);
        tell();
        assert!(matches!(*feed.line(), Line::Idle));
    }
}
