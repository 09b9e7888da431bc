//! The shape of the file: sections and keys as TOML has them, every value with its span.

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use std::fmt;
use toml::Spanned;

type Key<T> = Option<Spanned<T>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) clusterer: Key<Clusterer>,
    pub(crate) bin: Key<Bin>,
    #[serde(default)]
    pub(crate) mi: Mi,
    pub(crate) metrics: Key<Metrics>,
    pub(crate) ratelimit: Key<RateLimit>,
    pub(crate) log: Key<Log>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clusterer {
    pub(crate) db_url: Key<String>,
    pub(crate) db_table: Key<String>,
    pub(crate) server_id: Key<Scalar>,
    pub(crate) persistent_mode: Key<Scalar>,
    pub(crate) persistent_state: Key<Scalar>,
    pub(crate) cluster_id_col: Key<String>,
    pub(crate) machine_id_col: Key<String>,
    pub(crate) clusterer_id_col: Key<String>,
    pub(crate) state_col: Key<String>,
    pub(crate) url_col: Key<String>,
    pub(crate) description_col: Key<String>,
    pub(crate) failed_attempts_col: Key<String>,
    pub(crate) last_attempt_col: Key<String>,
    pub(crate) duration_col: Key<String>,
    pub(crate) no_tries_col: Key<String>,
    pub(crate) ping_interval: Key<String>,
    pub(crate) ping_timeout: Key<String>,
    pub(crate) db_connect_timeout: Key<String>,
    pub(crate) auto_reload: Key<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bin {
    pub(crate) listen: Key<Vec<Spanned<String>>>,
    pub(crate) threads: Key<Scalar>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mi {
    pub(crate) datagram: Key<Datagram>,
    pub(crate) fifo: Key<Fifo>,
    pub(crate) http: Key<Http>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Datagram {
    pub(crate) socket_name: Key<String>,
    pub(crate) unix_socket_mode: Key<Scalar>,
    pub(crate) unix_socket_user: Key<String>,
    pub(crate) unix_socket_group: Key<String>,
    pub(crate) insecure: Key<Scalar>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fifo {
    pub(crate) fifo_name: Key<String>,
    pub(crate) fifo_mode: Key<Scalar>,
    pub(crate) fifo_user: Key<String>,
    pub(crate) fifo_group: Key<String>,
    pub(crate) reply_dir: Key<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    pub(crate) listen: Key<String>,
    pub(crate) root: Key<String>,
    pub(crate) token_file: Key<String>,
    pub(crate) insecure: Key<Scalar>,
    pub(crate) hosts: Key<Vec<Spanned<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metrics {
    pub(crate) listen: Key<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateLimit {
    pub(crate) timer_interval: Key<Scalar>,
    pub(crate) expire_time: Key<Scalar>,
    pub(crate) default_algorithm: Key<String>,
    pub(crate) repl_buffer_threshold: Key<Scalar>,
    pub(crate) repl_timer_interval: Key<Scalar>,
    pub(crate) repl_timer_expire: Key<Scalar>,
    pub(crate) replicate_pipes_to: Key<Scalar>,
    pub(crate) accept_pipes_from: Key<Scalar>,
    pub(crate) accept_pipes_timeout: Key<Scalar>,
    pub(crate) repl_pipes_auth_check: Key<Scalar>,
    pub(crate) window_size: Key<Scalar>,
    pub(crate) slot_period: Key<Scalar>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) format: Key<String>,
    pub(crate) level: Key<String>,
}

/// A value of a key that takes more than one type: a number in one file may be a `"${NAME}"` in the
/// next. The kind of the key judges it.
pub(crate) enum Scalar {
    Boolean(bool),
    Integer(i64),
    Text(String),
}

impl Scalar {
    /// The type, for "expected X" messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Text(_) => "a string",
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean, an integer or a string")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(value.to_owned()))
    }
}
