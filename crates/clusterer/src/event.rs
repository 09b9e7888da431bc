//! What a subscription tells: everything that changes a [`View`](crate::View), and why.

use crate::{ReloadError, ReloadReport};
use clusterer_core::Transition;
use clusterer_node::{
    Availability, LinkId, LinkState, Moment, Node, NodeKey, Reachability, State, UnixTime,
};
use clusterer_registry::Registration;
use std::fmt;
use std::sync::Arc;

/// Something happened. Its text is a line for a log.
///
/// ```
/// use clusterer::{Event, EventKind, State};
///
/// /// Who wakes somebody up at night.
/// fn is_alarming(event: &Event) -> bool {
///     match &event.kind {
///         EventKind::StateChanged(change) => {
///             change.from.state() == State::Up && change.to.state() == State::Probing
///         }
///         EventKind::ReloadFailed(_) => true,
///         _ => false,
///     }
/// }
/// # let _ = is_alarming;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// When it was published, on the node's own clock ([`Cluster::now`](crate::Cluster::now)).
    pub at: Moment,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
///
/// Packets, and what is told per packet
/// ([`ModuleEvent::TemporarilyDisabled`](crate::ModuleEvent::TemporarilyDisabled)), are no events: a peer could
/// push everything else out with them. They are counted in the metrics.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventKind {
    /// The connection to a node is another than it was. What happened between two views (a
    /// connection that came and went within a millisecond) is one event, or none.
    LinkChanged {
        /// Which node. Those that share a link have an event each.
        node: NodeKey,
        /// Its link now; `None` if it is not dialled any more.
        link: Option<LinkId>,
        /// What the connection was doing.
        from: LinkState,
        /// What it is doing now.
        to: LinkState,
    },
    /// A module was registered.
    ModuleRegistered(Arc<Registration>),
    /// A module heard nothing of a node for longer than its timeout. Until two timeouts from now the
    /// node's packets are not delivered to it.
    ModuleTimeout {
        /// Which module.
        registration: Arc<Registration>,
        /// Which node.
        node: NodeKey,
    },
    /// A load brought a new node.
    NodeAdded {
        /// Its row and address.
        node: Arc<Node>,
        /// What it begins with.
        availability: Availability,
        /// The link to it; `None` for a node that is never dialled.
        link: Option<LinkId>,
        /// What that link's connection is doing.
        link_state: LinkState,
        /// When it was loaded, by the wall clock.
        since: UnixTime,
    },
    /// The node is in the table no more.
    NodeRemoved(Arc<Node>),
    /// A load brought another URL, description, key, or other limits for a node.
    NodeReplaced {
        /// What its row was.
        from: Arc<Node>,
        /// What it is now.
        to: Arc<Node>,
    },
    /// A reload failed; what is in memory stays.
    ReloadFailed(ReloadError),
    /// The table was loaded anew. What that changed was told before.
    Reloaded(Arc<ReloadReport>),
    /// A node's availability changed: each time, also if it failed once more.
    StateChanged(Transition),
}

impl fmt::Display for Event {
    /// Seconds on the node's clock, then what happened.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.at.as_millis();
        write!(f, "[{}.{:03}] {}", millis / 1_000, millis % 1_000, self.kind)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinkChanged { node, from, to, .. } => {
                write!(f, "{node}: link {}, was {}", link_word(*to), link_word(*from))
            }
            Self::ModuleRegistered(registration) => {
                write!(f, "{} registered", Module(registration))
            }
            Self::ModuleTimeout { registration, node } => {
                let silent = registration.timeout;
                let shut_out = silent.saturating_mul(2);
                let module = Module(registration);
                write!(f, "{node}: silent for {silent:?}, shut out of {module} for {shut_out:?}")
            }
            Self::NodeAdded { node, availability, .. } => {
                let (url, state) = (&node.row.url, availability.state());
                write!(f, "{}: added, {url}, state {state}", node.key())
            }
            Self::NodeRemoved(node) => write!(f, "{}: removed, was {}", node.key(), node.row.url),
            Self::NodeReplaced { from, to } => replaced(f, from, to),
            Self::ReloadFailed(error) => write!(f, "reload failed: {error}"),
            Self::Reloaded(report) => {
                let ReloadReport { clusters, nodes, skipped } = &**report;
                let skipped = skipped.len();
                write!(f, "reloaded: {clusters} clusters, {nodes} nodes, {skipped} rows left out")
            }
            Self::StateChanged(transition) => state_changed(f, transition),
        }
    }
}

fn replaced(f: &mut fmt::Formatter<'_>, from: &Node, to: &Node) -> fmt::Result {
    write!(f, "{}: row changed", to.key())?;
    let (from, to) = (&from.row, &to.row);
    if from.url != to.url {
        write!(f, ", url {} (was {})", to.url, from.url)?;
    }
    if from.failed_attempts != to.failed_attempts {
        write!(f, ", failed_attempts {} (was {})", to.failed_attempts, from.failed_attempts)?;
    }
    if from.duration != to.duration {
        write!(f, ", duration {}s (was {}s)", to.duration, from.duration)?;
    }
    Ok(())
}

fn state_changed(f: &mut fmt::Formatter<'_>, transition: &Transition) -> fmt::Result {
    let Transition { node, from, to, cause } = transition;
    let (was, is) = (from.state(), to.state());
    write!(f, "{node}: state {is}")?;
    if was != is {
        write!(f, ", was {was}")?;
    }
    if is == State::Probing {
        write!(f, ", {}", reachability_word(to.reachability))?;
    }
    write!(f, ", no_tries {}: {}", to.no_tries, cause.name())
}

/// How a module is named in a line.
struct Module<'a>(&'a Registration);

impl fmt::Display for Module<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Registration { name, cluster, .. } = self.0;
        match cluster {
            Some(cluster) => write!(f, "module {name:?} of cluster {cluster}"),
            None => write!(f, "module {name:?} of no cluster"),
        }
    }
}

const fn link_word(state: LinkState) -> &'static str {
    match state {
        LinkState::Dialling => "dialling",
        LinkState::Idle => "idle",
        LinkState::Open => "open",
        _ => "unknown",
    }
}

const fn reachability_word(reachability: Reachability) -> &'static str {
    match reachability {
        Reachability::Disabled => "temporarily disabled",
        Reachability::Probing => "probing",
        Reachability::Up => "up",
        _ => "unknown",
    }
}
