//! A mio thread: waits, lets every socket that is ready have its share, looks after deadlines.

use crate::connection::{Connection, Turn};
use crate::desk::Desk;
use crate::drain::Drains;
use crate::failure::Loss;
use crate::handle::Shared;
use crate::levels::Level;
use crate::links::Dialled;
use crate::listener::Listener;
use crate::log_limit::LogLimit;
use crate::meters::Tally;
use crate::queue::LinkQueue;
use crate::slots::{Key, Slots, fixed, fixed_token};
use crate::wake::Wake;
use crate::{Clock, Config, Ingress, Source};
use clusterer_node::{Moment, Timers};
use mio::event::Event;
use mio::{Events, Interest, Poll, Token};
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

const WAKE: Token = fixed_token(0);
const EVENTS: usize = 1024;
/// Most bytes read at once: a connection's share of a turn. Memory that was never read into is not resident.
const READ_CHUNK: usize = 256 * 1024;
/// Most bytes read in a turn, roughly: in some milliseconds whoever waits has its turn again.
const WORK_A_TURN: usize = 2 * 1024 * 1024;
/// What a connection may read of that: so much when few are ready, and never less than there is in a few
/// packets, however many are.
const SHARE: RangeInclusive<usize> = 32 * 1024..=256 * 1024;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deadline {
    Connection(Key),
    /// A listener that rests is to listen again.
    Listener(usize),
    /// The end of the time allowed for flushing.
    Stop,
}

/// What waits for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ready {
    Connection(Key),
    Listener(usize),
}

/// What a mio thread is built around.
pub(crate) struct Stand {
    poll: Poll,
    pub(crate) desk: Arc<Desk>,
}

impl Stand {
    pub(crate) fn new(clock: &Clock) -> io::Result<Self> {
        let poll = Poll::new()?;
        let wake = Wake::new(poll.registry(), WAKE, Arc::clone(clock))?;
        Ok(Self { poll, desk: Arc::new(Desk::new(wake)) })
    }
}

pub(crate) struct EventLoop {
    /// Which one this is, from 0.
    pub(crate) thread: usize,
    pub(crate) poll: Poll,
    pub(crate) shared: Arc<Shared>,
    desk: Arc<Desk>,
    pub(crate) ingress: Arc<dyn Ingress>,
    clock: Clock,
    config: Config,
    /// The present turn's time.
    pub(crate) now: Moment,
    /// Only the first thread accepts.
    pub(crate) listeners: Vec<Listener>,
    pub(crate) connections: Slots<Connection>,
    /// The links with a connection or an attempt, by their indices.
    pub(crate) dialled: HashMap<u32, Dialled>,
    pub(crate) timers: Timers<Deadline>,
    ready: Vec<Ready>,
    announced: Vec<LinkQueue>,
    drains: Drains,
    scratch: Vec<u8>,
    pub(crate) tally: Tally,
    pub(crate) level: Level,
    stopping: bool,
    log_streams: LogLimit,
    pub(crate) log_accepts: LogLimit,
}

impl EventLoop {
    pub(crate) fn new(
        thread: usize,
        stand: Stand,
        shared: Arc<Shared>,
        ingress: Arc<dyn Ingress>,
        clock: Clock,
        config: Config,
        mut listeners: Vec<Listener>,
    ) -> io::Result<Self> {
        let Stand { poll, desk } = stand;
        for (index, listener) in listeners.iter_mut().enumerate() {
            listener.register(poll.registry(), listener_token(index))?;
        }
        Ok(Self {
            now: clock(),
            thread,
            poll,
            shared,
            desk,
            ingress,
            clock,
            config,
            listeners,
            connections: Slots::new(),
            dialled: HashMap::new(),
            timers: Timers::new(),
            ready: Vec::new(),
            announced: Vec::new(),
            drains: Drains::default(),
            scratch: vec![0; READ_CHUNK],
            tally: Tally::default(),
            level: Level::default(),
            stopping: false,
            log_streams: LogLimit::default(),
            log_accepts: LogLimit::default(),
        })
    }

