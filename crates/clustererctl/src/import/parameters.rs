//! Every parameter of the modules that are imported, as 2.2 has it, and what it is here.

use super::value::Kind;

pub(super) struct Parameter {
    pub(super) module: &'static str,
    pub(super) name: &'static str,
    pub(super) meaning: Meaning,
}

pub(super) enum Meaning {
    /// A key of ours.
    Key {
        key: &'static str,
        kind: Kind,
        /// What is otherwise here, if anything is.
        changed: Option<&'static str>,
    },
    /// The port of BIN listeners that have none.
    Port,
    /// It has no counterpart, for this reason.
    Nothing(&'static str),
    /// A configuration with it would do something else here, for this reason.
    Refused(&'static str),
}

impl Parameter {
    /// What it is called here, or there if it is nothing here.
    pub(super) fn key(&self) -> &'static str {
        match self.meaning {
            Meaning::Key { key, .. } => key,
            Meaning::Port | Meaning::Nothing(_) | Meaning::Refused(_) => self.name,
        }
    }

    /// Whether setting one replaces the other.
    pub(super) fn is_same_key(&self, other: &Self) -> bool {
        self.module == other.module && self.key() == other.key()
    }
}

/// The modules, in the order of our sections.
pub(super) const MODULES: &[&str] =
    &["clusterer", "proto_bin", "mi_fifo", "mi_datagram", "ratelimit"];

/// A module, however its letters are written: 2.2 makes no difference where a parameter is set.
pub(super) fn module(name: &str) -> Option<&'static str> {
    MODULES.iter().find(|module| module.eq_ignore_ascii_case(name)).copied()
}

/// The parameter of a module.
pub(super) fn find(module: &str, name: &str) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|it| it.module == module && it.name == name)
}

const fn same(module: &'static str, name: &'static str, kind: Kind) -> Parameter {
    Parameter { module, name, meaning: Meaning::Key { key: name, kind, changed: None } }
}

const fn changed(
    module: &'static str,
    name: &'static str,
    kind: Kind,
    how: &'static str,
) -> Parameter {
    Parameter { module, name, meaning: Meaning::Key { key: name, kind, changed: Some(how) } }
}

const fn nothing(module: &'static str, name: &'static str, why: &'static str) -> Parameter {
    Parameter { module, name, meaning: Meaning::Nothing(why) }
}

const YEAR: i64 = 365 * 24 * 3600;
const HOUR_MILLIS: i64 = 3_600_000;
const MAX_ID: i64 = i32::MAX as i64;

const SECONDS: Kind = Kind::Integer(1, YEAR);
const MILLIS: Kind = Kind::Integer(1, HOUR_MILLIS);
const CLUSTER: Kind = Kind::Integer(0, MAX_ID);

const CLUSTERER: &str = "clusterer";
const PROTO_BIN: &str = "proto_bin";
const MI_FIFO: &str = "mi_fifo";
const MI_DATAGRAM: &str = "mi_datagram";
const RATELIMIT: &str = "ratelimit";

const WRITTEN_BACK: &str =
    "the change back to up is written, too, and last_attempt without 2.2's junk bits";
const INDENT: &str = "replies are indented by a tab, which is what it is in 2.2 by default";
const NO_BLOCKING: &str = "no writer waits for a peer here: each has a bounded queue, and pings find out \
                           whether it still reads";
const NO_HASH: &str = "there is no table of a fixed size here";

