//! The sections of the configuration with their values understood, and the checks that compare values.

use super::error::{ConfigError, Place};
use super::key::{self, Key, Setting};
use super::kind::Integer;
use super::source::{Source, Span};
use super::value::{AbsolutePath, Account, HostName, LogFormat, LogLevel, SqlName, TcpAddress};
use super::{duration, keys, raw};
use clusterer_db::{DbUrl, TableNames};
use clusterer_mi::{DatagramAddress, DatagramConfig, DatagramError, HttpConfig, HttpError};
use clusterer_ratelimit::Parameters;
use std::net::SocketAddr;
use std::time::Duration;
use toml::Spanned;

/// `[clusterer]`
pub(crate) struct Clusterer {
    pub(crate) db_url: Setting<DbUrl>,
    /// `db_table` and the column names.
    pub(crate) names: TableNames,
    /// 1 to 2147483647.
    pub(crate) server_id: Setting<i64>,
    pub(crate) persistent_mode: Setting<bool>,
    pub(crate) ping_interval: Setting<Duration>,
    /// At most `ping_interval`.
    pub(crate) ping_timeout: Setting<Duration>,
    pub(crate) db_connect_timeout: Setting<Duration>,
    /// `None`: off.
    pub(crate) auto_reload: Setting<Option<Duration>>,
}

/// `[bin]`
pub(crate) struct Bin {
    /// At least one, each with its place for the one that cannot be bound.
    pub(crate) listen: Setting<Vec<Setting<SocketAddr>>>,
    /// 1 to 64.
    pub(crate) threads: Setting<i64>,
}

/// `[mi.fifo]`
pub(crate) struct Fifo {
    pub(crate) fifo_name: Setting<AbsolutePath>,
    pub(crate) fifo_mode: Setting<u32>,
    pub(crate) fifo_user: Setting<Option<Account>>,
    pub(crate) fifo_group: Setting<Option<Account>>,
    pub(crate) reply_dir: Setting<AbsolutePath>,
}

/// `[mi.datagram]`
pub(crate) struct Datagram {
    pub(crate) socket_name: Setting<DatagramAddress>,
    pub(crate) unix_socket_mode: Setting<u32>,
    pub(crate) unix_socket_user: Setting<Option<Account>>,
    pub(crate) unix_socket_group: Setting<Option<Account>>,
    pub(crate) insecure: Setting<bool>,
}

/// `[mi.http]`
pub(crate) struct Http {
    pub(crate) listen: Setting<TcpAddress>,
    pub(crate) root: Setting<String>,
    pub(crate) token_file: Setting<Option<AbsolutePath>>,
    pub(crate) insecure: Setting<bool>,
    pub(crate) hosts: Setting<Vec<HostName>>,
}

/// `[metrics]`
pub(crate) struct Metrics {
    pub(crate) listen: Setting<TcpAddress>,
}

/// `[ratelimit]`
pub(crate) struct RateLimit {
    pub(crate) config: clusterer_ratelimit::Config,
}

