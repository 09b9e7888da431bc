//! What the transport's thread tells the control thread: never lost, never waiting, bounded.

use clusterer_core::Input;
use clusterer_node::{Attempt, LinkEvent, LinkId, MachineId};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Link events and pongs on their way to the control thread.
///
/// A link's connection ends before the next one is asked for, so a link has at most a handful of events
/// here, however slow the control thread is. Of its pongs only the last is kept: older ones answer
/// pings that have been given up.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    links: Mutex<BTreeMap<LinkId, Mail>>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Mail {
    events: Vec<(Attempt, LinkEvent)>,
    pong: Option<Pong>,
}

#[derive(Clone, Copy, Debug)]
struct Pong {
    sender: MachineId,
    nonce: i32,
}

impl Inbox {
    pub(crate) fn event(&self, attempt: Attempt, event: LinkEvent) {
        self.put(attempt.link, |mail| {
            // A pong of a connection that is gone answers nothing.
            mail.pong = None;
            mail.events.push((attempt, event));
        });
    }

    pub(crate) fn pong(&self, link: LinkId, sender: MachineId, nonce: i32) {
        self.put(link, |mail| mail.pong = Some(Pong { sender, nonce }));
    }

    /// Waits until there is something.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Takes everything, in order of each link.
    pub(crate) fn take(&self) -> Vec<Input> {
        let links = std::mem::take(&mut *self.links.lock().unwrap_or_else(PoisonError::into_inner));
        let mut inputs = Vec::new();
        for (link, mail) in links {
            for (attempt, event) in mail.events {
                inputs.push(Input::Link { attempt, event });
            }
            if let Some(Pong { sender, nonce }) = mail.pong {
                inputs.push(Input::Pong { link, sender, nonce });
            }
        }
        inputs
    }

    fn put(&self, link: LinkId, change: impl FnOnce(&mut Mail)) {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        change(links.entry(link).or_default());
        drop(links);
        self.filled.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(inbox: &Inbox) -> Vec<String> {
        let text = |input| match input {
            Input::Link { event, .. } => format!("{event:?}"),
            Input::Pong { nonce, .. } => format!("Pong {nonce}"),
            other => format!("{other:?}"),
        };
        inbox.take().into_iter().map(text).collect()
    }

    const LINK: LinkId = LinkId { index: 0, generation: 0 };

    #[test]
    fn transitions_are_kept_in_order_and_pongs_coalesce() {
        let inbox = Inbox::default();
        let sender = MachineId::new(2).unwrap();
        inbox.event(Attempt { link: LINK, number: 1 }, LinkEvent::Closed);
        inbox.event(Attempt { link: LINK, number: 1 }, LinkEvent::Connected);
        for nonce in 0..1_000 {
            inbox.pong(LINK, sender, nonce);
        }
        assert_eq!(texts(&inbox), ["Closed", "Connected", "Pong 999"]);
        assert_eq!(texts(&inbox), Vec::<String>::new());
    }

    #[test]
    fn a_pong_does_not_outlive_its_connection() {
        let inbox = Inbox::default();
        inbox.pong(LINK, MachineId::new(2).unwrap(), 1);
        inbox.event(Attempt { link: LINK, number: 1 }, LinkEvent::Closed);
        assert_eq!(texts(&inbox), ["Closed"]);
    }
}
