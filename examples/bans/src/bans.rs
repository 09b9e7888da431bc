//! The module: who is banned, until when, and how nodes tell each other.

use clusterer::{
    Cluster, ClusterId, ClusterModule, Delivery, Malformed, ModuleEvent, Moment, Packet,
    PacketContext, Protocol, SendReport, SendToError, WeakCluster,
};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub(crate) const MODULE: &str = "bans";
/// A packet of this command is pairs of an address and the seconds it stays banned. None at all is a
/// sign of life.
const COMMAND: i32 = 1;
/// Peers decide how many there are, so there is a limit.
pub(crate) const MOST: usize = 50_000;
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// How often a node repeats what it has banned: whoever was away knows it by then.
pub(crate) const REPEAT: Duration = Duration::from_secs(5);

/// Addresses that nobody in the cluster serves for a while.
#[derive(Default)]
pub(crate) struct Bans(Mutex<HashMap<IpAddr, Ban>>);

struct Ban {
    until: Moment,
    own: bool,
}

impl Bans {
    /// Bans an address here, and on every node that can be reached now.
    pub(crate) fn ban(
        &self,
        node: &Cluster,
        cluster: ClusterId,
        address: IpAddr,
        time: Duration,
    ) -> Result<SendReport, SendToError> {
        let until = node.now().after(time.min(LONGEST));
        self.insert(address, Ban { until, own: true }, node.now());
        tell(node, cluster, &[(address, until)])
    }

    pub(crate) fn is_banned(&self, address: IpAddr, now: Moment) -> bool {
        self.with(|bans| bans.get(&address).is_some_and(|ban| ban.until > now))
    }

    /// Tells the others what was banned here and still is.
    pub(crate) fn repeat(&self, node: &Cluster, cluster: ClusterId) -> Result<(), SendToError> {
        let now = node.now();
        let own = self.with(|bans| {
            let own = bans.iter().filter(|(_, ban)| ban.own && ban.until > now);
            own.map(|(address, ban)| (*address, ban.until)).collect::<Vec<_>>()
        });
        if own.is_empty() {
            return tell(node, cluster, &[]).map(drop);
        }
        // An entry has at most 49 bytes, and a packet 65,535.
        own.chunks(1000).try_for_each(|some| tell(node, cluster, some).map(drop))
    }

    fn insert(&self, address: IpAddr, ban: Ban, now: Moment) {
        self.with(|bans| {
            if bans.len() >= MOST && !bans.contains_key(&address) {
                bans.retain(|_, ban| ban.until > now);
            }
            if bans.len() < MOST || bans.contains_key(&address) {
                bans.insert(address, ban);
            }
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<IpAddr, Ban>) -> T) -> T {
        // Whoever panicked has left a map all the same.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClusterModule for Bans {
    fn on_packet(&self, from: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
        if packet.command != COMMAND {
            return Err(Malformed::Value("there is no such command"));
        }
        let mut body = packet.body();
        while !body.rest().is_empty() {
            let address = std::str::from_utf8(body.str()?).ok().and_then(|it| it.parse().ok());
            let address = address.ok_or(Malformed::Value("this is no IP address"))?;
            let seconds = u64::try_from(body.int()?);
            let seconds = seconds.map_err(|_| Malformed::Value("a ban has ended before"))?;
            let until = from.now.after(Duration::from_secs(seconds).min(LONGEST));
            self.insert(address, Ban { until, own: false }, from.now);
        }
        Ok(())
    }

    /// A ban ends by itself: those of a node that has fallen silent stay until then.
    fn on_event(&self, _: ModuleEvent) {}

    /// A look into a map is over before another thread could be woken for it.
    fn delivery(&self) -> Delivery {
        Delivery::Inline
    }
}

fn tell(
    node: &Cluster,
    cluster: ClusterId,
    bans: &[(IpAddr, Moment)],
) -> Result<SendReport, SendToError> {
    let now = node.now();
    node.send_to(cluster, Protocol::Bin, MODULE, COMMAND, |packet| {
        for (address, until) in bans {
            let seconds = until.since(now).as_secs();
            packet.str(address.to_string().as_bytes());
            packet.int(i32::try_from(seconds).unwrap_or(i32::MAX));
        }
    })
}

/// Repeats the bans until the node ends, which this does not keep from ending.
pub(crate) async fn keep_telling(bans: &Bans, node: WeakCluster, cluster: ClusterId) {
    let mut ticks = tokio::time::interval(REPEAT);
    loop {
        ticks.tick().await;
        let Some(node) = node.upgrade() else { return };
        if let Err(error) = bans.repeat(&node, cluster) {
            eprintln!("{error}");
        }
    }
}
