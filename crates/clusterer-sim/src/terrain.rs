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
            hosts: vec![Host { condition: Condition::Running, since: 0 }; hosts],
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
        self.hosts[host] = Host { condition, since: now };
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
        let other = self.hosts[to].condition;
        if there.cuts + back.cuts > 0 || matches!(other, Condition::Dead | Condition::Off) {
            Reach::Unreachable
        } else if other == Condition::Stopped {
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
