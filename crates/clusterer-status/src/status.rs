//! The handle: what is shown of a node, and the task that notices what changes.

use crate::Updates;
use crate::document::{About, Change, Snapshot, render};
use crate::drawing::{Depth, Drawing};
use crate::events::Recent;
use crate::sections::Sections;
use crate::wall::Wall;
use clusterer::{Cluster, Subscription};
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

/// How often figures that change all the time are told.
pub const BEAT: Duration = Duration::from_secs(2);

/// The least time between two changes. The first after a pause is told at once.
const PACE: Duration = Duration::from_millis(200);

/// What is shown of a node. Clones are handles to the same.
///
/// It holds a [`Cluster`], and as every handle keeps the node running.
#[derive(Clone)]
pub struct Status {
    inner: Arc<Inner>,
}

/// What a [`Status`] shows beside the node.
#[must_use]
#[derive(Debug)]
pub struct Builder {
    program: String,
    version: String,
    control: Option<String>,
    sections: Sections,
}

pub(crate) struct Inner {
    cluster: Cluster,
    about: About,
    wall: Wall,
    sections: Sections,
    told: Mutex<Told>,
    /// Rings when there is something new to read.
    bell: watch::Sender<Ring>,
    /// Rings when a reader comes, and at the end.
    reader: Arc<Notify>,
}

/// What readers are told from.
#[derive(Default)]
struct Told {
    /// There while somebody reads: it keeps the table that it shows in memory.
    drawing: Option<Drawing>,
    version: u64,
    recent: Recent,
    /// Readers who keep up are told the same.
    last: Option<Last>,
}

/// What was told last.
struct Last {
    from: Option<Seen>,
    to: Seen,
    news: News,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ring {
    count: u64,
    pub(crate) ended: bool,
}

/// How far a reader has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    version: u64,
    event: u64,
}

/// What is new to a reader.
#[derive(Clone)]
pub(crate) enum News {
    Snapshot(String),
    Change(String),
}

impl Builder {
    /// Adds a part of the program's own to what is shown: JSON, under this name. Its source is called for each
    /// snapshot, and every [`BEAT`] while somebody reads updates: on any thread, also two at a time. It should
    /// be quick, and bounded in what it writes. A second section of a name replaces the first.
    ///
    /// The page shows an object's values as a list, and an array of objects as a table with their keys as
    /// its head.
    pub fn section(
        mut self,
        name: &str,
        source: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        self.sections.add(name.to_owned(), Box::new(source));
        self
    }

    /// Lets the page set states: it offers to, asks for the server's token, and posts the JSON-RPC call
    /// `clusterer_set_status` to this path with it. Only for a server that refuses the call without one.
    pub fn control(mut self, path: &str) -> Self {
        self.control = Some(path.to_owned());
        self
    }

    /// Begins to watch a node: on a tokio runtime, with its time enabled. Events are kept from now on.
    #[must_use = "nothing is watched once it is dropped"]
    pub fn watch(self, cluster: &Cluster) -> Status {
        let Self { program, version, control, sections } = self;
        let (_, subscription) = cluster.subscribe();
        let wall = Wall::new(cluster.clock());
        let started = wall.look();
        let about = About {
            program,
            version,
            control,
            machine_id: cluster.get_my_id().get(),
            started,
            listen: cluster.local_addresses(),
        };
        let told = Mutex::default();
        let (bell, _) = watch::channel(Ring::default());
        let reader = Arc::new(Notify::new());
        let cluster = cluster.clone();
        let inner =
            Arc::new(Inner { cluster, about, wall, sections, told, bell, reader: reader.clone() });
        tokio::spawn(run(Arc::downgrade(&inner), subscription, reader));
        Status { inner }
    }
}

impl Status {
    /// What to show of a node that runs in this program, of this version.
    pub fn builder(program: &str, version: &str) -> Builder {
        let (program, version) = (program.to_owned(), version.to_owned());
        Builder { program, version, control: None, sections: Sections::default() }
    }

    /// Everything that is known now, as one JSON object: see docs/http.md.
    #[must_use]
    pub fn snapshot(&self) -> String {
        let Inner { cluster, about, wall, sections, .. } = &*self.inner;
        let drawing = Drawing::of(cluster, wall.look(), Arc::new(sections.draw()), 0);
        let told = self.inner.told();
        render(&Snapshot::new(about, wall, &drawing, told.recent.after(0)))
    }

