//! What can be done with a link, and how commands reach the mio thread without piling up.

use crate::queue::LinkQueue;
use clusterer_bin::Dialect;
use clusterer_node::{Attempt, LinkId};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// A link to be: one outbound connection slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkSpec {
    /// Its name from now on.
    pub link: LinkId,
    /// Whom to connect to.
    pub peer: SocketAddr,
    /// The local address to connect from, with any port. Peers compare source addresses.
    pub bind: Option<IpAddr>,
    /// The dialect of what the peer writes back.
    pub dialect: Dialect,
    /// Sent data unacknowledged for this long breaks the connection (`TCP_USER_TIMEOUT`, Linux).
    /// Zero is the system's default.
    pub user_timeout: Duration,
}

/// Something to do with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Drops the connection and the slot. Queued packets are discarded and counted. No event follows.
    Close(LinkId),
    /// Makes one connection attempt. Exactly one `Connected` or `Failed` follows, unless the link is
    /// hung up or closed meanwhile; it names this attempt. Nothing happens if there is a connection or an attempt already.
    Dial(Attempt),
    /// Drops the connection or the attempt. Queued packets are kept. No event follows.
    Hangup(LinkId),
    /// Makes the slot, which takes packets at once, and does not dial. A link of the same id is
    /// closed first.
    Open(LinkSpec),
}

/// What is still to be done for one link, in the order of the fields.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) close: bool,
    pub(crate) open: Option<(LinkSpec, Arc<LinkQueue>)>,
    pub(crate) hangup: bool,
    pub(crate) dial: Option<Attempt>,
}

/// Commands on their way to the mio thread. Those of one link are merged into what remains to be
/// done, so that the inbox never holds more entries than there are links, those included that the
/// mio thread has yet to close. Only commands of open links may be put in.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    wanted: BTreeMap<LinkId, Wanted>,
}

impl Inbox {
    /// The link is not open, or was closed before.
    pub(crate) fn open(&mut self, spec: LinkSpec, queue: Arc<LinkQueue>) {
        self.wanted.entry(spec.link).or_default().open = Some((spec, queue));
    }

    pub(crate) fn dial(&mut self, attempt: Attempt) {
        self.wanted.entry(attempt.link).or_default().dial = Some(attempt);
    }

    pub(crate) fn hangup(&mut self, link: LinkId) {
        let wanted = self.wanted.entry(link).or_default();
        wanted.hangup = true;
        wanted.dial = None;
    }

    pub(crate) fn close(&mut self, link: LinkId) {
        let before = self.wanted.remove(&link).unwrap_or_default();
        let never_seen = before.open.is_some() && !before.close;
        if !never_seen {
            self.wanted.insert(link, Wanted { close: true, ..Wanted::default() });
        }
    }

    pub(crate) fn take(&mut self) -> BTreeMap<LinkId, Wanted> {
        std::mem::take(&mut self.wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Limits;

    const LINK: LinkId = LinkId { index: 1, generation: 7 };

    fn open(inbox: &mut Inbox) {
        let spec = LinkSpec {
            link: LINK,
            peer: ([127, 0, 0, 1], 1).into(),
            bind: None,
            dialect: Dialect::V22,
            user_timeout: Duration::ZERO,
        };
        let limits = Limits { bytes: 1, packets: 1 };
        inbox.open(spec, Arc::new(LinkQueue::new(LINK, limits, Arc::default())));
    }

    fn left(inbox: &mut Inbox) -> Option<(bool, bool, bool, bool)> {
        let all = inbox.take();
        assert!(all.len() <= 1);
        all.get(&LINK).map(|w| (w.close, w.open.is_some(), w.hangup, w.dial.is_some()))
    }

    #[test]
    fn a_hangup_takes_back_a_dial_and_not_the_other_way_round() {
        let mut inbox = Inbox::default();
        inbox.dial(Attempt { link: LINK, number: 1 });
        inbox.hangup(LINK);
        assert_eq!(left(&mut inbox), Some((false, false, true, false)));
        inbox.hangup(LINK);
        inbox.dial(Attempt { link: LINK, number: 1 });
        inbox.dial(Attempt { link: LINK, number: 1 });
        assert_eq!(left(&mut inbox), Some((false, false, true, true)));
    }

    #[test]
    fn opening_and_closing_what_the_loop_has_not_seen_cancels_out() {
        let mut inbox = Inbox::default();
        open(&mut inbox);
        inbox.dial(Attempt { link: LINK, number: 1 });
        inbox.close(LINK);
        assert_eq!(left(&mut inbox), None);
    }

    #[test]
    fn what_the_loop_has_seen_is_closed_before_it_is_opened_again() {
        let mut inbox = Inbox::default();
        open(&mut inbox);
        assert_eq!(left(&mut inbox), Some((false, true, false, false)));
        inbox.dial(Attempt { link: LINK, number: 1 });
        inbox.close(LINK);
        open(&mut inbox);
        assert_eq!(left(&mut inbox), Some((true, true, false, false)));
        inbox.close(LINK);
        open(&mut inbox);
        inbox.close(LINK);
        assert_eq!(left(&mut inbox), Some((true, false, false, false)));
    }
}
