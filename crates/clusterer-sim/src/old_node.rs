//! A real 2.2 node, as far as its peers can tell: it sends its module's packets, ignores what it does not
//! know (pings among it) and closes connections that are idle.

use crate::agenda::Event;
use crate::beat;
use crate::connection::{ConnectionId, Ending, Readiness, Side};
use crate::env::Env;
use crate::process::CLUSTER;
use crate::scenario::{self, Scenario};
use bytes::Bytes;
use clusterer_bin::{Dialect, Origin, PacketWriter};
use std::collections::BTreeMap;
use std::rc::Rc;

pub(crate) struct OldNode {
    pub(crate) host: usize,
    pub(crate) scenario: Rc<Scenario>,
    pub(crate) muted: bool,
    pub(crate) life: u32,
    /// By peer: the connection, and whether it is established.
    outbound: BTreeMap<usize, (ConnectionId, bool)>,
    /// When each accepted connection was last used.
    inbound: BTreeMap<ConnectionId, u64>,
}

impl OldNode {
    pub(crate) fn new(host: usize, scenario: Rc<Scenario>) -> Self {
        let (outbound, inbound) = (BTreeMap::new(), BTreeMap::new());
        Self { host, scenario, muted: false, life: 0, outbound, inbound }
    }

    pub(crate) fn start(&mut self, env: &mut Env) {
        self.life += 1;
        self.outbound.clear();
        self.inbound.clear();
        let first = env.now + env.rng.below(self.scenario.beat_interval);
        env.agenda.put(first, Event::Beat { host: self.host, life: self.life });
    }

    pub(crate) fn work(&mut self, env: &mut Env) {
        while let Some((id, side, readiness)) = env.next_ready(self.host) {
            match readiness {
                Readiness::Connected => {
                    for (connection, established) in self.outbound.values_mut() {
                        *established |= *connection == id;
                    }
                }
                Readiness::Data(_) if side == Side::Acceptor => {
                    let first = self.inbound.insert(id, env.now).is_none();
                    if first {
                        self.look_later(env, id, self.scenario.old_idle);
                    }
                }
                Readiness::Data(_) => {}
                Readiness::Closed | Readiness::Failed(_) => {
                    env.close(id, side, Ending::Fin);
                    self.inbound.remove(&id);
                    self.outbound.retain(|_, (connection, _)| *connection != id);
                }
            }
        }
    }

    /// Closes a connection that has been idle for long enough.
    pub(crate) fn idle(&mut self, env: &mut Env, id: ConnectionId) {
        let Some(&used) = self.inbound.get(&id) else { return };
        let at = used + self.scenario.old_idle;
        if at > env.now {
            return self.look_later(env, id, at - env.now);
        }
        self.inbound.remove(&id);
        env.close(id, Side::Acceptor, Ending::Fin);
    }

    pub(crate) fn beat(&mut self, env: &mut Env, number: i32) {
        let origin = Origin { sender: scenario::machine(self.host).get(), cluster: CLUSTER.get() };
        let mut writer = PacketWriter::new(Dialect::V22, beat::NAME, 0, origin);
        writer.int(number);
        let Ok(packet) = writer.finish(0) else { return };
        let own = self.host;
        for peer in (0..self.scenario.hosts.len()).filter(|&peer| peer != own) {
            self.send(env, peer, packet.shared.clone());
        }
    }

    fn send(&mut self, env: &mut Env, peer: usize, packet: Bytes) {
        match self.outbound.get(&peer) {
            Some(&(id, true)) => env.send(id, Side::Dialler, packet),
            Some(_) => {}
            None => {
                let id = env.dial(self.host, (peer, env.terrain.host(peer).moved), None);
                self.outbound.insert(peer, (id, false));
            }
        }
    }

    fn look_later(&self, env: &mut Env, connection: ConnectionId, wait: u64) {
        env.agenda.put(env.now + wait, Event::Idle { host: self.host, connection });
    }
}
