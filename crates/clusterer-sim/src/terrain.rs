//! The truth: which hosts run, which paths carry, and since when. Nobody inside the cluster sees this;
//! the invariants are judged by it.

/// What a host is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The process is gone, the host answers that nobody listens.
    Dead,
    /// The host is gone: nothing answers.
    Off,
    Running,
    /// The process stands still; its kernel goes on accepting, acknowledging and buffering.
    Stopped,
}

/// Whether one host can keep a connection to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nothing stands in the way.
    Calm,
    /// It may work or not: lost packets, slow paths, a missing route for new connections.
    Murky,
    /// The other process stands still behind a kernel that answers: who has heard its pongs misses
    /// them, to the others it looks like a 2.2 node.
    Standing,
    /// It cannot.
    Unreachable,
}

#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) condition: Condition,
    /// Since when its condition is what it is.
    pub(crate) since: u64,
    /// Faults by which a part of its process stands still, by [`Part`].
    stuck: [u32; 3],
    /// How often its address has changed.
    pub(crate) moved: u8,
}

/// A part of a process that can stand still while the others go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The control thread.
    Control,
    /// What reads in the transport's thread.
    Reading,
    /// The transport's thread.
    Transport,
}

impl Host {
    const fn new(condition: Condition, since: u64) -> Self {
        Self { condition, since, stuck: [0; 3], moved: 0 }
    }

    pub(crate) const fn is_stuck(&self, part: Part) -> bool {
        self.stuck[part as usize] > 0
    }

    /// Nothing of it stands still.
    pub(crate) fn is_whole(&self) -> bool {
        self.condition == Condition::Running && self.stuck == [0; 3]
    }
}

/// The way from one host to another.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Path {
    /// Faults that let nothing through.
    pub(crate) cuts: u32,
    /// Packets lost of a thousand.
    pub(crate) loss: u64,
    /// Additional delay, milliseconds.
    pub(crate) delay: u64,
    /// Faults by which new connections find no route.
    pub(crate) routeless: u32,
    /// The host at its end does not know the one at its begin.
    pub(crate) stranger: bool,
    /// The host at its begin looks for the one at its end where that was before.
    pub(crate) misplaced: bool,
}

#[derive(Debug)]
pub(crate) struct Terrain {
    hosts: Vec<Host>,
    paths: Vec<Path>,
    reach: Vec<(Reach, u64)>,
}

impl Terrain {
    /// All hosts run, all paths carry.
    pub(crate) fn new(hosts: usize) -> Self {
        Self {
            hosts: vec![Host::new(Condition::Running, 0); hosts],
            paths: vec![Path::default(); hosts * hosts],
            reach: vec![(Reach::Calm, 0); hosts * hosts],
        }
    }

    pub(crate) fn host(&self, host: usize) -> &Host {
        &self.hosts[host]
    }

    pub(crate) fn path(&self, from: usize, to: usize) -> Path {
        self.paths[from * self.hosts.len() + to]
    }

    pub(crate) fn path_mut(&mut self, from: usize, to: usize) -> &mut Path {
        &mut self.paths[from * self.hosts.len() + to]
    }

    pub(crate) fn set_condition(&mut self, now: u64, host: usize, condition: Condition) {
        let Host { stuck, moved, .. } = self.hosts[host];
        self.hosts[host] = Host { condition, since: now, stuck, moved };
        self.settle_host(now, host);
    }

    /// A new process, all parts of which go on.
    pub(crate) fn start(&mut self, now: u64, host: usize) {
        let moved = self.hosts[host].moved;
        self.hosts[host] = Host { moved, ..Host::new(Condition::Running, now) };
        self.settle_host(now, host);
    }

    /// A host gets another address. Nobody who knows the old one finds it.
    pub(crate) fn relocate(&mut self, host: usize) {
        self.hosts[host].moved += 1;
        for other in (0..self.hosts.len()).filter(|&other| other != host) {
            self.path_mut(other, host).misplaced = true;
            self.path_mut(host, other).stranger = true;
        }
    }

    /// One more fault, or one less, by which a part of a process stands still.
    pub(crate) fn stick(&mut self, now: u64, host: usize, part: Part, more: bool) {
        let Host { since, stuck, .. } = &mut self.hosts[host];
        let count = &mut stuck[part as usize];
        // A process that was replaced meanwhile has none of its predecessor's.
        *count = if more { *count + 1 } else { count.saturating_sub(1) };
        *since = now;
        self.settle_host(now, host);
    }

    /// Whether `from` can reach `to`, and since when it is so; for a pair that is calm, since the last
    /// disturbance.
    pub(crate) fn reach(&self, from: usize, to: usize) -> (Reach, u64) {
        self.reach[from * self.hosts.len() + to]
    }

    /// Something happened between two hosts that is over already.
    pub(crate) fn disturb(&mut self, now: u64, from: usize, to: usize) {
        let count = self.hosts.len();
        for at in [from * count + to, to * count + from] {
            if self.reach[at].0 == Reach::Calm {
                self.reach[at].1 = now;
            }
        }
    }

    /// Brings the verdicts about a host in line with what has changed.
    pub(crate) fn settle_host(&mut self, now: u64, host: usize) {
        for other in 0..self.hosts.len() {
            self.settle_path(now, host, other);
            self.settle_path(now, other, host);
        }
    }

    /// The same for all hosts.
    pub(crate) fn settle(&mut self, now: u64) {
        for from in 0..self.hosts.len() {
            for to in 0..self.hosts.len() {
                self.settle_path(now, from, to);
            }
        }
    }

    fn settle_path(&mut self, now: u64, from: usize, to: usize) {
        let found = self.judge(from, to);
        let reach = &mut self.reach[from * self.hosts.len() + to];
        if reach.0 != found {
            *reach = (found, now);
        }
    }

    fn judge(&self, from: usize, to: usize) -> Reach {
        let (there, back) = (self.path(from, to), self.path(to, from));
        let Host { condition: other, .. } = self.hosts[to];
        let answers = ![Part::Reading, Part::Transport].iter().any(|&p| self.hosts[to].is_stuck(p));
        let gone = matches!(other, Condition::Dead | Condition::Off) || there.misplaced;
        if there.cuts + back.cuts > 0 || gone {
            Reach::Unreachable
        } else if other == Condition::Stopped || !answers {
            Reach::Standing
        } else if there.loss + back.loss + there.delay + back.delay > 0
            || there.routeless > 0
            || there.stranger
        {
            Reach::Murky
        } else {
            Reach::Calm
        }
    }
}
