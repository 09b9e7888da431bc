//! Judges what a module is called for: who may be heard when, and who has been silent.

use crate::beat::Heard;
use crate::bounds::SLACK;
use crate::env::Env;
use crate::scenario::{self, Scenario};
use crate::world::FIRST_BEAT;
use clusterer_node::{ClusterId, MachineId, Protocol, Table};
use clusterer_registry::{ModuleEvent, PacketContext};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What one node's module may expect, kept beside it.
#[derive(Debug)]
pub(crate) struct Gates {
    cluster: ClusterId,
    timeout: u64,
    auth_check: bool,
    members: BTreeMap<MachineId, Gate>,
    /// The numbers that came, by sender.
    heard: BTreeSet<(MachineId, i32)>,
}

#[derive(Debug)]
struct Gate {
    address: IpAddr,
    heard_at: u64,
    /// Packets are dropped before this moment.
    shut_until: u64,
}

impl Gates {
    pub(crate) fn new(cluster: ClusterId, scenario: &Scenario) -> Self {
        let Scenario { module_timeout, auth_check, .. } = *scenario;
        let (members, heard) = (BTreeMap::new(), BTreeSet::new());
        Self { cluster, timeout: module_timeout, auth_check, members, heard }
    }

    pub(crate) fn load(&mut self, now: u64, table: &Table) {
        let mut before = std::mem::take(&mut self.members);
        let mine = |node: &&clusterer_node::Node| {
            node.row.cluster == self.cluster && node.row.url.protocol() == Protocol::Bin
        };
        for node in table.peers().filter(mine) {
            let (machine, address) = (node.row.machine, node.ip);
            let new = Gate { address, heard_at: now, shut_until: 0 };
            let gate = before.remove(&machine).map_or(new, |gate| Gate { address, ..gate });
            self.members.insert(machine, gate);
        }
    }

    /// The module was called.
    pub(crate) fn heard(&mut self, env: &mut Env, own: usize, heard: Heard) {
        match heard {
            Heard::Packet(context, number) => {
                let number = number.filter(|&number| number >= FIRST_BEAT);
                if number.is_some_and(|number| !self.heard.insert((context.sender, number))) {
                    let text = format_args!("m{} hears {number:?} twice", own + 1);
                    env.break_invariant(text);
                }
                self.packet(env, own, &context);
            }
            Heard::Event(ModuleEvent::TemporarilyDisabled(node)) => {
                env.coverage.note("module temporarily_disabled".to_owned());
                let gate = self.members.get(&node.machine);
                if gate.is_none_or(|gate| env.now >= gate.shut_until) {
                    env.break_invariant(format_args!("m{}: {node} is not shut out", own + 1));
                }
            }
            Heard::Event(ModuleEvent::Timeout(node)) => {
                env.coverage.note("module timeout".to_owned());
                env.line(format_args!("m{}: Timeout of {node}", own + 1));
                let timeout = self.timeout;
                let Some(gate) = self.members.get_mut(&node.machine) else {
                    return env.break_invariant(format_args!("m{}: Timeout of nobody", own + 1));
                };
                let silent = env.now.saturating_sub(gate.heard_at.max(gate.shut_until));
                if env.now < gate.shut_until || silent <= timeout {
                    let text = format_args!("m{}: Timeout of {node} after {silent} ms", own + 1);
                    env.break_invariant(text);
                }
                gate.shut_until = env.now + 2 * timeout;
            }
            Heard::Event(_) => {}
        }
    }

    /// Whether somebody is silent for too long without a word about it.
    pub(crate) fn judge(&self, env: &mut Env, own: usize) {
        let running = env.terrain.host(own).since;
        for (machine, gate) in &self.members {
            let heard = gate.heard_at.max(gate.shut_until).max(running);
            if env.now > heard + self.timeout + SLACK {
                env.break_invariant(format_args!("m{}: no Timeout of m{machine}", own + 1));
            }
        }
    }

    fn packet(&mut self, env: &mut Env, own: usize, context: &PacketContext) {
        let provisioned = context.provisioned;
        env.coverage.note(format!("module {}", if provisioned { "packet" } else { "stranger" }));
        match self.members.get_mut(&context.sender) {
            Some(gate) if gate.address == context.address || !self.auth_check => {
                gate.heard_at = env.now;
                if env.now < gate.shut_until {
                    let sender = context.sender;
                    env.break_invariant(format_args!("m{}: m{sender} is shut out", own + 1));
                }
            }
            _ if self.auth_check => {
                let PacketContext { sender, address, .. } = context;
                let text =
                    format_args!("m{}: m{sender} at {address} passed the auth check", own + 1);
                env.break_invariant(text);
            }
            _ => {}
        }
        if context.sender == scenario::machine(own) {
            env.break_invariant(format_args!("m{}: a packet in its own name", own + 1));
        }
    }
}
