//! The module's parameters: as they stand in a file, and as they are used.

use crate::Algorithm;
use clusterer_node::ClusterId;
use core::fmt;
use core::ops::RangeInclusive;
use core::time::Duration;

/// What `repl_timer_interval` is rounded up to: the step of a 2.2 node's timer, milliseconds.
const TIMER_STEP: u64 = 100;
/// The largest `repl_buffer_threshold`: nine tenths of the longest packet, so that the last pipe fits.
const MAX_THRESHOLD: i64 = 58_981;
/// The most slots of an SBT window: a pipe keeps four bytes for each.
const MAX_SLOTS: u64 = 65_536;

const POSITIVE: RangeInclusive<i64> = 1..=2_147_483_647;
const CLUSTER: RangeInclusive<i64> = 0..=2_147_483_647;

/// The parameters as they stand in a configuration file: unchecked, in the manual's units. The
/// defaults are the manual's.
///
/// ```
/// use clusterer_ratelimit::Parameters;
///
/// let config = Parameters { replicate_pipes_to: 1, ..Parameters::default() }.validate().unwrap();
/// assert_eq!(config.replicate_to().map(|cluster| cluster.get()), Some(1));
///
/// let error = Parameters { timer_interval: 0, ..Parameters::default() }.validate().unwrap_err();
/// assert_eq!(error.parameter, "timer_interval");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Seconds of a tick. 1 or more.
    pub timer_interval: i64,
    /// Seconds without use until a pipe goes. 1 or more.
    pub expire_time: i64,
    /// The algorithm of a pipe that is made without one: TAILDROP, RED or SBT, in any case.
    pub default_algorithm: String,
    /// Bytes: a replication packet is sent once it is longer. 1 to 58981.
    pub repl_buffer_threshold: i64,
    /// Milliseconds between replications, rounded up to a multiple of 100. 1 or more.
    pub repl_timer_interval: i64,
    /// Seconds after which another node's counter counts 0. 1 or more.
    pub repl_timer_expire: i64,
    /// The cluster that pipes are sent to; 0 is off.
    pub replicate_pipes_to: i64,
    /// The cluster that pipes are accepted from; 0 is off.
    pub accept_pipes_from: i64,
    /// Seconds of silence until another node's counters are invalid. 1 or more.
    pub accept_pipes_timeout: i64,
    /// 1: accept pipes from nodes of the cluster only. 0 or 1.
    pub repl_pipes_auth_check: i64,
    /// Seconds of the SBT window. 1 or more.
    pub window_size: i64,
    /// Milliseconds of an SBT slot: divides the window exactly, into at most 65536.
    pub slot_period: i64,
    /// How many pipes may exist at once (ours). 1 or more. Beyond it none is made; senders outside the
    /// table may fill half of it, and each of them may count in a sixteenth of so many.
    pub max_pipes: i64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            timer_interval: 10,
            expire_time: 3600,
            default_algorithm: Algorithm::TailDrop.name().into(),
            repl_buffer_threshold: 1400,
            repl_timer_interval: 10,
            repl_timer_expire: 10,
            replicate_pipes_to: 0,
            accept_pipes_from: 0,
            accept_pipes_timeout: 10,
            repl_pipes_auth_check: 0,
            window_size: 10,
            slot_period: 200,
            max_pipes: 100_000,
        }
    }
}