    /// A reader of what happens: first a snapshot, then what changes. It keeps nothing running.
    ///
    /// While others read, the snapshot is what they were told last: figures may be a [`BEAT`] old, and what
    /// happened in the last fifth of a second follows as a change.
    #[must_use]
    pub fn updates(&self) -> Updates {
        let bell = self.inner.bell.subscribe();
        // While others read, what is drawn is kept up to date, and nothing is told to them because of this one.
        let is_drawn = self.inner.told().drawing.is_some();
        if !is_drawn {
            self.inner.draw(Depth::Everything);
        }
        self.inner.reader.notify_one();
        Updates::new(Arc::downgrade(&self.inner), bell)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Status").field("about", &self.inner.about).finish_non_exhaustive()
    }
}

impl Inner {
    /// What is new to a reader, if anything is. Snapshots are for those who have seen nothing yet, and after
    /// something came or went.
    pub(crate) fn news(&self, seen: &mut Option<Seen>) -> Option<News> {
        let Told { drawing, recent, last, .. } = &mut *self.told();
        let drawing = drawing.as_ref()?;
        let present = Seen { version: drawing.version, event: recent.last() };
        let known = seen.filter(|seen| seen.version >= drawing.layout_version);
        if known == Some(present) {
            return None;
        }
        *seen = Some(present);
        if let Some(Last { from, to, news }) = last
            && (*from, *to) == (known, present)
        {
            return Some(news.clone());
        }
        let news = match known {
            Some(Seen { version, event }) => {
                let events = recent.after(event);
                News::Change(render(&Change::new(&self.wall, drawing, version, events)))
            }
            None => {
                let events = recent.after(0);
                let snapshot = Snapshot::new(&self.about, &self.wall, drawing, events);
                News::Snapshot(render(&snapshot))
            }
        };
        *last = Some(Last { from: known, to: present, news: news.clone() });
        Some(news)
    }

    /// Draws anew, and has those who read look whether it differs.
    fn draw(&self, depth: Depth) {
        let sections = (depth == Depth::Everything).then(|| Arc::new(self.sections.draw()));
        let mut told = self.told();
        let former = || told.drawing.as_ref().map(|former| former.sections.clone());
        // Where nothing is drawn yet, a reader who has just come is about to have everything drawn.
        let Some(sections) = sections.or_else(former) else { return };
        // Under the lock, so that an older drawing never replaces a newer one.
        told.version = told.version.saturating_add(1);
        let new = Drawing::of(&self.cluster, self.wall.look(), sections, told.version);
        match &mut told.drawing {
            Some(drawing) => drawing.take(new, depth),
            None => told.drawing = Some(new),
        }
        drop(told);
        self.ring(false);
    }

    /// Whether somebody reads. If nobody does, what was drawn for them is let go.
    fn is_read(&self) -> bool {
        let mut told = self.told();
        // Under the lock: a reader counts before it has anything drawn.
        let is_read = self.bell.receiver_count() > 0;
        if !is_read {
            (told.drawing, told.last) = (None, None);
        }
        is_read
    }

    fn ring(&self, ended: bool) {
        self.bell.send_modify(|ring| {
            ring.count = ring.count.wrapping_add(1);
            ring.ended |= ended;
        });
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // Each change is one assignment, so it is whole.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.reader.notify_one();
    }
}

/// Keeps events, and draws while somebody reads. Ends with the node, or when nobody is left to ask.
async fn run(inner: Weak<Inner>, mut events: Subscription, reader: Arc<Notify>) {
    let (mut drawn, mut beat) = (Instant::now(), Instant::now());
    let mut has_happened = false;
    loop {
        let Some(is_read) = inner.upgrade().map(|inner| inner.is_read()) else { return };
        let due = match (is_read, has_happened) {
            (false, _) => None,
            (true, false) => Some(beat + BEAT),
            (true, true) => Some((beat + BEAT).min(drawn + PACE)),
        };
        let draw = async {
            match due {
                Some(at) => sleep_until(at).await,
                None => pending().await,
            }
        };
        // In this order: whatever has happened is kept before it is drawn.
        tokio::select! {
            biased;
            next = events.next() => {
                let Some(inner) = inner.upgrade() else { return };
                let mut told = inner.told();
                match next {
                    Some(Ok(event)) => told.recent.tell(&inner.wall, &event),
                    Some(Err(lagged)) => {
                        told.recent.tell_missed(&inner.wall, inner.wall.look(), lagged.missed);
                    }
                    None => {
                        drop(told);
                        inner.draw(Depth::Everything);
                        inner.ring(true);
                        return;
                    }
                }
                has_happened = true;
            }
            () = reader.notified() => {}
            () = draw => {
                let Some(inner) = inner.upgrade() else { return };
                let now = Instant::now();
                let depth = if now >= beat + BEAT { Depth::Everything } else { Depth::Facts };
                if depth == Depth::Everything {
                    beat = now;
                }
                (drawn, has_happened) = (now, false);
                inner.draw(depth);
            }
        }
    }
}
