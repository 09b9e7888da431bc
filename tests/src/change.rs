//! What a daemon's log says of the states of its peers, and when it said so.

use anyhow::{Context as _, Result};
use std::time::{Duration, SystemTime};

/// A line `state changed` of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When the daemon wrote it, by the wall clock, to the microsecond.
    pub at: SystemTime,
    /// The peer.
    pub machine: i32,
    /// The state it was in: 0, 1 or 2.
    pub from: u32,
    /// The state it is in.
    pub to: u32,
    /// Why, in the word of `clusterer_probe::Cause`.
    pub cause: String,
}

impl Change {
    /// All changes in a log, in its order. A last line that is not written whole yet is left out.
    ///
    /// # Errors
    /// Such a line cannot be read.
    pub fn read_all(log: &str) -> Result<Vec<Self>> {
        let whole = log.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let changes = whole.lines().filter(|line| line.contains(": state changed "));
        changes.map(|line| Self::read(line).with_context(|| format!("in {line:?}"))).collect()
    }

    fn read(line: &str) -> Result<Self> {
        let value = |name: &str| {
            let pairs = line.split(' ').filter_map(|word| word.split_once('='));
            let value = pairs.into_iter().find(|(key, _)| *key == name);
            value.map(|(_, value)| value.trim_matches('"')).context(name.to_owned())
        };
        Ok(Self {
            at: time(line.split(' ').next().unwrap_or_default()).context("no time")?,
            machine: value("machine_id")?.parse()?,
            from: value("from")?.parse()?,
            to: value("to")?.parse()?,
            cause: value("cause")?.to_owned(),
        })
    }
}

/// Reads `2026-11-22T13:05:00.123456Z`.
fn time(text: &str) -> Option<SystemTime> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, fraction) = clock.split_once('.')?;
    let mut clock = clock.splitn(3, ':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let micros = Duration::from_micros(fraction.parse().ok().filter(|_| fraction.len() == 6)?);
    // A year that begins in March has its leap day at its end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let since_1970 = days.checked_sub(719_468)?;
    let seconds = ((since_1970 * 24 + hour) * 60 + minute) * 60 + second;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds) + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        // As `date -u -d TEXT +%s` has them.
        for (text, seconds) in [
            ("1970-01-01T00:00:00.000000Z", 0),
            ("2024-02-29T23:59:59.250000Z", 1_709_251_199),
            ("2026-11-22T13:05:00.000001Z", 1_795_352_700),
        ] {
            let since = time(text).unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            assert_eq!(since.as_secs(), seconds, "{text}");
        }
        assert_eq!(time("13:05"), None);
    }

    #[test]
    fn only_whole_lines_about_states_are_read() {
        let log = "2026-11-22T13:05:00.000001Z  INFO clusterer::control: table loaded clusters=1\n\
            2026-11-22T13:05:00.000001Z  INFO clusterer::control: state changed cluster_id=1 \
            machine_id=3 from=1 to=2 reachability=Probing no_tries=1 cause=\"refused\"\n\
            2026-11-22T13:05:01.000001Z  INFO clusterer::control: state changed clus";
        let [change] = &Change::read_all(log).unwrap()[..] else { panic!("one change") };
        assert_eq!((change.machine, change.from, change.to), (3, 1, 2));
        assert_eq!(change.cause, "refused");
    }
}