impl Parameters {
    /// Checks every parameter.
    ///
    /// # Errors
    /// The first parameter that is wrong, and what it must be.
    pub fn validate(&self) -> Result<Config, ConfigError> {
        let window = 1000 * within("window_size", self.window_size, POSITIVE)?;
        Ok(Config {
            timer_interval: within("timer_interval", self.timer_interval, POSITIVE)?,
            expire: seconds("expire_time", self.expire_time)?,
            default_algorithm: default_algorithm(&self.default_algorithm)?,
            threshold: usize::try_from(within(
                "repl_buffer_threshold",
                self.repl_buffer_threshold,
                1..=MAX_THRESHOLD,
            )?)
            .unwrap_or(usize::MAX),
            repl_interval: Duration::from_millis(
                within("repl_timer_interval", self.repl_timer_interval, POSITIVE)?
                    .next_multiple_of(TIMER_STEP),
            ),
            repl_expire: seconds("repl_timer_expire", self.repl_timer_expire)?,
            replicate_to: cluster("replicate_pipes_to", self.replicate_pipes_to)?,
            accept_from: cluster("accept_pipes_from", self.accept_pipes_from)?,
            accept_timeout: seconds("accept_pipes_timeout", self.accept_pipes_timeout)?,
            auth_check: within("repl_pipes_auth_check", self.repl_pipes_auth_check, 0..=1)? == 1,
            slot_period: slot_period(self.slot_period, window)?,
            slots: window / slot_period(self.slot_period, window)?,
            max_pipes: usize::try_from(within("max_pipes", self.max_pipes, POSITIVE)?)
                .unwrap_or(usize::MAX),
        })
    }
}

/// Parameters that have been checked: made by [`Parameters::validate`]. The default is the manual's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Seconds, since limits are per second.
    pub(crate) timer_interval: u64,
    pub(crate) expire: Duration,
    pub(crate) default_algorithm: Algorithm,
    pub(crate) threshold: usize,
    pub(crate) repl_interval: Duration,
    pub(crate) repl_expire: Duration,
    replicate_to: Option<ClusterId>,
    accept_from: Option<ClusterId>,
    accept_timeout: Duration,
    auth_check: bool,
    /// Milliseconds, never 0.
    pub(crate) slot_period: u64,
    pub(crate) slots: u64,
    pub(crate) max_pipes: usize,
}

impl Config {
    /// The cluster that pipes are sent to.
    #[must_use]
    pub const fn replicate_to(&self) -> Option<ClusterId> {
        self.replicate_to
    }

    /// The cluster that pipes are accepted from: the one to register the module for.
    #[must_use]
    pub const fn accept_from(&self) -> Option<ClusterId> {
        self.accept_from
    }

    /// The timeout to register the module with.
    #[must_use]
    pub const fn accept_timeout(&self) -> Duration {
        self.accept_timeout
    }

    /// Whether to register the module with the auth check.
    #[must_use]
    pub const fn auth_check(&self) -> bool {
        self.auth_check
    }

    /// How long a tick is.
    #[must_use]
    pub const fn timer_interval(&self) -> Duration {
        Duration::from_secs(self.timer_interval)
    }

    /// How often pipes are sent: a multiple of 100 ms.
    #[must_use]
    pub const fn repl_timer_interval(&self) -> Duration {
        self.repl_interval
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            timer_interval: 10,
            expire: Duration::from_secs(3600),
            default_algorithm: Algorithm::TailDrop,
            threshold: 1400,
            repl_interval: Duration::from_millis(TIMER_STEP),
            repl_expire: Duration::from_secs(10),
            replicate_to: None,
            accept_from: None,
            accept_timeout: Duration::from_secs(10),
            auth_check: false,
            slot_period: 200,
            slots: 50,
            max_pipes: 100_000,
        }
    }
}

/// A parameter that must not be as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    /// Its name.
    pub parameter: &'static str,
    /// What it must be, and what it is.
    pub why: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.parameter, self.why)
    }
}

impl core::error::Error for ConfigError {}

fn within(
    parameter: &'static str,
    value: i64,
    range: RangeInclusive<i64>,
) -> Result<u64, ConfigError> {
    u64::try_from(value).ok().filter(|_| range.contains(&value)).ok_or_else(|| ConfigError {
        parameter,
        why: format!("must be {} to {}, is {value}", range.start(), range.end()),
    })
}

fn seconds(parameter: &'static str, value: i64) -> Result<Duration, ConfigError> {
    within(parameter, value, POSITIVE).map(Duration::from_secs)
}

fn cluster(parameter: &'static str, value: i64) -> Result<Option<ClusterId>, ConfigError> {
    within(parameter, value, CLUSTER)?;
    Ok(ClusterId::try_from(i128::from(value)).ok())
}

