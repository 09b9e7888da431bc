//! Where a link leads, kept small: there may be a hundred thousand, and nearly all have most of it in common.

use crate::LinkSpec;
use clusterer_bin::Dialect;
use clusterer_node::LinkId;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

/// How many manners are remembered. A node has one for each address that it dials from.
const REMEMBERED: usize = 8;

/// The part of a [`LinkSpec`] that links share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    bind: Option<IpAddr>,
    dialect: Dialect,
    user_timeout: Duration,
    /// The whole address of a peer that has no IPv4 address; such a link shares nothing.
    peer: Option<SocketAddrV6>,
}

/// The part of it that is a link's own: an IPv4 address and a port.
pub(crate) type Place = (Ipv4Addr, u16);

/// The manners that links were opened in lately.
#[derive(Debug, Default)]
pub(crate) struct Manners(Vec<Arc<Manner>>);

impl Manners {
    /// Takes a link's specification apart.
    pub(crate) fn split(&mut self, spec: &LinkSpec) -> (Arc<Manner>, Place) {
        let LinkSpec { bind, dialect, user_timeout, .. } = *spec;
        let manner = Manner { bind, dialect, user_timeout, peer: None };
        match spec.peer {
            SocketAddr::V4(peer) => (self.share(manner), (*peer.ip(), peer.port())),
            SocketAddr::V6(peer) => {
                let manner = Manner { peer: Some(peer), ..manner };
                (Arc::new(manner), (Ipv4Addr::UNSPECIFIED, 0))
            }
        }
    }

    fn share(&mut self, manner: Manner) -> Arc<Manner> {
        if let Some(known) = self.0.iter().find(|known| ***known == manner) {
            return known.clone();
        }
        if self.0.len() == REMEMBERED {
            self.0.remove(0);
        }
        let new = Arc::new(manner);
        self.0.push(new.clone());
        new
    }
}

impl Manner {
    /// The specification that was taken apart.
    pub(crate) fn spec(&self, link: LinkId, place: Place) -> LinkSpec {
        let Self { bind, dialect, user_timeout, peer } = *self;
        let peer = peer.map_or_else(|| place.into(), SocketAddr::V6);
        LinkSpec { link, peer, bind, dialect, user_timeout }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;

    const SPEC: LinkSpec = LinkSpec {
        link: LinkId { index: 7, generation: 3 },
        peer: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5566),
        bind: None,
        dialect: Dialect::V22,
        user_timeout: Duration::ZERO,
    };

    #[test]
    fn what_was_taken_apart_is_put_together_again() {
        let v6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 5566, 1, 2);
        let any = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0);
        let bound = Some(Ipv6Addr::LOCALHOST.into());
        for spec in [
            SPEC,
            LinkSpec { peer: v6.into(), bind: bound, ..SPEC },
            LinkSpec { peer: any.into(), ..SPEC },
            LinkSpec { user_timeout: Duration::MAX, ..SPEC },
        ] {
            let (manner, place) = Manners::default().split(&spec);
            assert_eq!(manner.spec(spec.link, place), spec);
        }
    }

    #[test]
    fn links_of_one_manner_share_it_and_few_are_remembered() {
        let mut manners = Manners::default();
        let (first, _) = manners.split(&SPEC);
        let (same, _) = manners.split(&LinkSpec { peer: ([10, 0, 0, 1], 1).into(), ..SPEC });
        assert!(Arc::ptr_eq(&first, &same));
        for millis in 1..100 {
            manners.split(&LinkSpec { user_timeout: Duration::from_millis(millis), ..SPEC });
        }
        assert_eq!(manners.0.len(), REMEMBERED);
        let (again, place) = manners.split(&SPEC);
        assert_eq!(again.spec(SPEC.link, place), SPEC);
    }
}
