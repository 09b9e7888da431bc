//! What can be done with a link, and how commands reach the mio thread without piling up.

use clusterer_bin::Dialect;
use clusterer_node::{Attempt, LinkId};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
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
    /// Makes the slot, which takes packets at once, and does not dial. A link of the same index is
    /// closed first.
    Open(LinkSpec),
}

/// What is still to be done for one link, in the order of the fields.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) hangup: bool,
    pub(crate) dial: Option<Attempt>,
}

/// Commands on their way to the mio thread. Those of links with one index are merged into what remains to be
/// done, so that the inbox never holds more entries than there are indices. Only commands of open links may
/// be put in.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    wanted: BTreeMap<u32, Wanted>,
}

impl Inbox {
    pub(crate) fn dial(&mut self, attempt: Attempt) {
        self.wanted.entry(attempt.link.index).or_default().dial = Some(attempt);
    }

    /// For a link that is closed, too: whatever was connected for its index is to be dropped.
    pub(crate) fn hangup(&mut self, link: LinkId) {
        self.wanted.insert(link.index, Wanted { hangup: true, dial: None });
    }

    pub(crate) fn take(&mut self) -> BTreeMap<u32, Wanted> {
        std::mem::take(&mut self.wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: LinkId = LinkId { index: 1, generation: 7 };

    fn left(inbox: &mut Inbox) -> Option<(bool, Option<LinkId>)> {
        let all = inbox.take();
        assert!(all.len() <= 1);
        all.get(&LINK.index).map(|wanted| (wanted.hangup, wanted.dial.map(|dial| dial.link)))
    }

    #[test]
    fn a_hangup_takes_back_a_dial_and_not_the_other_way_round() {
        let mut inbox = Inbox::default();
        inbox.dial(Attempt { link: LINK, number: 1 });
        inbox.hangup(LINK);
        assert_eq!(left(&mut inbox), Some((true, None)));
        inbox.hangup(LINK);
        inbox.dial(Attempt { link: LINK, number: 1 });
        inbox.dial(Attempt { link: LINK, number: 1 });
        assert_eq!(left(&mut inbox), Some((true, Some(LINK))));
    }

    #[test]
    fn links_that_follow_each_other_in_a_slot_take_one_entry_and_the_last_is_dialled() {
        let mut inbox = Inbox::default();
        for generation in 0..1_000 {
            let link = LinkId { generation, ..LINK };
            inbox.dial(Attempt { link, number: 1 });
            inbox.hangup(link);
        }
        inbox.dial(Attempt { link: LINK, number: 1 });
        assert_eq!(left(&mut inbox), Some((true, Some(LINK))));
    }
}
