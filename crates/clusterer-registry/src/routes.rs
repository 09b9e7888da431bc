//! The ways that the packets of one connection took lately.

use crate::{DropReason, Epoch, Modules, Route};
use alloc::vec::Vec;
use clusterer_bin::Packet;
use core::net::IpAddr;

/// Ways remembered. A connection has one sender and a module or two, mostly.
const MOST: usize = 8;

/// Remembers where packets of a connection went, so that the next ones need only be compared. Forgets all of
/// it with the first packet after the end of the [`Epoch`], and what was not needed for the longest time when there
/// are more than eight. Where no packet may come for long, put [`Routes::new`] in its place when the epoch ends: what
/// is remembered keeps some KiB of the former nodes in memory.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// For which all of it is true, and the packets' address.
    of: Option<(Epoch, IpAddr)>,
    /// What was used last is first.
    known: Vec<Route>,
}

impl Routes {
    /// Nothing is known yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { of: None, known: Vec::new() }
    }

    /// What [`Modules::route`] says.
    ///
    /// # Errors
    /// As [`Modules::route`]. This is not remembered.
    pub fn find(
        &mut self,
        modules: &Modules,
        from: IpAddr,
        packet: &Packet<'_>,
    ) -> Result<&Route, DropReason> {
        if self.of.as_ref().is_none_or(|(epoch, of)| epoch != modules.epoch() || *of != from) {
            self.known.clear();
            self.of = Some((modules.epoch().clone(), from));
        }
        let at = match self.known.iter().position(|route| route.takes(packet)) {
            Some(at) => at,
            None => {
                let route = modules.route(from, packet)?;
                self.known.truncate(MOST - 1);
                self.known.push(route);
                self.known.len() - 1
            }
        };
        if let Some(younger) = self.known.get_mut(..=at) {
            younger.rotate_right(1);
        }
        // It stands there: it was found or put there just now.
        self.known.first().ok_or(DropReason::UnknownModule)
    }
}
