//! The sections of the configuration with their values understood, and the checks that compare values.

use super::error::ConfigError;
use super::key::Setting;
use super::source::{Source, Span};
use super::value::{AbsolutePath, Account, Algorithm, DbUrl, LogLevel, SqlName, TcpAddress};
use super::{duration, keys, raw};
use std::net::SocketAddr;
use std::time::Duration;
use toml::Spanned;

/// `[clusterer]`
pub(crate) struct Clusterer {
    pub(crate) db_url: Setting<DbUrl>,
    pub(crate) db_table: Setting<SqlName>,
    /// 1 to 2147483647.
    pub(crate) server_id: Setting<i64>,
    pub(crate) persistent_mode: Setting<bool>,
    pub(crate) cluster_id_col: Setting<SqlName>,
    pub(crate) machine_id_col: Setting<SqlName>,
    pub(crate) clusterer_id_col: Setting<SqlName>,
    pub(crate) state_col: Setting<SqlName>,
    pub(crate) url_col: Setting<SqlName>,
    pub(crate) description_col: Setting<SqlName>,
    pub(crate) failed_attempts_col: Setting<SqlName>,
    pub(crate) last_attempt_col: Setting<SqlName>,
    pub(crate) duration_col: Setting<SqlName>,
    pub(crate) no_tries_col: Setting<SqlName>,
    pub(crate) ping_interval: Setting<Duration>,
    /// At most `ping_interval`.
    pub(crate) ping_timeout: Setting<Duration>,
    pub(crate) db_connect_timeout: Setting<Duration>,
}

/// `[bin]`
pub(crate) struct Bin {
    /// At least one, each with its place for the one that cannot be bound.
    pub(crate) listen: Setting<Vec<Setting<SocketAddr>>>,
}

/// `[mi.fifo]`
pub(crate) struct Fifo {
    pub(crate) fifo_name: Setting<AbsolutePath>,
    pub(crate) fifo_mode: Setting<u32>,
    pub(crate) fifo_user: Setting<Option<Account>>,
    pub(crate) fifo_group: Setting<Option<Account>>,
    pub(crate) reply_dir: Setting<AbsolutePath>,
}

/// `[metrics]`
pub(crate) struct Metrics {
    pub(crate) listen: Setting<TcpAddress>,
}

/// `[ratelimit]`, in the units of the 2.2 module.
pub(crate) struct RateLimit {
    pub(crate) timer_interval: Setting<i64>,
    pub(crate) expire_time: Setting<i64>,
    pub(crate) default_algorithm: Setting<Algorithm>,
    pub(crate) repl_buffer_threshold: Setting<i64>,
    pub(crate) repl_timer_interval: Setting<i64>,
    pub(crate) repl_timer_expire: Setting<i64>,
    /// 0 is off.
    pub(crate) replicate_pipes_to: Setting<i64>,
    /// 0 is off.
    pub(crate) accept_pipes_from: Setting<i64>,
    pub(crate) accept_pipes_timeout: Setting<i64>,
    pub(crate) repl_pipes_auth_check: Setting<bool>,
    pub(crate) window_size: Setting<i64>,
    /// Divides the window.
    pub(crate) slot_period: Setting<i64>,
}

/// `[log]`
pub(crate) struct Log {
    pub(crate) level: Setting<LogLevel>,
}

impl Clusterer {
    pub(super) fn read(
        section: Option<Spanned<raw::Clusterer>>,
        source: &Source<'_>,
    ) -> Result<Self, ConfigError> {
        let (raw, span) = or_empty(section);
        let at = &source.section(span);
        if let (Some(_), Some(again)) = (&raw.persistent_mode, &raw.persistent_state) {
            let message = "another name of persistent_mode, expected only one of the two";
            return Err(source.error(&again.span(), keys::PERSISTENT_STATE.path, message));
        }
        let persistent_mode = match raw.persistent_state {
            Some(state) => keys::PERSISTENT_STATE.read(Some(state), at)?,
            None => keys::PERSISTENT_MODE.read(raw.persistent_mode, at)?,
        };
        let timeout_is_written = raw.ping_timeout.is_some();
        let clusterer = Self {
            db_url: keys::DB_URL.read(raw.db_url, at)?,
            db_table: keys::DB_TABLE.read(raw.db_table, at)?,
            server_id: keys::SERVER_ID.read(raw.server_id, at)?,
            persistent_mode,
            cluster_id_col: keys::CLUSTER_ID_COL.read(raw.cluster_id_col, at)?,
            machine_id_col: keys::MACHINE_ID_COL.read(raw.machine_id_col, at)?,
            clusterer_id_col: keys::CLUSTERER_ID_COL.read(raw.clusterer_id_col, at)?,
            state_col: keys::STATE_COL.read(raw.state_col, at)?,
            url_col: keys::URL_COL.read(raw.url_col, at)?,
            description_col: keys::DESCRIPTION_COL.read(raw.description_col, at)?,
            failed_attempts_col: keys::FAILED_ATTEMPTS_COL.read(raw.failed_attempts_col, at)?,
            last_attempt_col: keys::LAST_ATTEMPT_COL.read(raw.last_attempt_col, at)?,
            duration_col: keys::DURATION_COL.read(raw.duration_col, at)?,
            no_tries_col: keys::NO_TRIES_COL.read(raw.no_tries_col, at)?,
            ping_interval: keys::PING_INTERVAL.read(raw.ping_interval, at)?,
            ping_timeout: keys::PING_TIMEOUT.read(raw.ping_timeout, at)?,
            db_connect_timeout: keys::DB_CONNECT_TIMEOUT.read(raw.db_connect_timeout, at)?,
        };
        clusterer.check_pings(timeout_is_written)?;
        Ok(clusterer)
    }

