//! Faults taking effect.

use crate::beat;
use crate::connection::{ConnectionId, Ending, Side};
use crate::faults::{Fault, FaultKind};
use crate::process::CLUSTER;
use crate::scenario::{self, EPOCH};
use crate::store::Rows;
use crate::terrain::{Condition, Part};
use crate::world::{Actor, World};
use bytes::Bytes;
use clusterer_bin::{Dialect, Origin, PacketWriter};
use clusterer_node::{AdminState, NodeKey, Row, State, StoredStatus, UnixTime};

/// How many packets a module sends at once where packets are lost.
const BURST: i32 = 60;
/// A machine id that no row has.
const NOBODY: i32 = 70_000;

impl World {
    pub(crate) fn begin_fault(&mut self, number: usize) {
        let fault = self.scenario.faults[number];
        let Fault { kind, host, other, .. } = fault;
        let is_node = matches!(self.actors.get(host), Some(Actor::Node(_)));
        let fits = match kind {
            FaultKind::AdminDown
            | FaultKind::AdminUp
            | FaultKind::ClockJump
            | FaultKind::Deaf
            | FaultKind::Move
            | FaultKind::StallControl
            | FaultKind::StallTransport
            | FaultKind::ForeignRow
            | FaultKind::Reload
            | FaultKind::RemoveRow
            | FaultKind::Report
            | FaultKind::StoreFails
            | FaultKind::StoreSlow => is_node,
            _ => true,
        };
        if !fits || kind.needs_process() && !self.runs(host) {
            return;
        }
        self.env.coverage.note(format!("fault {}", kind.name()));
        self.env.line(format_args!("fault {} m{} m{} begins", kind.name(), host + 1, other + 1));
        let connection = self.take_effect(&fault);
        self.begun.insert(number, connection);
        self.env.terrain.settle(self.env.now);
    }

    pub(crate) fn end_fault(&mut self, number: usize) {
        let fault = self.scenario.faults[number];
        let Some(connection) = self.begun.remove(&number) else { return };
        let Fault { kind, host, other, .. } = fault;
        self.env.line(format_args!("fault {} m{} m{} ends", kind.name(), host + 1, other + 1));
        self.lose_effect(&fault, connection);
        self.env.terrain.settle(self.env.now);
    }

