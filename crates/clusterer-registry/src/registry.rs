//! Who is registered, and who is silent.

use crate::members::{Look, Looks, Members};
use crate::slot::Watch;
use crate::{ClusterModule, Delivery, Epoch, ModuleEvent, Modules, RegisterError, Registration};
use alloc::sync::Arc;
use alloc::vec::Vec;
use clusterer_node::{MachineId, Moment, NodeKey, Table, Timers};
use core::cmp::Reverse;
use core::fmt;

/// The module name that a node's own packets carry (pings and pongs).
const RESERVED: &str = "clusterer";

/// A module to be told something.
#[derive(Clone)]
pub struct Notice {
    /// The module's name, for logs.
    pub registration: Arc<Registration>,
    /// Whom to call.
    pub module: Arc<dyn ClusterModule>,
    /// What to say.
    pub event: ModuleEvent,
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notice({} {:?})", self.registration.name, self.event)
    }
}

/// The modules of one machine. See the crate's documentation.
pub struct Registry {
    table: Arc<Table>,
    modules: Vec<Entry>,
    /// Of the modules and the table.
    epoch: Epoch,
    /// Those that were found silent, with when they were, until they are judged.
    late: Timers<(usize, NodeKey)>,
}

/// A module, and when its nodes are looked at. A look that finds that a node was heard meanwhile is
/// followed by a later one.
struct Entry {
    registered: Registered,
    looks: Looks,
}

/// A registered module, with the nodes it watches.
#[derive(Clone)]
pub(crate) struct Registered {
    pub(crate) registration: Arc<Registration>,
    pub(crate) module: Arc<dyn ClusterModule>,
    pub(crate) delivery: Delivery,
    pub(crate) members: Members,
}

impl Registry {
    /// A registry without modules and nodes, for the machine with this id.
    #[must_use]
    pub fn new(own: MachineId) -> Self {
        let table = Arc::new(Table::empty(own));
        Self { table, modules: Vec::new(), epoch: Epoch::begin(), late: Timers::new() }
    }

    /// Adds a module. Its nodes count as heard now.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn register(
        &mut self,
        now: Moment,
        registration: Registration,
        module: Arc<dyn ClusterModule>,
    ) -> Result<(), RegisterError> {
        let Registration { name, cluster, timeout, auth_check, .. } = &registration;
        if name.is_empty() || name == RESERVED {
            return Err(RegisterError::BadName(name.clone()));
        }
        if *auth_check && cluster.is_none() {
            return Err(RegisterError::AuthWithoutCluster);
        }
        if timeout.as_millis() == 0 {
            return Err(RegisterError::ZeroTimeout);
        }
        let taken = |Entry { registered, .. }: &Entry| {
            registered.registration.name == *name && registered.registration.cluster == *cluster
        };
        if self.modules.iter().any(taken) {
            return Err(RegisterError::Duplicate { name: name.clone(), cluster: *cluster });
        }
        let registration = Arc::new(registration);
        let members = Members::nobody(self.table.clone());
        let delivery = module.delivery();
        let registered = Registered { registration, module, delivery, members };
        self.modules.push(Entry { registered, looks: Looks::new() });
        self.watch(self.modules.len() - 1, now);
        self.epoch = Epoch::begin();
        Ok(())
    }

    /// Replaces the nodes. Those that stay keep their last-seen and whether they are shut out; new ones
    /// count as heard now.
    pub fn load(&mut self, now: Moment, table: Arc<Table>) {
        self.table = table;
        for index in 0..self.modules.len() {
            self.watch(index, now);
        }
        self.epoch = Epoch::begin();
    }

    /// Finds who has been silent for too long, and shuts them out. The notices are for the caller to
    /// deliver. Who cannot be sure that everything that arrived was admitted calls
    /// [`Registry::advance`], makes sure, and calls [`Registry::judge`].
    pub fn tick(&mut self, now: Moment, out: &mut Vec<Notice>) {
        self.advance(now);
        self.judge(now, now, out);
    }

    /// Finds who has been silent for too long, and does nothing about it.
    pub fn advance(&mut self, now: Moment) {
        for (index, Entry { registered, looks }) in self.modules.iter_mut().enumerate() {
            while let Some(position) = pop_due(looks, now) {
                let Some(peer) = registered.members.at(position) else { continue };
                match peer.slot.look(now, registered.registration.timeout) {
                    Some(again) => looks.push(Look::new(again, position)),
                    None => self.late.set((index, peer.node.key()), now),
                }
            }
        }
    }

    /// Shuts out those that were found silent by `by` and have not been heard since. The notices are
    /// for the caller to deliver.
    pub fn judge(&mut self, now: Moment, by: Moment, out: &mut Vec<Notice>) {
        while let Some((index, node)) = self.late.pop_due(by) {
            let Some(Entry { registered, looks }) = self.modules.get_mut(index) else { continue };
            let Some(peer) = registered.members.by_machine(node.machine) else { continue };
            let again = match peer.slot.watch(now, registered.registration.timeout) {
                Watch::Again(at) => at,
                Watch::TimedOut(until) => {
                    out.push(Notice {
                        registration: registered.registration.clone(),
                        module: registered.module.clone(),
                        event: ModuleEvent::Timeout(node),
                    });
                    until
                }
            };
            looks.push(Look::new(again, peer.position));
        }
    }

    /// When [`Registry::tick`] is due next.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        [self.advance_at(), self.judge_at()].into_iter().flatten().min()
    }

    /// When [`Registry::advance`] is due next.
    #[must_use]
    pub fn advance_at(&self) -> Option<Moment> {
        self.modules.iter().filter_map(|entry| next(&entry.looks)).min()
    }

    /// Since when somebody waits for [`Registry::judge`].
    #[must_use]
    pub fn judge_at(&self) -> Option<Moment> {
        self.late.next()
    }

    /// What the receiving threads need. To be taken anew after [`Registry::register`] and
    /// [`Registry::load`].
    #[must_use]
    pub fn modules(&self) -> Modules {
        let registered = self.modules.iter().map(|entry| entry.registered.clone());
        Modules::new(self.table.own(), self.epoch.clone(), registered.collect())
    }

    /// Gives a module the nodes of the table.
    fn watch(&mut self, index: usize, now: Moment) {
        let Some(Entry { registered, looks }) = self.modules.get_mut(index) else { return };
        let Registered { registration, members, .. } = registered;
        let former = core::mem::take(looks);
        let (present, again) = members.reload(former, self.table.clone(), registration, now);
        for node in members.gone(&present) {
            self.late.clear((index, node));
        }
        (*members, *looks) = (present, again);
    }
}

fn next(looks: &Looks) -> Option<Moment> {
    looks.peek().map(|&Reverse(look)| look.at)
}

fn pop_due(looks: &mut Looks, now: Moment) -> Option<usize> {
    next(looks).filter(|&at| at <= now)?;
    looks.pop().map(|Reverse(look)| look.position())
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let modules = self.modules.iter().map(|entry| &entry.registered.registration);
        f.debug_list().entries(modules).finish()
    }
}