pub(super) static PARAMETERS: &[Parameter] = &[
    same(CLUSTERER, "db_url", Kind::DbUrl),
    same(CLUSTERER, "db_table", Kind::SqlName),
    same(CLUSTERER, "server_id", Kind::Integer(1, MAX_ID)),
    changed(CLUSTERER, "persistent_mode", Kind::Flag, WRITTEN_BACK),
    // The same under the name that 2.2 knows.
    Parameter {
        module: CLUSTERER,
        name: "persistent_state",
        meaning: Meaning::Key {
            key: "persistent_mode",
            kind: Kind::Flag,
            changed: Some(WRITTEN_BACK),
        },
    },
    same(CLUSTERER, "cluster_id_col", Kind::SqlName),
    same(CLUSTERER, "machine_id_col", Kind::SqlName),
    same(CLUSTERER, "clusterer_id_col", Kind::SqlName),
    same(CLUSTERER, "state_col", Kind::SqlName),
    same(CLUSTERER, "url_col", Kind::SqlName),
    same(CLUSTERER, "description_col", Kind::SqlName),
    same(CLUSTERER, "failed_attempts_col", Kind::SqlName),
    same(CLUSTERER, "last_attempt_col", Kind::SqlName),
    same(CLUSTERER, "duration_col", Kind::SqlName),
    same(CLUSTERER, "no_tries_col", Kind::SqlName),
    Parameter { module: PROTO_BIN, name: "bin_port", meaning: Meaning::Port },
    nothing(PROTO_BIN, "bin_send_timeout", NO_BLOCKING),
    nothing(
        PROTO_BIN,
        "bin_max_msg_chunks",
        "a packet that is not whole after 10 s closes its connection, \
                                              however many pieces it comes in",
    ),
    nothing(PROTO_BIN, "bin_async", NO_BLOCKING),
    nothing(PROTO_BIN, "bin_async_max_postponed_chunks", "queues are bounded in bytes"),
    nothing(PROTO_BIN, "bin_async_local_connect_timeout", NO_BLOCKING),
    nothing(PROTO_BIN, "bin_async_local_write_timeout", NO_BLOCKING),
    same(MI_FIFO, "fifo_name", Kind::Path),
    same(MI_FIFO, "fifo_mode", Kind::Mode),
    same(MI_FIFO, "fifo_user", Kind::Account),
    same(MI_FIFO, "fifo_group", Kind::Account),
    same(MI_FIFO, "reply_dir", Kind::Path),
    nothing(MI_FIFO, "reply_indent", INDENT),
    same(MI_DATAGRAM, "socket_name", Kind::Socket),
    nothing(MI_DATAGRAM, "children_count", "there are no child processes here"),
    same(MI_DATAGRAM, "unix_socket_mode", Kind::Mode),
    same(MI_DATAGRAM, "unix_socket_user", Kind::Account),
    same(MI_DATAGRAM, "unix_socket_group", Kind::Account),
    nothing(MI_DATAGRAM, "socket_timeout", "how long a client is waited for is fixed here"),
    nothing(MI_DATAGRAM, "reply_indent", INDENT),
    same(RATELIMIT, "timer_interval", SECONDS),
    changed(
        RATELIMIT,
        "expire_time",
        SECONDS,
        "a pipe that only other nodes tell of expires, too: 2.2 nodes keep each other's alive",
    ),
    nothing(RATELIMIT, "hash_size", NO_HASH),
    same(RATELIMIT, "default_algorithm", Kind::Algorithm),
    Parameter {
        module: RATELIMIT,
        name: "cachedb_url",
        meaning: Meaning::Refused(
            "with cachedb_url the counters live in that store (Redis, Memcached) and are not \
             replicated between nodes; there is no such store here. Replicate pipes instead, with \
             replicate_pipes_to and accept_pipes_from, or keep ratelimit in OpenSIPS",
        ),
    },
    nothing(RATELIMIT, "db_prefix", "it is for cachedb_url, which is not there"),
    same(RATELIMIT, "repl_buffer_threshold", Kind::Integer(1, 58_981)),
    same(RATELIMIT, "repl_timer_interval", MILLIS),
    same(RATELIMIT, "repl_timer_expire", SECONDS),
    same(RATELIMIT, "replicate_pipes_to", CLUSTER),
    same(RATELIMIT, "accept_pipes_from", CLUSTER),
    changed(
        RATELIMIT,
        "accept_pipes_timeout",
        SECONDS,
        "the counters of a node that is silent for longer become 0, as the manual says; 2.2 only logs it",
    ),
    same(RATELIMIT, "repl_pipes_auth_check", Kind::Flag),
    same(RATELIMIT, "window_size", Kind::Integer(1, 3600)),
    same(RATELIMIT, "slot_period", MILLIS),
];
