//! Reading what changes.

use crate::status::{Inner, News, Ring, Seen};
use std::fmt;
use std::sync::Weak;
use tokio::sync::watch;

/// A reader of a [`Status`](crate::Status): see [`Status::updates`](crate::Status::updates).
///
/// It may be as slow as it likes: what happens meanwhile is told together, as it is in the end.
pub struct Updates {
    inner: Weak<Inner>,
    bell: watch::Receiver<Ring>,
    seen: Option<Seen>,
    ended: bool,
}

/// What a reader is told, to be sent as a server-sent event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Update {
    /// `snapshot`: everything, to begin with or anew. `change`: what is another since the last update.
    pub name: &'static str,
    /// One line of JSON.
    pub data: String,
}

impl Updates {
    pub(crate) const fn new(inner: Weak<Inner>, bell: watch::Receiver<Ring>) -> Self {
        Self { inner, bell, seen: None, ended: false }
    }

    /// Waits for what comes next. `None` once the node has ended, or its [`Status`](crate::Status) was dropped,
    /// and everything has been read.
    ///
    /// On any executor. A call that is dropped before it is done has taken nothing.
    pub async fn next(&mut self) -> Option<Update> {
        loop {
            // Before the news are looked at: what comes after them rings again.
            self.ended |= self.bell.borrow_and_update().ended;
            let news = self.inner.upgrade().and_then(|inner| inner.news(&mut self.seen));
            if let Some(news) = news {
                return Some(Update::from(news));
            }
            if self.ended || self.bell.changed().await.is_err() {
                return None;
            }
        }
    }
}

impl From<News> for Update {
    fn from(news: News) -> Self {
        match news {
            News::Snapshot(data) => Self { name: "snapshot", data },
            News::Change(data) => Self { name: "change", data },
        }
    }
}

impl Update {
    /// The event as it stands in a `text/event-stream`, with the empty line after it.
    #[must_use]
    pub fn to_frame(&self) -> String {
        format!("event: {}\ndata: {}\n\n", self.name, self.data)
    }
}

impl fmt::Debug for Updates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Updates").field("seen", &self.seen).finish_non_exhaustive()
    }
}