    /// A ping is answered or has failed before the next one.
    fn check_pings(&self, timeout_is_written: bool) -> Result<(), ConfigError> {
        let [interval, timeout] = [&self.ping_interval, &self.ping_timeout];
        if timeout.value <= interval.value {
            return Ok(());
        }
        // The error stands at a value in the file, which one of the two is.
        Err(if timeout_is_written {
            timeout.error("longer than ping_interval, expected at most the same")
        } else {
            let default = duration::format(timeout.value);
            interval.error(format_args!(
                "shorter than ping_timeout, expected at least its default, {default}"
            ))
        })
    }
}

impl Bin {
    pub(super) fn read(
        section: Spanned<raw::Bin>,
        source: &Source<'_>,
    ) -> Result<Self, ConfigError> {
        let at = &source.section(section.span());
        let raw = section.into_inner();
        Ok(Self { listen: keys::BIN_LISTEN.read(raw.listen, at)? })
    }
}

impl Fifo {
    pub(super) fn read(
        section: Spanned<raw::Fifo>,
        source: &Source<'_>,
    ) -> Result<Self, ConfigError> {
        let at = &source.section(section.span());
        let raw = section.into_inner();
        Ok(Self {
            fifo_name: keys::FIFO_NAME.read(raw.fifo_name, at)?,
            fifo_mode: keys::FIFO_MODE.read(raw.fifo_mode, at)?,
            fifo_user: keys::FIFO_USER.read(raw.fifo_user, at)?,
            fifo_group: keys::FIFO_GROUP.read(raw.fifo_group, at)?,
            reply_dir: keys::REPLY_DIR.read(raw.reply_dir, at)?,
        })
    }
}

impl Metrics {
    pub(super) fn read(
        section: Spanned<raw::Metrics>,
        source: &Source<'_>,
    ) -> Result<Self, ConfigError> {
        let at = &source.section(section.span());
        let raw = section.into_inner();
        Ok(Self { listen: keys::METRICS_LISTEN.read(raw.listen, at)? })
    }
}

impl RateLimit {
    pub(super) fn read(
        section: Spanned<raw::RateLimit>,
        source: &Source<'_>,
    ) -> Result<Self, ConfigError> {
        let at = &source.section(section.span());
        let raw = section.into_inner();
        let ratelimit = Self {
            timer_interval: keys::TIMER_INTERVAL.read(raw.timer_interval, at)?,
            expire_time: keys::EXPIRE_TIME.read(raw.expire_time, at)?,
            default_algorithm: keys::DEFAULT_ALGORITHM.read(raw.default_algorithm, at)?,
            repl_buffer_threshold: keys::REPL_BUFFER_THRESHOLD
                .read(raw.repl_buffer_threshold, at)?,
            repl_timer_interval: keys::REPL_TIMER_INTERVAL.read(raw.repl_timer_interval, at)?,
            repl_timer_expire: keys::REPL_TIMER_EXPIRE.read(raw.repl_timer_expire, at)?,
            replicate_pipes_to: keys::REPLICATE_PIPES_TO.read(raw.replicate_pipes_to, at)?,
            accept_pipes_from: keys::ACCEPT_PIPES_FROM.read(raw.accept_pipes_from, at)?,
            accept_pipes_timeout: keys::ACCEPT_PIPES_TIMEOUT.read(raw.accept_pipes_timeout, at)?,
            repl_pipes_auth_check: keys::REPL_PIPES_AUTH_CHECK
                .read(raw.repl_pipes_auth_check, at)?,
            window_size: keys::WINDOW_SIZE.read(raw.window_size, at)?,
            slot_period: keys::SLOT_PERIOD.read(raw.slot_period, at)?,
        };
        ratelimit.check_slots()?;
        Ok(ratelimit)
    }

    /// The window is a whole number of slots.
    fn check_slots(&self) -> Result<(), ConfigError> {
        let [window, slot] = [self.window_size.value.saturating_mul(1000), self.slot_period.value];
        if window.checked_rem(slot) == Some(0) {
            return Ok(());
        }
        let message = "window_size is no whole number of slots, expected a divisor of it";
        Err(self.slot_period.error(message))
    }
}

impl Log {
    pub(super) fn read(
        section: Option<Spanned<raw::Log>>,
        source: &Source<'_>,
    ) -> Result<Self, ConfigError> {
        let (raw, span) = or_empty(section);
        let at = &source.section(span);
        Ok(Self { level: keys::LOG_LEVEL.read(raw.level, at)? })
    }
}

/// The keys and the span of a section that may be absent; then it would begin where the file does.
fn or_empty<T: Default>(section: Option<Spanned<T>>) -> (T, Span) {
    section.map_or_else(Default::default, |section| {
        let span = section.span();
        (section.into_inner(), span)
    })
}