    fn take_effect(&mut self, fault: &Fault) -> Option<ConnectionId> {
        let Fault { kind, host, other, size, .. } = *fault;
        let now = self.env.now;
        match kind {
            FaultKind::AdminDown => self.administer(fault, AdminState::Down),
            FaultKind::AdminUp => self.administer(fault, AdminState::Enabled),
            FaultKind::BadPackets => {
                self.speak(host, other, &bad_packets(host, other));
                if !self.scenario.is_old(host) {
                    self.speak(host, other, &stale_pong(host));
                }
            }
            FaultKind::ClockJump => {
                if let Some((node, env)) = self.node(host) {
                    // Up to a day, of which most is more than any duration.
                    node.wall += i64::try_from(size % 172_800).unwrap_or(0) - 86_400;
                    env.line(format_args!("m{}'s wall clock is off by {} s", host + 1, node.wall));
                }
            }
            FaultKind::Cut => {
                self.env.terrain.path_mut(host, other).cuts += 1;
                self.env.terrain.path_mut(other, host).cuts += 1;
            }
            FaultKind::CutOneWay => self.env.terrain.path_mut(host, other).cuts += 1,
            FaultKind::Deaf => self.env.terrain.stick(now, host, Part::Reading, true),
            FaultKind::Fin => self.close_between(host, other, Ending::Fin),
            FaultKind::ForeignRow => self.write_row(fault, true),
            FaultKind::Garbage => {
                self.env.terrain.disturb(now, host, other);
                self.speak(host, other, &[Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n")]);
            }
            FaultKind::HalfOpen => self.close_between(host, other, Ending::Silent),
            FaultKind::Impostor => {
                let there = (host, self.env.terrain.host(host).moved);
                return Some(self.env.dial(self.actors.len(), there, None));
            }
            FaultKind::Kill | FaultKind::Move => self.end(host, Condition::Dead, Ending::Fin),
            FaultKind::KillReset => self.end(host, Condition::Dead, Ending::Reset),
            FaultKind::Loss => {
                self.env.terrain.path_mut(host, other).loss += size;
                self.env.terrain.path_mut(other, host).loss += size;
                let first = self.beats + 1;
                self.beats += BURST;
                if let Some((node, env)) = self.node(host)
                    && env.terrain.host(host).condition == Condition::Running
                {
                    (first..first + BURST).for_each(|number| node.beat(env, number));
                }
            }
            FaultKind::Mute => self.mute(host, true),
            FaultKind::NoRoute => {
                self.env.terrain.path_mut(host, other).routeless += 1;
                self.close_between(host, other, Ending::Reset);
            }
            FaultKind::PowerOff => self.end(host, Condition::Off, Ending::Silent),
            FaultKind::Reload => self.reload(host),
            FaultKind::RemoveRow => {
                if let Some((node, _)) = self.node(host) {
                    node.store.interfere(|rows| rows.delete(scenario::machine(other)));
                }
                self.reload(host);
            }
            FaultKind::Report => {
                let node = self.some_row(fault);
                self.env.terrain.disturb(now, host, other);
                if let (Some(node), Some((process, env))) = (node, self.node(host)) {
                    (0..=size % 4).for_each(|_| process.report_failure(env, node));
                }
            }
            FaultKind::Reset => {
                // From the middle: both ends are told.
                self.env.terrain.disturb(now, host, other);
                self.env.reset_between(host, other);
            }
            FaultKind::Slow => {
                self.env.terrain.path_mut(host, other).delay += size;
                self.env.terrain.path_mut(other, host).delay += size;
            }
            FaultKind::Stall | FaultKind::Stop => {
                self.env.terrain.set_condition(now, host, Condition::Stopped);
            }
            FaultKind::StallControl => self.env.terrain.stick(now, host, Part::Control, true),
            FaultKind::StallTransport => self.env.terrain.stick(now, host, Part::Transport, true),
            FaultKind::StoreFails => {
                if let Some((node, _)) = self.node(host) {
                    node.store.failing += 1;
                }
            }
            FaultKind::StoreSlow => {
                if let Some((node, env)) = self.node(host) {
                    node.store.disturbed_at = env.now;
                    node.store.latency += size;
                }
            }
        }
        None
    }

    fn lose_effect(&mut self, fault: &Fault, connection: Option<ConnectionId>) {
        let Fault { kind, host, other, size, .. } = *fault;
        match kind {
            FaultKind::AdminDown => self.administer(fault, AdminState::Enabled),
            FaultKind::Cut => {
                self.env.terrain.path_mut(host, other).cuts -= 1;
                self.env.terrain.path_mut(other, host).cuts -= 1;
            }
            FaultKind::CutOneWay => self.env.terrain.path_mut(host, other).cuts -= 1,
            FaultKind::Deaf => self.go_on(host, Part::Reading),
            FaultKind::ForeignRow => self.write_row(fault, false),
            FaultKind::Impostor => {
                let Some(connection) = connection else { return };
                for packet in impostor_packets(other) {
                    self.env.send(connection, Side::Dialler, packet);
                }
                self.env.close(connection, Side::Dialler, Ending::Fin);
            }
            FaultKind::Kill | FaultKind::KillReset | FaultKind::PowerOff => self.start(host),
            FaultKind::Loss => {
                self.env.terrain.path_mut(host, other).loss -= size;
                self.env.terrain.path_mut(other, host).loss -= size;
            }
            FaultKind::Move => self.relocate(host, size),
            FaultKind::Mute => self.mute(host, false),
            FaultKind::NoRoute => self.env.terrain.path_mut(host, other).routeless -= 1,
            FaultKind::RemoveRow => {
                if let Some((node, _)) = self.node(host) {
                    node.store.interfere(Rows::put_back);
                }
                self.reload(host);
            }
            FaultKind::Slow => {
                self.env.terrain.path_mut(host, other).delay -= size;
                self.env.terrain.path_mut(other, host).delay -= size;
            }
            FaultKind::Stall | FaultKind::Stop => {
                self.env.terrain.set_condition(self.env.now, host, Condition::Running);
                // Either of a node's two threads may be the first to run again.
                if let Some((node, env)) = self.node(host) {
                    node.resume(env);
                }
                self.work(host);
            }
            FaultKind::StallControl => self.go_on(host, Part::Control),
            FaultKind::StallTransport => self.go_on(host, Part::Transport),
            FaultKind::StoreFails => {
                if let Some((node, _)) = self.node(host) {
                    node.store.failing -= 1;
                }
            }
            FaultKind::StoreSlow => {
                if let Some((node, env)) = self.node(host) {
                    // A call that is under way takes as long as it was to take.
                    node.store.disturbed_at = env.now + node.store.latency;
                    node.store.latency -= size;
                }
            }
            _ => {}
        }
    }

    fn go_on(&mut self, host: usize, part: Part) {
        self.env.terrain.stick(self.env.now, host, part, false);
        if self.runs(host) {
            if let Some((node, env)) = self.node(host) {
                node.obey(env);
            }
            self.work(host);
        }
    }

    /// A node is started where it was not before. Most of the others are told.
    fn relocate(&mut self, host: usize, size: u64) {
        self.env.terrain.relocate(host);
        let moved = self.env.terrain.host(host).moved;
        let url = scenario::url(host, moved);
        for actor in &self.actors {
            if let Actor::Node(node) = actor {
                node.store.interfere(|rows| rows.relocate(scenario::machine(host), &url));
            }
        }
        self.start(host);
        for other in (0..self.actors.len()).filter(|&other| other != host) {
            if !(size + other as u64).is_multiple_of(5) {
                self.reload(other);
            }
        }
    }

    fn mute(&mut self, host: usize, muted: bool) {
        match self.actors.get_mut(host) {
            Some(Actor::Node(node)) => node.muted = muted,
            Some(Actor::Old(old)) => old.muted = muted,
            None => {}
        }
    }

    fn administer(&mut self, fault: &Fault, admin: AdminState) {
        let Fault { host, other, .. } = *fault;
        self.env.terrain.disturb(self.env.now, host, other);
        let key = NodeKey { cluster: CLUSTER, machine: scenario::machine(other) };
        if let (true, Some((node, env))) = (self.runs(host), self.node(host)) {
            node.administer(env, key, admin);
        }
    }

    fn reload(&mut self, host: usize) {
        if let (true, Some((node, env))) = (self.runs(host), self.node(host)) {
            node.reload(env);
        }
    }

    /// Another program writes a row of this host's database; or writes it back as it was meant to be.
    fn write_row(&mut self, fault: &Fault, begins: bool) {
        let Fault { host, size, .. } = *fault;
        let Some(key) = self.some_row(fault) else { return };
        let unix = EPOCH + self.env.now / 1_000;
        let status = match (begins, size % 4) {
            (false, _) | (_, 0) => {
                StoredStatus { state: State::Up, no_tries: 0, last_attempt: UnixTime::ZERO }
            }
            (true, 1) => {
                StoredStatus { state: State::Down, no_tries: 0, last_attempt: UnixTime::ZERO }
            }
            (true, _) => StoredStatus {
                state: State::Probing,
                no_tries: u32::try_from(size % 6).unwrap_or(0),
                last_attempt: UnixTime::from_secs(unix - size % 5),
            },
        };
        if let Some((node, _)) = self.node(host) {
            node.store.interfere(|rows| rows.write(key, status));
        }
        // Not everybody who writes thinks of a reload.
        if !begins || size % 7 < 4 {
            self.reload(host);
        }
    }

    /// A row of a host's table that is not its own.
    fn some_row(&mut self, fault: &Fault) -> Option<NodeKey> {
        let own = scenario::machine(fault.host);
        let rows = &self.scenario.rows;
        let keys = rows.iter().filter_map(|raw| {
            let Row { cluster, machine, .. } = Row::parse(raw, UnixTime::ZERO).ok()?.row;
            (machine != own).then_some(NodeKey { cluster, machine })
        });
        let keys: Vec<_> = keys.collect();
        let at = usize::try_from(fault.size).ok()?.checked_rem(keys.len())?;
        let key = keys.get(at).copied()?;
        if let Some(peer) = scenario::host_of(key.machine) {
            self.env.terrain.disturb(self.env.now, fault.host, peer);
        }
        Some(key)
    }

    /// Bytes from one host to another on every connection they have.
    fn speak(&mut self, from: usize, to: usize, packets: &[Bytes]) {
        for id in self.env.connections_between(from, to) {
            if let Some(Actor::Node(node)) = self.actors.get(from)
                && node.is_amid(id)
            {
                continue;
            }
            self.env.tainted.insert(id);
            let dialled = self.env.end(id, Side::Dialler).is_some_and(|end| end.host == from);
            let side = if dialled { Side::Dialler } else { Side::Acceptor };
            for packet in packets {
                self.env.send(id, side, packet.clone());
            }
        }
    }

    /// The host gives up what it has accepted from another.
    fn close_between(&mut self, host: usize, other: usize, how: Ending) {
        self.env.terrain.disturb(self.env.now, host, other);
        for id in self.env.connections_between(host, other) {
            if self.env.end(id, Side::Acceptor).is_some_and(|end| end.host == host) {
                self.env.close(id, Side::Acceptor, how);
            }
        }
    }
}

fn packet(module: &[u8], command: i32, version: i16, sender: i32, body: &[i32]) -> Option<Bytes> {
    let origin = Origin { sender, cluster: CLUSTER.get() };
    let mut writer = PacketWriter::with_version(Dialect::V22, module, command, version, origin);
    for &int in body {
        writer.int(int);
    }
    writer.finish(0).ok().map(|outgoing| outgoing.shared)
}

fn bad_packets(from: usize, to: usize) -> Vec<Bytes> {
    let (sender, receiver) = (scenario::machine(from).get(), scenario::machine(to).get());
    let beat = beat::NAME.as_bytes();
    let packets = [
        packet(b"clusterer", 7, 1, sender, &[1]),
        packet(b"clusterer", 0, 1, sender, &[]),
        packet(b"usrloc", 1, 1, sender, &[1, 2]),
        packet(beat, 0, 2, sender, &[1]),
        packet(beat, 0, 1, 0, &[1]),
        packet(beat, 0, 1, receiver, &[1]),
        packet(beat, 0, 1, sender, &[]),
    ];
    packets.into_iter().flatten().collect()
}

/// It answers a ping that was never sent. A 2.2 node sends none.
fn stale_pong(from: usize) -> Vec<Bytes> {
    let sender = scenario::machine(from).get();
    packet(b"clusterer", 1, 1, sender, &[-1]).into_iter().collect()
}

fn impostor_packets(claims: usize) -> Vec<Bytes> {
    let claimed = scenario::machine(claims).get();
    let beat = beat::NAME.as_bytes();
    let packets = [
        packet(b"clusterer", 0, 1, claimed, &[1]),
        packet(beat, 0, 1, claimed, &[1]),
        packet(beat, 0, 1, NOBODY, &[1]),
    ];
    packets.into_iter().flatten().collect()
}
