//! All hosts of a run, and the loop that lets them live.

use crate::agenda::Event;
use crate::connection::{ConnectionId, Ending};
use crate::coverage::Coverage;
use crate::env::Env;
use crate::old_node::OldNode;
use crate::process::Process;
use crate::rng::Rng;
use crate::scenario::Scenario;
use crate::store::{Rows, Store};
use crate::tamper::{Tamper, Untouched};
use crate::terrain::{Condition, Part};
use crate::trace::Trace;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How long a stopped process's store waits before its answer is offered again.
const OFFER_AGAIN: u64 = 50;

/// The numbers that modules send count from here: lower ones are sent by others in their name.
pub(crate) const FIRST_BEAT: i32 = 1_000;

/// A cluster on a virtual clock.
pub struct World {
    pub(crate) scenario: Rc<Scenario>,
    pub(crate) env: Env,
    pub(crate) actors: Vec<Actor>,
    /// Faults under way, with the connection of those that speak on one of their own.
    pub(crate) begun: BTreeMap<usize, Option<ConnectionId>>,
    pub(crate) beats: i32,
}

/// Who lives on a host.
pub(crate) enum Actor {
    Node(Box<Process>),
    Old(OldNode),
}

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The seed that gives it.
    pub seed: u64,
    /// Of everything that happened: equal for equal seeds.
    pub hash: u64,
    /// What was taken.
    pub coverage: Coverage,
    /// The first invariant that did not hold, if one did not.
    pub broken: Option<String>,
    /// What happened, if it was kept.
    pub trace: Vec<String>,
}

impl World {
    /// A cluster that has yet to begin.
    #[must_use]
    pub fn new(scenario: Scenario) -> Self {
        let scenario = Rc::new(scenario);
        let count = scenario.hosts.len();
        // One more than there are nodes: the host of those who are none.
        let rng = Rng::new(!scenario.seed);
        let env = Env::new(count + 1, rng, scenario.delay, Trace::new(scenario.keep_trace));
        let shared = Rows::database(scenario.rows.clone());
        let store = || {
            let own = || Rows::database(scenario.rows.clone());
            Store::new(if scenario.shared_store { shared.clone() } else { own() })
        };
        let node = |host| Process::new(host, scenario.clone(), store(), Box::new(Untouched));
        let actor = |host| match scenario.is_old(host) {
            true => Actor::Old(OldNode::new(host, scenario.clone())),
            false => Actor::Node(Box::new(node(host))),
        };
        let actors = (0..count).map(actor).collect();
        Self { env, actors, begun: BTreeMap::new(), beats: FIRST_BEAT, scenario }
    }

    /// Breaks one node, by its place; a 2.2 node cannot be broken.
    #[must_use]
    pub fn tampered(mut self, host: usize, tamper: Box<dyn Tamper>) -> Self {
        if let Some(Actor::Node(process)) = self.actors.get_mut(host) {
            process.tamper = tamper;
        }
        self
    }

    /// Runs until its end, or until an invariant does not hold.
    #[must_use]
    pub fn run(mut self) -> Run {
        self.begin();
        self.run_until(self.scenario.length);
        Run {
            seed: self.scenario.seed,
            hash: self.env.trace.hash(),
            coverage: self.env.coverage,
            broken: self.env.broken,
            trace: self.env.trace.into_lines(),
        }
    }

    pub(crate) fn begin(&mut self) {
        for number in 0..self.scenario.faults.len() {
            let fault = self.scenario.faults[number];
            self.env.agenda.put(fault.begin, Event::Begin(number));
            self.env.agenda.put(fault.end, Event::End(number));
        }
        self.env.agenda.put(self.scenario.sweep, Event::Sweep);
        for host in 0..self.actors.len() {
            self.start(host);
        }
    }

    pub(crate) fn run_until(&mut self, end: u64) {
        while self.env.broken.is_none()
            && let Some((at, event)) = self.env.agenda.next_until(end)
        {
            self.env.now = at;
            let concerned = self.happen(event);
            let mut touched = self.env.take_touched();
            for &host in &touched {
                if self.runs(host) {
                    self.work(host);
                }
            }
            touched.extend(concerned);
            if self.scenario.judged {
                touched.into_iter().for_each(|host| self.judge(host));
            }
        }
        self.env.now = end;
    }

