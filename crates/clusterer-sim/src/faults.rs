//! What can go wrong, and the plan of a run's faults.

use crate::rng::Rng;
use crate::scenario::Scenario;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// An administrator takes a node down; at the end, up.
    AdminDown,
    /// An administrator puts a node in use, in whatever state it is.
    AdminUp,
    /// Packets that cannot be read, or make no sense, from a known host.
    BadPackets,
    /// A host's wall clock jumps, forwards or backwards.
    ClockJump,
    /// Nothing passes between two hosts.
    Cut,
    /// Nothing passes from one host to another; the way back is open.
    CutOneWay,
    /// A process reads nothing any more, and goes on sending.
    Deaf,
    /// One host closes its connections with another in order.
    Fin,
    /// Somebody else writes a row; at the end it is written back.
    ForeignRow,
    /// Bytes that are no packets.
    Garbage,
    /// One host forgets its connections with another, without a word.
    HalfOpen,
    /// A host that is no node speaks in the name of one.
    Impostor,
    /// The process is killed: its kernel closes every connection.
    Kill,
    /// The same, with bytes unread: its kernel resets every connection.
    KillReset,
    /// Packets are lost.
    Loss,
    /// A node is started anew at another address, and most of the others load the table.
    Move,
    /// A module sends nothing.
    Mute,
    /// New connections find no route.
    NoRoute,
    /// The host is gone without a word.
    PowerOff,
    /// The table is loaded anew.
    Reload,
    /// A row is deleted, and put back at the end.
    RemoveRow,
    /// A module reports a failure.
    Report,
    /// Connections between two hosts are reset from the middle.
    Reset,
    /// Packets take longer.
    Slow,
    /// A process is not scheduled for a short while.
    Stall,
    /// Only its control thread is not.
    StallControl,
    /// Only its transport's thread is not.
    StallTransport,
    /// A process is stopped: its kernel accepts and acknowledges, nobody reads.
    Stop,
    /// The database does not answer.
    StoreFails,
    /// The database answers late.
    StoreSlow,
}

pub(crate) const FAULTS: &[FaultKind] = &[
    FaultKind::AdminDown,
    FaultKind::AdminUp,
    FaultKind::BadPackets,
    FaultKind::ClockJump,
    FaultKind::Cut,
    FaultKind::CutOneWay,
    FaultKind::Deaf,
    FaultKind::Fin,
    FaultKind::ForeignRow,
    FaultKind::Garbage,
    FaultKind::HalfOpen,
    FaultKind::Impostor,
    FaultKind::Kill,
    FaultKind::KillReset,
    FaultKind::Loss,
    FaultKind::Move,
    FaultKind::Mute,
    FaultKind::NoRoute,
    FaultKind::PowerOff,
    FaultKind::Reload,
    FaultKind::RemoveRow,
    FaultKind::Report,
    FaultKind::Reset,
    FaultKind::Slow,
    FaultKind::Stall,
    FaultKind::StallControl,
    FaultKind::StallTransport,
    FaultKind::Stop,
    FaultKind::StoreFails,
    FaultKind::StoreSlow,
];

/// One fault of a plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) host: usize,
    /// Another host, where two are concerned.
    pub(crate) other: usize,
    pub(crate) begin: u64,
    pub(crate) end: u64,
    /// Its size, where it has one.
    pub(crate) size: u64,
}

/// No fault begins before, so that everybody is up.
const FIRST: u64 = 3_000;
/// Every fault has ended then, so that the invariants about recovery have their time.
const LAST: u64 = 33_000;
const MOST: u64 = 12;

pub(crate) fn plan(rng: &mut Rng, scenario: &Scenario) -> Vec<Fault> {
    let count = scenario.hosts.len();
    if count < 2 {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for _ in 0..rng.between(3, MOST) {
        let kind = FAULTS[rng.index(FAULTS.len())];
        let host = rng.index(count);
        let other = (host + 1 + rng.index(count - 1)) % count;
        let (shortest, longest) = kind.span();
        let begin = rng.between(FIRST, LAST - 1_000);
        let end = (begin + rng.between(shortest, longest)).min(LAST);
        let size = match kind {
            FaultKind::Loss => rng.between(20, 400),
            FaultKind::Slow => rng.between(20, 400),
            FaultKind::StoreSlow => rng.between(100, 900),
            _ => rng.below(1_000_000),
        };
        faults.push(Fault { kind, host, other, begin, end, size });
    }
    faults
}

impl FaultKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AdminDown => "admin_down",
            Self::AdminUp => "admin_up",
            Self::BadPackets => "bad_packets",
            Self::ClockJump => "clock_jump",
            Self::Cut => "cut",
            Self::CutOneWay => "cut_one_way",
            Self::Deaf => "deaf",
            Self::Fin => "fin",
            Self::ForeignRow => "foreign_row",
            Self::Garbage => "garbage",
            Self::HalfOpen => "half_open",
            Self::Impostor => "impostor",
            Self::Kill => "kill",
            Self::KillReset => "kill_reset",
            Self::Loss => "loss",
            Self::Move => "move",
            Self::Mute => "mute",
            Self::NoRoute => "no_route",
            Self::PowerOff => "power_off",
            Self::Reload => "reload",
            Self::RemoveRow => "remove_row",
            Self::Report => "report",
            Self::Reset => "reset",
            Self::Slow => "slow",
            Self::Stall => "stall",
            Self::StallControl => "stall_control",
            Self::StallTransport => "stall_transport",
            Self::Stop => "stop",
            Self::StoreFails => "store_fails",
            Self::StoreSlow => "store_slow",
        }
    }

    /// How long one lasts, milliseconds: the shortest and the longest.
    const fn span(self) -> (u64, u64) {
        match self {
            Self::Kill | Self::KillReset | Self::Move => (0, 6_000),
            Self::Stall | Self::StallControl | Self::StallTransport => (20, 2_500),
            Self::Cut | Self::CutOneWay | Self::PowerOff => (50, 8_000),
            Self::Deaf | Self::Stop => (1_000, 10_000),
            Self::Impostor => (500, 1_500),
            Self::StoreFails => (500, 4_000),
            Self::AdminDown | Self::ForeignRow | Self::RemoveRow => (500, 8_000),
            Self::Mute => (2_000, 15_000),
            _ => (1_000, 6_000),
        }
    }

    /// Whether it needs a process that runs.
    pub(crate) const fn needs_process(self) -> bool {
        !matches!(
            self,
            Self::Cut
                | Self::CutOneWay
                | Self::Loss
                | Self::NoRoute
                | Self::Slow
                | Self::Mute
                | Self::StoreFails
                | Self::StoreSlow
        )
    }
}
