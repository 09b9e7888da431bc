//! The dialog profiles of each node, as the `dialog` module of 2.2 nodes replicates them.
//!
//! Its command 4 carries, once for each profile and value: the profile's name, 1 and the value or 0, and
//! how many dialogs of the sender have it. Long lists come in several packets, so a packet that lacks a
//! profile says nothing about it: what is not repeated within the timeout is over.

use clusterer::{
    ClusterModule, MachineId, Malformed, ModuleEvent, Moment, Packet, PacketContext, Reader,
};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The commands of the module: 1 to 3 create, update and delete a dialog.
const DIALOGS: std::ops::RangeInclusive<i32> = 1..=3;
const PROFILES: i32 = 4;
/// Profiles and values kept of a node: a sender gone mad must not fill the memory.
const MOST: usize = 10_000;

/// A profile, or one value of it. Any bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Profile {
    pub(crate) name: Vec<u8>,
    pub(crate) value: Option<Vec<u8>>,
}

/// How many dialogs a node reported, and when.
#[derive(Clone, Copy, Debug)]
struct Reported {
    dialogs: u32,
    at: Moment,
}

/// Watches the profiles of all nodes of a cluster.
pub(crate) struct Profiles {
    timeout: Duration,
    nodes: Mutex<BTreeMap<MachineId, BTreeMap<Profile, Reported>>>,
}

/// The dialogs of a profile: each node's, in the order of their ids.
pub(crate) type Counts = BTreeMap<Profile, Vec<(MachineId, u32)>>;

impl Profiles {
    /// Counts are valid for `timeout` after they were reported: that of the registration.
    pub(crate) const fn new(timeout: Duration) -> Self {
        Self { timeout, nodes: Mutex::new(BTreeMap::new()) }
    }

    /// What is valid now.
    pub(crate) fn counts(&self, now: Moment) -> Counts {
        let mut counts = Counts::new();
        for (&machine, profiles) in &mut *self.lock() {
            profiles.retain(|_, reported| now.since(reported.at) <= self.timeout);
            for (profile, reported) in profiles {
                counts.entry(profile.clone()).or_default().push((machine, reported.dialogs));
            }
        }
        counts
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<MachineId, BTreeMap<Profile, Reported>>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClusterModule for Profiles {
    fn on_packet(&self, from: &PacketContext, packet: &Packet<'_>) -> Result<(), Malformed> {
        // The whole packet is read before any of it counts.
        let Some(reports) = read(packet)? else { return Ok(()) };
        let mut nodes = self.lock();
        let profiles = nodes.entry(from.sender).or_default();
        profiles.retain(|_, reported| from.now.since(reported.at) <= self.timeout);
        for (profile, dialogs) in reports {
            if profiles.len() >= MOST && !profiles.contains_key(&profile) {
                return Err(Malformed::Value("the node has more than 10000 profiles and values"));
            }
            profiles.insert(profile, Reported { dialogs, at: from.now });
        }
        Ok(())
    }

    fn on_event(&self, event: ModuleEvent) {
        if let ModuleEvent::Timeout(node) = event {
            self.lock().remove(&node.machine);
        }
    }
}

/// What a packet says of profiles; `None` if it is about dialogs.
pub(crate) fn read(packet: &Packet<'_>) -> Result<Option<Vec<(Profile, u32)>>, Malformed> {
    match packet.command {
        PROFILES => {}
        command if DIALOGS.contains(&command) => return Ok(None),
        _ => return Err(Malformed::Value("the dialog module has no such command")),
    }
    let mut body = packet.body();
    let mut reports = Vec::new();
    while !body.is_empty() {
        reports.push(read_one(&mut body)?);
    }
    Ok(Some(reports))
}

fn read_one(body: &mut Reader<'_>) -> Result<(Profile, u32), Malformed> {
    let name = body.str()?.to_vec();
    if name.is_empty() {
        return Err(Malformed::Value("a profile's name is empty"));
    }
    let value = match body.int()? {
        0 => None,
        1 => Some(body.str()?.to_vec()),
        _ => return Err(Malformed::Value("whether a profile has a value is neither 0 nor 1")),
    };
    let dialogs = u32::try_from(body.int()?);
    let dialogs = dialogs.map_err(|_| Malformed::Value("a profile has fewer than no dialogs"))?;
    Ok((Profile { name, value }, dialogs))
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name.escape_ascii())?;
        match &self.value {
            Some(value) => write!(f, "={}", value.escape_ascii()),
            None => Ok(()),
        }
    }
}
