//! From the transport's half of a node to its control half, as the engine's inbox does it: inputs in
//! the order of each link, of the pongs between two events only the last.

use clusterer_core::Input;
use clusterer_node::{Attempt, LinkEvent, LinkId, MachineId, Moment};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    links: BTreeMap<LinkId, Mail>,
    /// Everything that had arrived is here.
    drained: Option<Input>,
}

#[derive(Debug, Default)]
struct Mail {
    inputs: Vec<Input>,
    /// The last pong, if it came after them.
    pong: Option<Input>,
}

impl Inbox {
    pub(crate) fn event(&mut self, attempt: Attempt, event: LinkEvent) {
        let mail = self.links.entry(attempt.link).or_default();
        mail.inputs.extend(mail.pong.take());
        mail.inputs.push(Input::Link { attempt, event });
    }

    pub(crate) fn pong(&mut self, link: LinkId, sender: MachineId, nonce: i32) {
        let mail = self.links.entry(link).or_default();
        mail.pong = Some(Input::Pong { link, sender, nonce });
    }

    pub(crate) fn drained(&mut self, behind: Option<Moment>) {
        self.drained = Some(Input::Drained { behind });
    }

    /// Most inputs that wait for one link.
    pub(crate) fn longest(&self) -> usize {
        self.links.values().map(|mail| mail.inputs.len()).max().unwrap_or(0)
    }

    pub(crate) fn take(&mut self) -> Vec<Input> {
        let Self { links, drained } = std::mem::take(self);
        let inputs = links.into_values().flat_map(|mail| mail.inputs.into_iter().chain(mail.pong));
        inputs.chain(drained).collect()
    }
}
