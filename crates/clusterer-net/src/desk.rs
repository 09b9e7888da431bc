//! Where one mio thread finds what others hand over to it.

use crate::admission::Newcomer;
use crate::command::Inbox;
use crate::queue::LinkQueue;
use crate::transport::{AfterDrain, Drained};
use crate::wake::Wake;
use std::mem::take;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) struct Desk {
    pub(crate) wake: Wake,
    inbox: Mutex<Inbox>,
    /// Queues with something new in them, each at most once.
    announced: Mutex<Vec<LinkQueue>>,
    /// Who is to be told when everything that has arrived was read; `None` once nothing is read any
    /// more.
    drains: Mutex<Option<Vec<AfterDrain>>>,
    /// Receivers are to forget what they remember.
    forget: AtomicBool,
    /// Connections that were accepted by another thread; `None` once none is taken any more.
    newcomers: Mutex<Option<Vec<Newcomer>>>,
}

impl Desk {
    pub(crate) fn new(wake: Wake) -> Self {
        Self {
            wake,
            inbox: Mutex::default(),
            announced: Mutex::default(),
            drains: Mutex::new(Some(Vec::new())),
            forget: AtomicBool::new(false),
            newcomers: Mutex::new(Some(Vec::new())),
        }
    }

    pub(crate) fn inbox(&self) -> MutexGuard<'_, Inbox> {
        lock(&self.inbox)
    }

    /// There is something new in it, which the thread has not been told yet.
    pub(crate) fn announce(&self, queue: LinkQueue) {
        lock(&self.announced).push(queue);
        self.wake.wake();
    }

    /// Moves the queues with something new to `into`, which is empty.
    pub(crate) fn take_announced(&self, into: &mut Vec<LinkQueue>) {
        std::mem::swap(&mut *lock(&self.announced), into);
    }

    pub(crate) fn drain(&self, then: AfterDrain) {
        let mut drains = lock(&self.drains);
        let Some(waiting) = drains.as_mut() else {
            drop(drains);
            return then(Drained::STOPPED);
        };
        waiting.push(then);
        drop(drains);
        self.wake.wake();
    }

    pub(crate) fn take_drains(&self) -> Vec<AfterDrain> {
        lock(&self.drains).as_mut().map(take).unwrap_or_default()
    }

    pub(crate) fn forget(&self) {
        self.forget.store(true, Ordering::Release);
        self.wake.wake();
    }

    pub(crate) fn take_forget(&self) -> bool {
        self.forget.swap(false, Ordering::AcqRel)
    }

    /// Closes it if the thread has ended.
    pub(crate) fn welcome(&self, newcomer: Newcomer) {
        if let Some(newcomers) = lock(&self.newcomers).as_mut() {
            newcomers.push(newcomer);
        }
        self.wake.wake();
    }

    pub(crate) fn take_newcomers(&self) -> Vec<Newcomer> {
        lock(&self.newcomers).as_mut().map(take).unwrap_or_default()
    }

    /// The thread has ended: nothing more will be read, so nothing is waited for.
    pub(crate) fn close(&self) {
        drop(lock(&self.newcomers).take());
        let drains = lock(&self.drains).take();
        drains.into_iter().flatten().for_each(|then| then(Drained::STOPPED));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No caller's code runs under these locks, so what they guard is whole even after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
