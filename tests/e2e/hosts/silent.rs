//! Hosts that are there and not heard.

use super::{AGAIN, INTERVAL, KNOWN, Site, TIMEOUT, within};
use anyhow::Result;
use clusterer_tests::Pulse;
use rustix::process::Signal;
use std::thread;
use std::time::SystemTime;

#[test]
fn a_stopped_one_is_known_and_accuses_nobody_when_it_goes_on() -> Result<()> {
    let Some(site) = Site::new(5, 5)? else { return Ok(()) };
    let pulse = Pulse::start();
    // Its pings are to be under way when it is stopped, and answered meanwhile: nobody answers for most
    // of an interval, but for less than the timeout.
    for other in site.others(3) {
        site.daemon(other).signal(Signal::STOP)?;
    }
    thread::sleep(TIMEOUT * 4 / 5);
    let stopped = SystemTime::now();
    site.daemon(3).signal(Signal::STOP)?;
    for other in site.others(3) {
        site.daemon(other).signal(Signal::CONT)?;
    }
    within("a stopped one is known", KNOWN, &site.others_see(3, 2, stopped)?, &pulse)?;
    let continued = SystemTime::now();
    site.daemon(3).signal(Signal::CONT)?;
    within("it is up again", KNOWN, &site.others_see(3, 1, continued)?, &pulse)?;
    // Whatever it asked before it was stopped, or when it went on, has been judged then.
    thread::sleep(INTERVAL + TIMEOUT);
    site.nothing_else(stopped, &pulse, |one, change| one != 3 && change.machine == 3)
}

#[test]
fn one_whose_plug_is_pulled_is_known_and_back_when_it_is_in_again() -> Result<()> {
    let Some(site) = Site::new(5, 5)? else { return Ok(()) };
    cut_off(
        &site,
        4,
        |site| site.wire.unplug(site.wire.host(4)?),
        |site| site.wire.plug(site.wire.host(4)?),
    )
}

#[test]
fn one_whose_interface_goes_down_is_known_and_back_when_it_is_up() -> Result<()> {
    let Some(site) = Site::new(5, 5)? else { return Ok(()) };
    cut_off(&site, 4, |site| site.wire.host(4)?.take_down(), |site| site.wire.host(4)?.bring_up())
}

/// One host is cut off from all others and joined again. Both sides know, and nobody else is touched.
fn cut_off(
    site: &Site,
    machine: i32,
    cut: impl Fn(&Site) -> Result<()>,
    join: impl Fn(&Site) -> Result<()>,
) -> Result<()> {
    let pulse = Pulse::start();
    let begun = SystemTime::now();
    cut(site)?;
    within("known to the others", KNOWN, &site.others_see(machine, 2, begun)?, &pulse)?;
    within("known to itself", KNOWN, &site.seen_by(machine, 2, begun)?, &pulse)?;
    let joined = SystemTime::now();
    join(site)?;
    within("up to the others", AGAIN, &site.others_see(machine, 1, joined)?, &pulse)?;
    within("up to itself", AGAIN, &site.seen_by(machine, 1, joined)?, &pulse)?;
    site.nothing_else(begun, &pulse, |one, change| one == machine || change.machine == machine)
}

#[test]
fn a_one_way_cut_is_known_at_both_ends_and_heals() -> Result<()> {
    let Some(site) = Site::new(5, 5)? else { return Ok(()) };
    // Who does not hear whom: once the lower one, once the higher.
    let cuts = [(1, 2), (4, 3)];
    let pulse = Pulse::start();
    let begun = SystemTime::now();
    for (deaf, unheard) in cuts {
        site.wire.host(deaf)?.ignore(site.wire.host(unheard)?)?;
    }
    for (deaf, unheard) in cuts {
        within("who does not hear", KNOWN, &[site.sees(deaf, unheard, 2, begun)?], &pulse)?;
        within("who is not heard", KNOWN, &[site.sees(unheard, deaf, 2, begun)?], &pulse)?;
    }
    let healed = SystemTime::now();
    for (deaf, _) in cuts {
        site.wire.host(deaf)?.heed()?;
    }
    for (deaf, unheard) in cuts {
        within("hears again", AGAIN, &[site.sees(deaf, unheard, 1, healed)?], &pulse)?;
        within("is heard again", AGAIN, &[site.sees(unheard, deaf, 1, healed)?], &pulse)?;
    }
    site.nothing_else(begun, &pulse, |one, change| {
        cuts.contains(&(one, change.machine)) || cuts.contains(&(change.machine, one))
    })
}
