//! What the transport's threads tell the control thread: never lost, never waiting, bounded.

use clusterer_core::Input;
use clusterer_net::Drained;
use clusterer_node::{Attempt, LinkEvent, LinkId, MachineId};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Link events and pongs on their way to the control thread.
///
/// A link's connection ends before the next one is asked for, so a link has at most a handful of events
/// here, however slow the control thread is. Of the pongs between two events only the last is kept: older
/// ones answer pings that have been given up.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    mail: Mutex<AllMail>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct AllMail {
    links: BTreeMap<LinkId, Mail>,
    /// The transport was drained after all of that arrived.
    drained: Option<Drained>,
}

#[derive(Debug, Default)]
struct Mail {
    inputs: Vec<Input>,
    /// The last pong, if it came after them.
    pong: Option<Input>,
}

impl Inbox {
    pub(crate) fn event(&self, attempt: Attempt, event: LinkEvent) {
        self.put(attempt.link, |mail| {
            mail.inputs.extend(mail.pong.take());
            mail.inputs.push(Input::Link { attempt, event });
        });
    }

    pub(crate) fn pong(&self, link: LinkId, sender: MachineId, nonce: i32) {
        self.put(link, |mail| mail.pong = Some(Input::Pong { link, sender, nonce }));
    }

    /// What has been put here before is all that had arrived.
    pub(crate) fn drained(&self, drained: Drained) {
        self.change(|mail| mail.drained = Some(drained));
    }

    /// Waits until there is something.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Takes everything, in order of each link.
    pub(crate) fn take(&self) -> Vec<Input> {
        let AllMail { links, drained } =
            std::mem::take(&mut *self.mail.lock().unwrap_or_else(PoisonError::into_inner));
        let drained = drained.map(|Drained { behind, .. }| Input::Drained { behind });
        let inputs = links.into_values().flat_map(|mail| mail.inputs.into_iter().chain(mail.pong));
        inputs.chain(drained).collect()
    }

    fn put(&self, link: LinkId, change: impl FnOnce(&mut Mail)) {
        self.change(|mail| change(mail.links.entry(link).or_default()));
    }

    fn change(&self, change: impl FnOnce(&mut AllMail)) {
        let mut mail = self.mail.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut mail);
        drop(mail);
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
    fn a_pong_that_came_before_its_connection_ended_counts() {
        let inbox = Inbox::default();
        for nonce in [1, 2] {
            inbox.pong(LINK, MachineId::new(2).unwrap(), nonce);
        }
        inbox.event(Attempt { link: LINK, number: 1 }, LinkEvent::Closed);
        assert_eq!(texts(&inbox), ["Pong 2", "Closed"]);
    }
}
