//! Processes that end, and others in their place.

use super::{AGAIN, INTERVAL, KNOWN, Site, TIMEOUT, within};
use anyhow::{Result, ensure};
use clusterer_tests::Pulse;
use std::time::{Duration, Instant, SystemTime};

/// A killed node is known in under this time, as the requirement says.
const AT_ONCE: Duration = Duration::from_millis(100);

#[test]
fn a_killed_one_is_known_to_all_in_under_100_ms() -> Result<()> {
    let Some(mut site) = Site::new(5, 5)? else { return Ok(()) };
    let pulse = Pulse::start();
    let begun = SystemTime::now();
    // Ten readings: the fifth's end as four see it, the fourth's as three do, and so on.
    let mut readings = Vec::new();
    for killed in (2..=5).rev() {
        let at = SystemTime::now();
        site.daemon_mut(killed).kill()?;
        for left in 1..killed {
            readings.push(site.sees(left, killed, 2, at)?);
        }
    }
    // One that had to wait for a processor may be late, half of them may not. None is as late as a
    // ping would have been.
    readings.sort();
    let median = readings[readings.len() / 2];
    within("a killed one is known, median", AT_ONCE, &[median], &pulse)?;
    within("a killed one is known", INTERVAL, &readings, &pulse)?;
    for change in site.daemon(1).changes()?.iter().filter(|change| change.at >= begun) {
        ensure!(change.cause != "no_pong", "by its connection, not by silence: {change:?}");
    }
    site.nothing_else(begun, &pulse, |one, change| one < change.machine)
}

#[test]
fn a_restarted_one_is_back_at_once() -> Result<()> {
    let Some(mut site) = Site::new(5, 5)? else { return Ok(()) };
    let pulse = Pulse::start();
    let begun = SystemTime::now();
    let ended = site.daemon_mut(3).terminate()?;
    ensure!(ended.success(), "{ended}");
    within("an ended one is known", KNOWN, &site.others_see(3, 2, begun)?, &pulse)?;
    let started = SystemTime::now();
    site.daemon_mut(3).restart()?;
    // The others try it when it is its turn, within an interval; it tries them at once.
    let back = started.elapsed()? + INTERVAL + TIMEOUT;
    within("a restarted one is up", back, &site.others_see(3, 1, started)?, &pulse)?;
    within("the others are up to it", back, &site.seen_by(3, 1, started)?, &pulse)?;
    site.nothing_else(begun, &pulse, |one, change| one == 3 || change.machine == 3)
}

#[test]
fn one_that_is_replaced_within_an_interval_is_the_new_one_to_all() -> Result<()> {
    let Some(mut site) = Site::new(5, 5)? else { return Ok(()) };
    site.replicates(2, "before", site.others(2))?;
    let pulse = Pulse::start();
    let begun = SystemTime::now();
    site.daemon_mut(2).kill()?;
    site.daemon_mut(2).restart()?;
    ensure!(begun.elapsed()? < INTERVAL + pulse.worst(), "replaced in {:?}", begun.elapsed()?);
    // Whether they had seen the old one end or not: a pipe that only the new one knows arrives, and so do
    // theirs.
    let ready = Instant::now();
    site.replicates(2, "from_the_new_one", site.others(2))?;
    for other in site.others(2) {
        site.replicates(other, &format!("from_{other}"), [2].into_iter())?;
    }
    within("it replicates both ways", AGAIN, &[ready.elapsed()], &pulse)?;
    for other in site.others(2) {
        site.daemon(other).wait_state(2, 1)?;
        site.daemon(2).wait_state(other, 1)?;
    }
    site.nothing_else(begun, &pulse, |one, change| one == 2 || change.machine == 2)
}
