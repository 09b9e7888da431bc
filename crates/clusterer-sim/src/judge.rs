//! What is asked of a node after every step, beside its states and its module.

use crate::bounds;
use crate::env::Env;
use crate::links::{Link, Tally};
use crate::process::{Mind, Process};
use crate::scenario;
use crate::store::status_cells;
use crate::terrain::{Part, Reach};
use bytes::Bytes;
use clusterer_core::{Cause, Transition};
use clusterer_node::StoredStatus;

impl Process {
    /// Compares what this node believes with the truth.
    pub(crate) fn judge(&mut self, env: &mut Env) {
        let Mind { oracle, gates, view, ponged, .. } = &self.mind;
        let ponged = |node| {
            let link = view.node(node).and_then(|view| view.link);
            link.and_then(|link| ponged.get(&link).copied())
        };
        oracle.judge(env, &self.scenario, self.host, ponged);
        gates.judge(env, self.host);
        self.judge_store(env);
        self.judge_queues(env);
    }

    /// Who has been reachable for long enough answers in time, whatever the one who asks has been through:
    /// a stall of his own is none of another's failures.
    pub(crate) fn acquit(&self, env: &mut Env, said: &Transition) {
        let Some(peer) = scenario::host_of(said.node.machine) else { return };
        let (reach, since) = env.terrain.reach(self.host, peer);
        let settled = reach == Reach::Calm && env.now > since + bounds::known(&self.scenario);
        let deaf = env.terrain.host(self.host).is_stuck(Part::Reading);
        if self.scenario.judged && settled && !deaf && said.cause == Cause::NoPong {
            env.break_invariant(format_args!("m{} accuses for nothing: {said:?}", self.host + 1));
        }
    }

    /// Who is up again has answered what he was asked last; or he is one of those that never answer.
    pub(crate) fn confirm(&self, env: &mut Env, said: &Transition) {
        let link = self.mind.view.node(said.node).and_then(|view| view.link);
        let Some((id, link)) = link.and_then(|id| Some((id, self.mind.links.get(&id)?))) else {
            return;
        };
        let silent = !self.mind.ponged.contains_key(&id);
        if said.cause == Cause::Success && !link.answered && !silent {
            env.break_invariant(format_args!("m{}: success unasked: {said:?}", self.host + 1));
        }
    }

    fn judge_store(&self, env: &mut Env) {
        let persistent = self.scenario.hosts.get(self.host).is_some_and(|plan| plan.persistent);
        if !persistent || self.store.failing > 0 || self.mind.flush_failed {
            return;
        }
        let wait = bounds::PERSISTED + 2 * self.store.latency;
        let running = env.terrain.host(self.host).since.max(self.store.disturbed_at);
        for (key, known) in self.mind.oracle.nodes() {
            let quiet = env.now > known.changed_at.max(running) + wait;
            let (Some(stored), true) = (self.store.own_status(known.id), quiet) else { continue };
            let is = known.availability;
            let (no_tries, last_attempt) = (is.no_tries, is.last_attempt);
            let memory = StoredStatus { state: is.state(), no_tries, last_attempt };
            if stored != status_cells(memory) {
                let text =
                    format_args!("m{}: {key} is {memory:?}, stored {stored:?}", self.host + 1);
                env.break_invariant(text);
            }
        }
    }

    fn judge_queues(&self, env: &mut Env) {
        let Mind { links, inbox, view, streams, tally, .. } = &self.mind;
        let nodes: usize = view.clusters().map(|cluster| cluster.nodes.len()).sum();
        let waiting = |link: &Link| link.queue.iter().map(Bytes::len).sum::<usize>();
        let most = links.values().map(waiting).max().unwrap_or(0);
        let settled = self.mind.commands.is_empty();
        if settled && links.len() > nodes
            || most > self.scenario.queue_limit
            || streams.len() > bounds::STREAMS * self.scenario.hosts.len()
        {
            let (links, streams) = (links.len(), streams.len());
            let text =
                format_args!("m{}: {links} links, {most} B, {streams} streams", self.host + 1);
            env.break_invariant(text);
        }
        let left: usize = links.values().map(|link| link.queue.len()).sum();
        let Tally { taken, sent, discarded } = *tally;
        if taken != sent + discarded + left {
            let text = format_args!("m{}: {tally:?}, and {left} left", self.host + 1);
            env.break_invariant(text);
        }
        if inbox.longest() > bounds::INBOX {
            env.break_invariant(format_args!("m{}: the inbox is flooded", self.host + 1));
        }
    }
}