    /// Runs until it is told to stop.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            match self.poll.poll(&mut events, self.wait()) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "the transport cannot wait for events and stops");
                    break;
                }
            }
            self.now = (self.clock)();
            self.desk.wake.awake(self.now);
            for event in &events {
                self.note(event);
            }
            self.work();
            // A full list of events may not have been all of them.
            let all_read = self.ready.is_empty() && events.iter().count() < EVENTS;
            self.drains.turn(all_read);
            self.look();
            self.look_after_deadlines();
            self.hand_over_figures();
            if self.is_done() {
                break;
            }
        }
        self.end();
    }

    fn wait(&self) -> Option<Duration> {
        if !self.ready.is_empty() || !self.drains.is_empty() {
            return Some(Duration::ZERO);
        }
        self.timers.next().map(|at| at.since(self.now))
    }

    fn note(&mut self, event: &Event) {
        let token = event.token();
        let Some(key) = Key::from_token(token) else {
            if token != WAKE {
                self.schedule_listener(fixed(token) - 1);
            }
            return;
        };
        // An error or a hang-up is found by reading; a failed connect, by asking for its outcome.
        let ending = event.is_read_closed() || event.is_error();
        let writable = event.is_writable() || event.is_write_closed() || event.is_error();
        if let Some(connection) = self.connections.get_mut(key) {
            connection.ready(event.is_readable(), writable, ending);
            self.schedule(key);
        }
    }

    pub(crate) fn schedule(&mut self, key: Key) {
        if let Some(connection) = self.connections.get_mut(key)
            && !std::mem::replace(&mut connection.scheduled, true)
        {
            self.ready.push(Ready::Connection(key));
        }
    }

    pub(crate) fn schedule_listener(&mut self, index: usize) {
        let entry = Ready::Listener(index);
        if !self.ready.contains(&entry) {
            self.ready.push(entry);
        }
    }

    /// One share of work for everything that is ready. What has more to do is ready again.
    fn work(&mut self) {
        let ready = std::mem::take(&mut self.ready);
        let share = share(ready.len());
        for entry in ready {
            match entry {
                Ready::Connection(key) => self.work_on(key, share),
                Ready::Listener(index) => self.accept(index),
            }
        }
    }

    fn work_on(&mut self, key: Key, share: usize) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        connection.scheduled = false;
        if !connection.is_established() && !self.establish(key) {
            return;
        }
        let Some(connection) = self.connections.get_mut(key) else { return };
        let mut turn = Turn {
            now: self.now,
            share,
            ingress: &self.ingress,
            scratch: &mut self.scratch,
            tally: &mut self.tally,
        };
        match connection.work(&mut turn) {
            Ok(more) => {
                if more {
                    self.schedule(key);
                }
                self.arm(key);
            }
            Err(loss) => self.lose(key, &loss),
        }
    }

    /// Sees to it that a timer fires no later than the connection's deadline. It may fire earlier:
    /// moving it with every packet would cost more.
    pub(crate) fn arm(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if let Some(at) = connection.deadline(&self.config)
            && connection.armed.is_none_or(|armed| at < armed)
        {
            connection.armed = Some(at);
            self.timers.set(Deadline::Connection(key), at);
        }
    }

    /// Takes notice of what other threads have handed over.
    fn look(&mut self) {
        let waiting = self.desk.wake.before_looking();
        // The clock once more: a callback may have kept this thread since the turn began.
        self.drains.look(waiting, (self.clock)());
        if self.desk.take_forget() {
            self.connections.values_mut().for_each(Connection::forget);
        }
        for newcomer in self.desk.take_newcomers() {
            self.take_in(newcomer);
        }
        let wanted = self.desk.inbox().take();
        for (index, wanted) in wanted {
            self.obey(index, wanted);
        }
        let mut announced = std::mem::take(&mut self.announced);
        self.desk.take_announced(&mut announced);
        for queue in announced.drain(..) {
            queue.look();
            if let Some(&Dialled { key, .. }) = self.dialled.get(&queue.index()) {
                self.work_on_writing(key);
            }
        }
        self.announced = announced;
        self.drains.add(self.desk.take_drains());
        if !self.stopping
            && let Some(flush) = self.shared.stopping()
        {
            self.stop(flush);
        }
    }

    fn work_on_writing(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if !connection.is_established() {
            return;
        }
        match connection.write(&mut self.tally) {
            Ok(true) => self.schedule(key),
            Ok(false) => {}
            Err(loss) => self.lose(key, &loss),
        }
    }

    /// Keeps a connection and has its events reported.
    pub(crate) fn keep(&mut self, mut connection: Connection) -> io::Result<Key> {
        let token = self.connections.next_key().token();
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut connection.stream, token, interest)?;
        Ok(self.connections.insert(connection))
    }

    fn look_after_deadlines(&mut self) {
        while let Some(deadline) = self.timers.pop_due(self.now) {
            match deadline {
                Deadline::Connection(key) => self.look_after(key),
                Deadline::Listener(index) => self.wake_listener(index),
                // It is gone now, which is what ends the loop.
                Deadline::Stop => {}
            }
        }
    }

    fn look_after(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        connection.armed = None;
        match connection.expired(&self.config, self.now) {
            Some(loss) => self.lose(key, &loss),
            None => self.arm(key),
        }
    }

    /// A connection has ended by itself: counts it, and tells the link's owner.
    pub(crate) fn lose(&mut self, key: Key, loss: &Loss) {
        let Some(source) = self.drop_connection(key) else { return };
        if let Some(reason) = loss.reason() {
            self.tally.dropped(reason, 1);
            if let Some(more) = self.log_streams.allow(self.now) {
                tracing::warn!(peer = %source.peer, reason = %loss, more, "closed a connection");
            }
        }
        if let Some(dialled) = source.link.and_then(|link| self.dialled.remove(&link.index)) {
            self.fit();
            self.ingress.link(dialled.attempt, loss.event(), self.now);
        }
    }

    /// Drops a connection and tells nobody.
    pub(crate) fn drop_connection(&mut self, key: Key) -> Option<Source> {
        let mut connection = self.connections.remove(key)?;
        self.timers.clear(Deadline::Connection(key));
        let source = *connection.source();
        match (source.link, connection.is_established()) {
            (None, _) => self.level.inbound -= 1,
            (Some(_), true) => self.level.outbound -= 1,
            (Some(_), false) => {}
        }
        // Closing it does the same; an error means that there is nothing to undo.
        let _ = self.poll.registry().deregister(&mut connection.stream);
        connection.end(&mut self.tally);
        Some(source)
    }

    fn hand_over_figures(&mut self) {
        self.tally.flush(&self.shared.meters);
        self.shared.levels.show(self.thread, self.level, || self.shared.queued_bytes());
    }

    fn stop(&mut self, flush: Duration) {
        self.stopping = true;
        self.listeners.clear();
        self.timers.set(Deadline::Stop, self.now.after(flush));
    }

    fn is_done(&mut self) -> bool {
        if !self.stopping {
            return false;
        }
        if self.timers.get(Deadline::Stop).is_none() {
            return true;
        }
        let Self { dialled, connections, .. } = self;
        dialled.values().all(|Dialled { key, .. }| {
            connections.get_mut(*key).is_none_or(|connection| connection.is_flushed())
        })
    }

    fn end(mut self) {
        let keys: Vec<Key> = self.connections.keys().collect();
        for key in keys {
            self.drop_connection(key);
        }
        self.hand_over_figures();
    }
}

pub(crate) fn listener_token(index: usize) -> Token {
    fixed_token(index + 1)
}

/// How many bytes each of so many may read in a turn.
fn share(ready: usize) -> usize {
    (WORK_A_TURN / ready.max(1)).clamp(*SHARE.start(), *SHARE.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_share_a_turn_and_none_has_less_than_some_packets() {
        let shares = [0, 1, 8, 10, 64, 65, 10_000].map(share);
        assert_eq!(shares.map(|bytes| bytes / 1024), [256, 256, 256, 204, 32, 32, 32]);
    }
}
