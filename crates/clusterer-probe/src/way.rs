//! From where to where a link leads, kept small: there may be a hundred thousand, and nearly all are dialled
//! from one address.

use alloc::sync::Arc;
use alloc::vec::Vec;
use clusterer_node::Endpoint;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How many rarities are remembered. A node has one for each address that it dials from.
const REMEMBERED: usize = 8;

/// The two ends of a link.
#[derive(Debug)]
pub(crate) struct Way {
    /// `None` for one to an IPv4 address that is dialled from wherever the system likes.
    rarity: Option<Arc<Rarity>>,
    ip: Ipv4Addr,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rarity {
    bind: Option<IpAddr>,
    /// The address of a peer that has no IPv4 address; such a link shares nothing.
    ip: Option<Ipv6Addr>,
}

/// Makes ways that share what they can.
#[derive(Debug)]
pub(crate) struct Ways(Vec<Arc<Rarity>>);

impl Way {
    /// Where the peer listens, and the address that it is dialled from.
    pub(crate) fn ends(&self) -> (Endpoint, Option<IpAddr>) {
        let rarity = self.rarity.as_deref();
        let far = rarity.and_then(|rarity| rarity.ip);
        let ip = far.map_or(IpAddr::V4(self.ip), IpAddr::V6);
        (Endpoint { ip, port: self.port }, rarity.and_then(|rarity| rarity.bind))
    }
}

impl Ways {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn way(&mut self, to: Endpoint, bind: Option<IpAddr>) -> Way {
        let Endpoint { ip, port } = to;
        match ip {
            IpAddr::V4(ip) => {
                let rarity = bind.map(|bind| self.share(Rarity { bind: Some(bind), ip: None }));
                Way { rarity, ip, port }
            }
            IpAddr::V6(ip) => {
                let rarity = Some(Arc::new(Rarity { bind, ip: Some(ip) }));
                Way { rarity, ip: Ipv4Addr::UNSPECIFIED, port }
            }
        }
    }

    fn share(&mut self, rarity: Rarity) -> Arc<Rarity> {
        if let Some(known) = self.0.iter().find(|known| ***known == rarity) {
            return known.clone();
        }
        if self.0.len() == REMEMBERED {
            self.0.remove(0);
        }
        let new = Arc::new(rarity);
        self.0.push(new.clone());
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_what_they_were() {
        let v4 = [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED].map(IpAddr::V4);
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        let v6 = [Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED, mapped].map(IpAddr::V6);
        let all: Vec<IpAddr> = v4.into_iter().chain(v6).collect();
        let mut ways = Ways::new();
        for &ip in &all {
            for bind in all.iter().copied().map(Some).chain([None]) {
                let to = Endpoint { ip, port: 5566 };
                assert_eq!(ways.way(to, bind).ends(), (to, bind));
            }
        }
    }

    #[test]
    fn links_from_one_address_share_it_and_few_are_remembered() {
        let mut ways = Ways::new();
        let to = Endpoint { ip: Ipv4Addr::LOCALHOST.into(), port: 1 };
        let from = |last| Some(Ipv4Addr::new(127, 0, 0, last).into());
        let [one, other] = [ways.way(to, from(1)), ways.way(to, from(1))];
        assert!(Arc::ptr_eq(&one.rarity.unwrap(), &other.rarity.unwrap()));
        for last in 1..100 {
            ways.way(to, from(last));
        }
        assert_eq!(ways.0.len(), REMEMBERED);
    }
}