/// `[log]`
pub(crate) struct Log {
    pub(crate) format: Setting<LogFormat>,
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
            Some(state) => {
                keys::PERSISTENT_STATE.read_for(keys::PERSISTENT_MODE.path, Some(state), at)?
            }
            None => keys::PERSISTENT_MODE.read(raw.persistent_mode, at)?,
        };
        let timeout_is_written = raw.ping_timeout.is_some();
        let names = table_names(&[
            keys::DB_TABLE.read(raw.db_table, at)?,
            keys::CLUSTER_ID_COL.read(raw.cluster_id_col, at)?,
            keys::MACHINE_ID_COL.read(raw.machine_id_col, at)?,
            keys::CLUSTERER_ID_COL.read(raw.clusterer_id_col, at)?,
            keys::STATE_COL.read(raw.state_col, at)?,
            keys::URL_COL.read(raw.url_col, at)?,
            keys::DESCRIPTION_COL.read(raw.description_col, at)?,
            keys::FAILED_ATTEMPTS_COL.read(raw.failed_attempts_col, at)?,
            keys::LAST_ATTEMPT_COL.read(raw.last_attempt_col, at)?,
            keys::DURATION_COL.read(raw.duration_col, at)?,
            keys::NO_TRIES_COL.read(raw.no_tries_col, at)?,
        ])?;
        let clusterer = Self {
            db_url: keys::DB_URL.read(raw.db_url, at)?,
            names,
            server_id: keys::SERVER_ID.read(raw.server_id, at)?,
            persistent_mode,
            ping_interval: keys::PING_INTERVAL.read(raw.ping_interval, at)?,
            ping_timeout: keys::PING_TIMEOUT.read(raw.ping_timeout, at)?,
            db_connect_timeout: keys::DB_CONNECT_TIMEOUT.read(raw.db_connect_timeout, at)?,
            auto_reload: keys::AUTO_RELOAD.read(raw.auto_reload, at)?,
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
        Ok(Self {
            listen: keys::BIN_LISTEN.read(raw.listen, at)?,
            threads: keys::BIN_THREADS.read(raw.threads, at)?,
        })
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

impl Datagram {
    pub(super) fn read(
        section: Spanned<raw::Datagram>,
        source: &Source<'_>,
    ) -> Result<Self, ConfigError> {
        let at = &source.section(section.span());
        let raw = section.into_inner();
        let datagram = Self {
            socket_name: keys::SOCKET_NAME.read(raw.socket_name, at)?,
            unix_socket_mode: keys::UNIX_SOCKET_MODE.read(raw.unix_socket_mode, at)?,
            unix_socket_user: keys::UNIX_SOCKET_USER.read(raw.unix_socket_user, at)?,
            unix_socket_group: keys::UNIX_SOCKET_GROUP.read(raw.unix_socket_group, at)?,
            insecure: keys::DATAGRAM_INSECURE.read(raw.insecure, at)?,
        };
        datagram.config().check().map_err(|error| datagram.error(&error))?;
        Ok(datagram)
    }

    pub(crate) fn config(&self) -> DatagramConfig {
        let mut config = DatagramConfig::new(self.socket_name.value.clone());
        config.mode = self.unix_socket_mode.value;
        config.user = self.unix_socket_user.value.as_ref().map(ToString::to_string);
        config.group = self.unix_socket_group.value.as_ref().map(ToString::to_string);
        config.insecure = self.insecure.value;
        config
    }

    /// An error of the server, where it is to be mended.
    pub(crate) fn error(&self, error: &DatagramError) -> ConfigError {
        match error {
            DatagramError::Open { .. } => self.socket_name.error(
                "other hosts can reach this address and UDP has no authentication, expected one \
                 on loopback, a Unix socket, or insecure = true",
            ),
            DatagramError::Mode { .. } => self.unix_socket_mode.error(error),
            DatagramError::UnknownGroup { .. } => self.unix_socket_group.error(error),
            DatagramError::UnknownUser { .. } => self.unix_socket_user.error(error),
            _ => self.socket_name.error(error),
        }
    }
}

impl Http {
    pub(super) fn read(
        section: Spanned<raw::Http>,
        source: &Source<'_>,
    ) -> Result<Self, ConfigError> {
        let at = &source.section(section.span());
        let raw = section.into_inner();
        let http = Self {
            listen: keys::HTTP_LISTEN.read(raw.listen, at)?,
            root: keys::HTTP_ROOT.read(raw.root, at)?,
            token_file: keys::HTTP_TOKEN_FILE.read(raw.token_file, at)?,
            insecure: keys::HTTP_INSECURE.read(raw.insecure, at)?,
            hosts: keys::HTTP_HOSTS.read(raw.hosts, at)?,
        };
        let mut config = http.config();
        // What the file holds is seen when the server starts.
        config.insecure |= http.token_file.value.is_some();
        config.check().map_err(|error| http.error(&error))?;
        Ok(http)
    }

    /// Without the token, which is in a file.
    pub(crate) fn config(&self) -> HttpConfig {
        let mut config = HttpConfig::new(self.listen.value.0);
        config.root.clone_from(&self.root.value);
        config.insecure = self.insecure.value;
        config.hosts = self.host_names();
        config
    }

    pub(crate) fn host_names(&self) -> Vec<String> {
        self.hosts.value.iter().map(|host| host.0.clone()).collect()
    }

    /// An error of the server, where it is to be mended.
    pub(crate) fn error(&self, error: &HttpError) -> ConfigError {
        match error {
            HttpError::Open { .. } => self.listen.error(
                "other hosts can reach this address, expected a token_file beside it, or \
                 insecure = true",
            ),
            HttpError::Root => self.root.error(error),
            _ => self.listen.error(error),
        }
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
        let algorithm = keys::DEFAULT_ALGORITHM.read(raw.default_algorithm, at)?;
        let auth_check = keys::REPL_PIPES_AUTH_CHECK.read(raw.repl_pipes_auth_check, at)?;
        let threshold = keys::REPL_BUFFER_THRESHOLD.read(raw.repl_buffer_threshold, at)?;
        let slot_period = keys::SLOT_PERIOD.read(raw.slot_period, at)?;
        let integer = |key: &Key<Integer>, raw| key.read(raw, at).map(|setting| setting.value);
        let parameters = Parameters {
            timer_interval: integer(&keys::TIMER_INTERVAL, raw.timer_interval)?,
            expire_time: integer(&keys::EXPIRE_TIME, raw.expire_time)?,
            default_algorithm: algorithm.value.0,
            repl_buffer_threshold: threshold.value,
            repl_timer_interval: integer(&keys::REPL_TIMER_INTERVAL, raw.repl_timer_interval)?,
            repl_timer_expire: integer(&keys::REPL_TIMER_EXPIRE, raw.repl_timer_expire)?,
            replicate_pipes_to: integer(&keys::REPLICATE_PIPES_TO, raw.replicate_pipes_to)?,
            accept_pipes_from: integer(&keys::ACCEPT_PIPES_FROM, raw.accept_pipes_from)?,
            accept_pipes_timeout: integer(&keys::ACCEPT_PIPES_TIMEOUT, raw.accept_pipes_timeout)?,
            repl_pipes_auth_check: auth_check.value.into(),
            window_size: integer(&keys::WINDOW_SIZE, raw.window_size)?,
            slot_period: slot_period.value,
            ..Parameters::default()
        };
        // The ranges of single keys are checked above: what is left concerns the slots.
        let config = parameters.validate().map_err(|error| slot_period.error(error))?;
        Ok(Self { config })
    }
}

impl Log {
    pub(super) fn read(
        section: Option<Spanned<raw::Log>>,
        source: &Source<'_>,
    ) -> Result<Self, ConfigError> {
        let (raw, span) = or_empty(section);
        let at = &source.section(span);
        Ok(Self {
            format: keys::LOG_FORMAT.read(raw.format, at)?,
            level: keys::LOG_LEVEL.read(raw.level, at)?,
        })
    }
}

/// The names together, which must differ from each other.
fn table_names(settings: &[Setting<SqlName>]) -> Result<TableNames, ConfigError> {
    let named = |setting: &'_ Setting<SqlName>| key::split(setting.key()).1;
    let pairs = settings.iter().map(|setting| (named(setting), setting.value.0.as_str()));
    TableNames::new(pairs).map_err(|error| {
        let guilty = settings.iter().find(|setting| named(setting) == error.key());
        match guilty {
            Some(setting) => setting.error(error),
            // Not reached: it names one of the keys it was given.
            None => ConfigError::keyless(Place { file: "".into(), position: None }, error),
        }
    })
}

/// The keys and the span of a section that may be absent; then it would begin where the file does.
fn or_empty<T: Default>(section: Option<Spanned<T>>) -> (T, Span) {
    section.map_or_else(Default::default, |section| {
        let span = section.span();
        (section.into_inner(), span)
    })
}