fn default_algorithm(name: &str) -> Result<Algorithm, ConfigError> {
    name.parse().ok().filter(|algorithm: &Algorithm| algorithm.decides_locally()).ok_or_else(|| {
        ConfigError {
            parameter: "default_algorithm",
            why: format!("must be TAILDROP, RED or SBT, is \"{}\"", name.escape_debug()),
        }
    })
}

fn slot_period(value: i64, window: u64) -> Result<u64, ConfigError> {
    let slot = within("slot_period", value, POSITIVE)?;
    if window.is_multiple_of(slot) && window / slot <= MAX_SLOTS {
        return Ok(slot);
    }
    Err(ConfigError {
        parameter: "slot_period",
        why: format!(
            "must divide the window of {window} ms exactly, into at most {MAX_SLOTS} slots, is {slot}"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(set: impl Fn(&mut Parameters, i64), accepted: &[i64], refused: &[i64]) {
        for &value in accepted {
            let mut parameters = Parameters::default();
            set(&mut parameters, value);
            assert!(parameters.validate().is_ok(), "{value}");
        }
        for &value in refused {
            let mut parameters = Parameters::default();
            set(&mut parameters, value);
            let error = parameters.validate().unwrap_err();
            assert!(error.why.contains(&value.to_string()), "{error}");
        }
    }

    #[test]
    fn the_default_is_the_manual_s() {
        assert_eq!(Parameters::default().validate(), Ok(Config::default()));
    }

    #[test]
    fn every_range_ends_where_it_says() {
        let most = i64::from(i32::MAX);
        let outside = [i64::MIN, -1, 0, most + 1, i64::MAX];
        check(|p, v| p.timer_interval = v, &[1, most], &outside);
        check(|p, v| p.expire_time = v, &[1, most], &outside);
        check(|p, v| p.repl_timer_interval = v, &[1, most], &outside);
        check(|p, v| p.repl_timer_expire = v, &[1, most], &outside);
        check(|p, v| p.accept_pipes_timeout = v, &[1, most], &outside);
        check(|p, v| p.max_pipes = v, &[1, most], &outside);
        check(|p, v| p.repl_buffer_threshold = v, &[1, 58_981], &[-1, 0, 58_982]);
        check(|p, v| p.replicate_pipes_to = v, &[0, 1, most], &[-1, most + 1]);
        check(|p, v| p.accept_pipes_from = v, &[0, 1, most], &[-1, most + 1, 1 << 32]);
        check(|p, v| p.repl_pipes_auth_check = v, &[0, 1], &[-1, 2]);
        check(|p, v| p.window_size = v, &[1, 13_107], &[0, -1, most + 1]);
    }

    #[test]
    fn slots_divide_the_window_exactly_and_are_bounded() {
        check(|p, v| p.slot_period = v, &[1, 200, 400, 10_000], &[-1, 0, 3, 201, 10_001, 20_000]);
        let slots = |window_size, slot_period| {
            Parameters { window_size, slot_period, ..Parameters::default() }
                .validate()
                .map(|config| config.slots)
        };
        assert_eq!(slots(8, 125), Ok(64));
        assert_eq!(slots(65, 1), Ok(65_000));
        assert!(slots(66, 1).is_err());
    }

    #[test]
    fn the_replication_interval_is_rounded_up_as_a_2_2_timer_does() {
        for (given, used) in [(1, 100), (10, 100), (100, 100), (101, 200), (999, 1000)] {
            let parameters = Parameters { repl_timer_interval: given, ..Parameters::default() };
            let interval = parameters.validate().unwrap().repl_timer_interval();
            assert_eq!(interval, Duration::from_millis(used), "{given}");
        }
    }

    #[test]
    fn the_default_algorithm_is_one_that_decides() {
        let with = |name: &str| {
            Parameters { default_algorithm: name.into(), ..Parameters::default() }.validate()
        };
        assert_eq!(with("sbt").unwrap().default_algorithm, Algorithm::Sbt);
        for wrong in ["", "FEEDBACK", "network", "TAIL DROP"] {
            assert_eq!(with(wrong).unwrap_err().parameter, "default_algorithm", "{wrong}");
        }
    }
}
