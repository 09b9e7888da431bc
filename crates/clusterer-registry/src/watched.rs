//! How a module stands to a node that it watches.

use crate::Volume;
use clusterer_node::{Moment, NodeKey};

/// A node, as one module sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Watched {
    /// Which node.
    pub node: NodeKey,
    /// When the module last heard it; at first, when it was loaded.
    pub last_seen: Moment,
    /// It was silent for longer than the module's timeout, and is disabled for the module until then.
    pub shut_until: Option<Moment>,
    /// What the module has taken from it.
    pub received: Volume,
    /// What the module has sent to it: what was queued on its link, also if that broke before it went out.
    pub sent: Volume,
}