    /// Returns whom it concerned, beside those who have something to read.
    fn happen(&mut self, event: Event) -> Option<usize> {
        let env = &mut self.env;
        match event {
            Event::Arrive(id, side, payload) => env.arrive(id, side, payload),
            Event::Retransmit(id, side) => env.retransmit(id, side),
            Event::Syn(id, tries) => env.syn(id, tries),
            Event::SynAnswer(id, failure) => env.syn_answer(id, failure),
            Event::SynArrive(id, tries) => env.syn_arrive(id, tries),
            Event::UserTimeout(id, side) => env.user_timeout(id, side),
            Event::Begin(number) => self.begin_fault(number),
            Event::End(number) => self.end_fault(number),
            Event::Sweep => {
                (0..self.actors.len()).for_each(|host| self.judge(host));
                self.env.agenda.put(self.env.now + self.scenario.sweep, Event::Sweep);
            }
            Event::Beat { host, life } => {
                self.beat(host, life);
                return Some(host);
            }
            Event::Idle { host, connection } => {
                if let (true, Some(Actor::Old(old))) = (self.runs(host), self.actors.get_mut(host))
                {
                    old.idle(&mut self.env, connection);
                }
            }
            Event::Obey { host, life } => {
                let runs = self.runs(host);
                if let Some((node, env)) = self.node(host)
                    && runs
                    && node.life == life
                {
                    node.obey(env);
                    node.turn(env);
                    return Some(host);
                }
            }
            Event::StoreDone { host, life } => {
                self.store_done(host, life);
                return Some(host);
            }
            Event::Wake { host, life } => {
                let runs = self.runs(host);
                if let Some(Actor::Node(node)) = self.actors.get_mut(host)
                    && runs
                    && node.life == life
                {
                    node.wake(&mut self.env);
                    return Some(host);
                }
            }
        }
        None
    }

    pub(crate) fn runs(&self, host: usize) -> bool {
        self.env.terrain.host(host).condition == Condition::Running
    }

    pub(crate) fn node(&mut self, host: usize) -> Option<(&mut Process, &mut Env)> {
        match self.actors.get_mut(host) {
            Some(Actor::Node(node)) => Some((node, &mut self.env)),
            _ => None,
        }
    }

    pub(crate) fn work(&mut self, host: usize) {
        match self.actors.get_mut(host) {
            Some(Actor::Node(node)) => node.work(&mut self.env),
            Some(Actor::Old(old)) => old.work(&mut self.env),
            // Those who are no nodes do not listen.
            None => while self.env.next_ready(host).is_some() {},
        }
    }

    pub(crate) fn start(&mut self, host: usize) {
        self.env.terrain.start(self.env.now, host);
        match self.actors.get_mut(host) {
            Some(Actor::Node(node)) => node.start(&mut self.env),
            Some(Actor::Old(old)) => old.start(&mut self.env),
            None => {}
        }
    }

    /// Ends a process, and its host with it if that is what it becomes.
    pub(crate) fn end(&mut self, host: usize, becomes: Condition, how: Ending) {
        self.env.close_all(host, how);
        self.env.terrain.set_condition(self.env.now, host, becomes);
        match self.actors.get_mut(host) {
            Some(Actor::Node(node)) => node.life += 1,
            Some(Actor::Old(old)) => old.life += 1,
            None => {}
        }
    }

    fn beat(&mut self, host: usize, life: u32) {
        let runs = self.runs(host);
        self.beats = self.beats.wrapping_add(1);
        let number = self.beats;
        let is = match self.actors.get_mut(host) {
            Some(Actor::Node(node)) => {
                if runs && !node.muted && node.life == life {
                    node.beat(&mut self.env, number);
                }
                node.life
            }
            Some(Actor::Old(old)) => {
                if runs && !old.muted && old.life == life {
                    old.beat(&mut self.env, number);
                }
                old.life
            }
            None => return,
        };
        if is == life {
            let next = self.env.now + self.scenario.beat_interval;
            self.env.agenda.put(next, Event::Beat { host, life });
        }
    }

    fn store_done(&mut self, host: usize, life: u32) {
        let runs = self.runs(host);
        let Some((node, env)) = self.node(host) else { return };
        if node.life != life {
            return;
        }
        if runs && !env.terrain.host(host).is_stuck(Part::Control) {
            node.store_done(env);
        } else {
            env.agenda.put(env.now + OFFER_AGAIN, Event::StoreDone { host, life });
        }
    }

    fn judge(&mut self, host: usize) {
        // Who stands still in part cannot be judged, and has his time when he goes on.
        let whole = self.env.terrain.host(host).is_whole();
        if let (true, true, Some((node, env))) = (self.scenario.judged, whole, self.node(host)) {
            node.judge(env);
        }
    }
}
