//! How long things may take. README.md derives each of these.

use crate::scenario::Scenario;

/// What scheduling in whole milliseconds and a few round trips add, milliseconds.
pub(crate) const SLACK: u64 = 250;
/// Most link events that wait in an inbox for one link.
pub(crate) const INBOX: usize = 8;
/// Most connects of one link within a ping interval.
pub(crate) const DIALS: usize = 5;
/// Most connections of one node, a host.
pub(crate) const STREAMS: usize = 32;
/// Turns of a thousand whose commands the transport's thread sees late.
pub(crate) const LATE_COMMANDS: u64 = 60;
/// Most turns of one node within a millisecond, a host.
pub(crate) const TURNS: u32 = 64;
/// Bytes that a kernel takes over for a connection whose other end is not heard, traffic only. Small,
/// so that the link's own queue is put to the test.
pub(crate) const SOCKET: usize = 256;
/// Bytes of answers that wait for a peer which does not read them.
pub(crate) const REPLIES: usize = 64 * 1024;
/// What a quiet row has been written back for, beside the store's own latency.
pub(crate) const PERSISTED: u64 = 2_000;

/// A node with this duration stays disabled so long. One of 0 is asked when it is its turn.
pub(crate) const fn disabled(scenario: &Scenario, duration: u64) -> u64 {
    if duration == 0 { scenario.ping_interval } else { duration }
}

/// A reachable node that stays disabled so long is up so long after the last disturbance.
pub(crate) const fn up_again(scenario: &Scenario, disabled: u64) -> u64 {
    disabled + 3 * scenario.ping_interval + 2 * scenario.ping_timeout + SLACK
}

/// A node that cannot be reached is not up any more so long after that began. An orderly close that comes
/// in between takes the ping in flight with it, and the connect that follows has its own time.
pub(crate) const fn known(scenario: &Scenario) -> u64 {
    scenario.ping_interval + 2 * scenario.ping_timeout + SLACK
}

/// A node that became up because it was time, or because somebody said so, is dialled at once: a connect
/// that succeeds at the last moment is followed by a ping.
pub(crate) const fn asked(scenario: &Scenario) -> u64 {
    2 * scenario.ping_timeout + SLACK
}
/// So long after its host stood still a node is accused for nothing: with the default settings, whatever
/// was asked before has been judged.
pub(crate) const INNOCENT: u64 = 2_000;
/// What is handed over to the transport's thread and waits for longer tells that it was behind.
pub(crate) const BEHIND: u64 = 100;
