//! The transitions of a node's availability: all of them, as one table.

use clusterer_node::{AdminState, Availability, Reachability, UnixTime};

/// What can happen to a node's availability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An administrator takes it down.
    Disable,
    /// The time of being disabled is over.
    DurationOver,
    /// An administrator puts it in use.
    Enable,
    /// A failure was seen, at this time.
    Failure(UnixTime),
    /// It was seen well.
    Success,
}

/// What a node's availability becomes; the same, where the event means nothing.
///
/// | administrator | reachability | event | becomes | `no_tries` |
/// |---|---|---|---|---|
/// | any | any | `Disable` | down | as it was |
/// | any | any | `Enable` | up | 0 |
/// | down | any | any other | as it was | as it was |
/// | enabled | up | `Failure` | probing, disabled if 1 ≥ `max_failures` | 1 |
/// | enabled | probing | `Failure` | probing, disabled if `no_tries` ≥ `max_failures` | + 1 |
/// | enabled | probing | `Success` | up | 0 |
/// | enabled | probing, disabled | `DurationOver` | up | 0 |
/// | enabled | otherwise | otherwise | as it was | as it was |
///
/// A failure also sets `last_attempt`, and nothing else does.
#[must_use]
pub fn next(node: Availability, event: Event, max_failures: u32) -> Availability {
    use AdminState::{Down, Enabled};
    use Reachability::{Disabled, Probing, Up};
    let up = Availability { admin: Enabled, reachability: Up, no_tries: 0, ..node };
    match (node.admin, node.reachability, event) {
        (_, _, Event::Disable) => Availability { admin: Down, ..node },
        (_, _, Event::Enable) => up,
        (Enabled, Up, Event::Failure(at)) => failed(node, 1, at, max_failures),
        (Enabled, Probing, Event::Failure(at)) => {
            failed(node, node.no_tries.saturating_add(1), at, max_failures)
        }
        (Enabled, Probing, Event::Success) => up,
        (Enabled, Probing | Disabled, Event::DurationOver) => up,
        _ => node,
    }
}

fn failed(node: Availability, no_tries: u32, at: UnixTime, max_failures: u32) -> Availability {
    let reachability = if no_tries >= max_failures.max(1) {
        Reachability::Disabled
    } else {
        Reachability::Probing
    };
    Availability { reachability, no_tries, last_attempt: at, ..node }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    fn show(node: Availability) -> String {
        let Availability { admin, reachability, no_tries, last_attempt } = node;
        format!("{admin:?} {reachability:?} {no_tries} {last_attempt}")
    }

    /// Every pair of state and event, as text: a change of the table shows as a change here.
    #[test]
    fn the_whole_table() {
        let mut table = String::new();
        let states = [
            (AdminState::Down, Reachability::Up, 0),
            (AdminState::Down, Reachability::Disabled, 3),
            (AdminState::Enabled, Reachability::Up, 0),
            (AdminState::Enabled, Reachability::Probing, 1),
            (AdminState::Enabled, Reachability::Probing, 2),
            (AdminState::Enabled, Reachability::Disabled, 3),
        ];
        let failure = Event::Failure(UnixTime::from_secs(9));
        for (admin, reachability, no_tries) in states {
            let last_attempt = UnixTime::from_secs(5);
            let node = Availability { admin, reachability, no_tries, last_attempt };
            for event in
                [Event::Disable, Event::DurationOver, Event::Enable, failure, Event::Success]
            {
                let after = next(node, event, 3);
                if after != node {
                    table += &format!("{} | {event:?} | {}\n", show(node), show(after));
                }
            }
        }
        expect_test::expect![[r#"
            Down Up 0 5 | Enable | Enabled Up 0 5
            Down Disabled 3 5 | Enable | Enabled Up 0 5
            Enabled Up 0 5 | Disable | Down Up 0 5
            Enabled Up 0 5 | Failure(UnixTime(9)) | Enabled Probing 1 9
            Enabled Probing 1 5 | Disable | Down Probing 1 5
            Enabled Probing 1 5 | DurationOver | Enabled Up 0 5
            Enabled Probing 1 5 | Enable | Enabled Up 0 5
            Enabled Probing 1 5 | Failure(UnixTime(9)) | Enabled Probing 2 9
            Enabled Probing 1 5 | Success | Enabled Up 0 5
            Enabled Probing 2 5 | Disable | Down Probing 2 5
            Enabled Probing 2 5 | DurationOver | Enabled Up 0 5
            Enabled Probing 2 5 | Enable | Enabled Up 0 5
            Enabled Probing 2 5 | Failure(UnixTime(9)) | Enabled Disabled 3 9
            Enabled Probing 2 5 | Success | Enabled Up 0 5
            Enabled Disabled 3 5 | Disable | Down Disabled 3 5
            Enabled Disabled 3 5 | DurationOver | Enabled Up 0 5
            Enabled Disabled 3 5 | Enable | Enabled Up 0 5
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn with_no_failures_allowed_the_first_one_disables() {
        let up = Availability {
            admin: AdminState::Enabled,
            reachability: Reachability::Up,
            no_tries: 0,
            last_attempt: UnixTime::ZERO,
        };
        for max_failures in [0, 1] {
            let after = next(up, Event::Failure(UnixTime::ZERO), max_failures);
            assert_eq!((after.reachability, after.no_tries), (Reachability::Disabled, 1));
        }
    }
}
