//! Breaking a node on purpose, to see that it is noticed.

use clusterer_core::{Action, Input};
use clusterer_node::MachineId;
use clusterer_registry::DropReason;

/// Stands between one node's core and its driver. Every method does nothing by default.
pub trait Tamper {
    /// Changes what goes into the core, or keeps it from it.
    fn input(&mut self, input: Input) -> Option<Input> {
        Some(input)
    }

    /// Things that never happened, for the core to believe: asked for before anything else goes in.
    fn inventions(&mut self) -> Vec<Input> {
        Vec::new()
    }

    /// A module took a packet of this machine.
    fn heard(&mut self, sender: MachineId) {
        let _ = sender;
    }

    /// Changes what the core wants done.
    fn actions(&mut self, actions: Vec<Action>) -> Vec<Action> {
        actions
    }

    /// Whether a packet that is dropped for this reason is given to its module all the same; `None`
    /// stands for a gate that is shut.
    fn delivers(&mut self, reason: Option<DropReason>) -> bool {
        let _ = reason;
        false
    }
}

/// A node as it is.
#[derive(Debug)]
pub(crate) struct Untouched;

impl Tamper for Untouched {}
