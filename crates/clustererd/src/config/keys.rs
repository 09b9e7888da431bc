//! Every key of the configuration: the one table that reading, defaults, errors and the reference
//! share.

use super::key::{Entry, Key};
use super::kind::{Flag, Hosts, Integer, Listeners, Mode, OffOrPeriod, Optional, Parsed, Period};
use super::value::{AbsolutePath, Account, Algorithm, LogFormat, LogLevel, SqlName, TcpAddress};
use clusterer_db::DbUrl;
use clusterer_mi::DatagramAddress;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A section, for the reference and for suggestions.
pub(crate) struct Section {
    pub(crate) path: &'static str,
    pub(crate) meaning: &'static str,
}

/// In the order of the reference.
pub(crate) const SECTIONS: &[Section] = &[
    Section {
        path: "clusterer",
        meaning: "Who this node is and where the nodes are provisioned. Required. The keys are those of the \
                  OpenSIPS module, and five more.",
    },
    Section {
        path: "bin",
        meaning: "Where BIN packets of other nodes are received. Without it, nothing is.",
    },
    Section {
        path: "mi",
        meaning: "Management. Its sections are below; without them, there is none.",
    },
    Section {
        path: "mi.fifo",
        meaning: "Management over a FIFO: the text form, as `opensipsctl fifo` speaks it, and JSON-RPC, as OpenSIPS \
                  4.0 does.",
    },
    Section {
        path: "mi.datagram",
        meaning: "Management over a Unix datagram socket or UDP: a request in the text form, `:COMMAND:` and a parameter a \
                  line, or JSON-RPC is one datagram, and so is its reply.",
    },
    Section {
        path: "mi.http",
        meaning: "Management over HTTP: JSON-RPC at `POST /mi`, as OpenSIPS 4.0 speaks it, and what is for reading \
                  ([http.md](http.md)).",
    },
    Section {
        path: "metrics",
        meaning: "Metrics for Prometheus, at `/metrics` over HTTP. Without it, none are served.",
    },
    Section {
        path: "ratelimit",
        meaning: "The parameters of the ratelimit module. Without the section, the module is off; cluster id 0 \
                  turns off one direction.",
    },
    Section { path: "log", meaning: "What goes to standard error. Without it, the default level." },
];

/// In the order of the reference: section by section.
pub(crate) const KEYS: &[&dyn Entry] = &[
    &DB_URL,
    &DB_TABLE,
    &SERVER_ID,
    &PERSISTENT_MODE,
    &PERSISTENT_STATE,
    &CLUSTER_ID_COL,
    &MACHINE_ID_COL,
    &CLUSTERER_ID_COL,
    &STATE_COL,
    &URL_COL,
    &DESCRIPTION_COL,
    &FAILED_ATTEMPTS_COL,
    &LAST_ATTEMPT_COL,
    &DURATION_COL,
    &NO_TRIES_COL,
    &PING_INTERVAL,
    &PING_TIMEOUT,
    &DB_CONNECT_TIMEOUT,
    &AUTO_RELOAD,
    &BIN_LISTEN,
    &BIN_THREADS,
    &FIFO_NAME,
    &FIFO_MODE,
    &FIFO_USER,
    &FIFO_GROUP,
    &REPLY_DIR,
    &SOCKET_NAME,
    &UNIX_SOCKET_MODE,
    &UNIX_SOCKET_USER,
    &UNIX_SOCKET_GROUP,
    &DATAGRAM_INSECURE,
    &HTTP_LISTEN,
    &HTTP_ROOT,
    &HTTP_TOKEN_FILE,
    &HTTP_INSECURE,
    &HTTP_HOSTS,
    &METRICS_LISTEN,
    &TIMER_INTERVAL,
    &EXPIRE_TIME,
    &DEFAULT_ALGORITHM,
    &REPL_BUFFER_THRESHOLD,
    &REPL_TIMER_INTERVAL,
    &REPL_TIMER_EXPIRE,
    &REPLICATE_PIPES_TO,
    &ACCEPT_PIPES_FROM,
    &ACCEPT_PIPES_TIMEOUT,
    &REPL_PIPES_AUTH_CHECK,
    &WINDOW_SIZE,
    &SLOT_PERIOD,
    &LOG_FORMAT,
    &LOG_LEVEL,
];

/// Those whose changes take effect when the file is read again. The others, and sections that come or go,
/// take a restart: what they stand for was handed over, bound or opened at the start.
pub(crate) const LIVE: &[&dyn Entry] = &[&AUTO_RELOAD, &HTTP_TOKEN_FILE, &HTTP_HOSTS, &LOG_LEVEL];

const NAME: &str = "at most 63 ASCII letters, digits and underscores, no digit first";
const MAX_ID: i64 = i32::MAX as i64;
const MOST_THREADS: i64 = 64;
const YEAR: i64 = 365 * 24 * 3600;
const HOUR_MILLIS: i64 = 3_600_000;
const LOOKS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
const PERIODS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3600);

pub(crate) static DB_URL: Key<Parsed<DbUrl>> = Key {
    path: "clusterer.db_url",
    kind: Parsed::required(
        "\"sqlite:PATH\", \"postgres://USER:PASSWORD@HOST/DATABASE\" or \
         \"mysql://USER:PASSWORD@HOST/DATABASE\"",
    ),
    meaning: "The database with the provisioned nodes: `sqlite:PATH`, relative to the working \
              directory, or `sqlite:///ABSOLUTE`; `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; \
              `mysql://USER:PASSWORD@HOST:PORT/DATABASE`, for MariaDB too. `@`, `/`, `?`, `#` and `%` in \
              a name or a password are written `%40`, `%2F`, `%3F`, `%23` and `%25`. A host may be a Unix \
              socket: for PostgreSQL its directory, `%2Frun%2Fpostgresql`, for MySQL the socket itself, \
              `%2Frun%2Fmysqld%2Fmysqld.sock`. Behind that, `?sslmode=disable`, `require` (encrypted) or `verify-full` (encrypted, \
              certificate checked, by the authorities in the file `&sslrootcert=FILE` or those of the \
              system; the default but for hosts on this machine).",
};

pub(crate) static DB_TABLE: Key<Parsed<SqlName>> = Key {
    path: "clusterer.db_table",
    kind: Parsed::with_default("clusterer", NAME),
    meaning: "The table with the nodes.",
};

pub(crate) static SERVER_ID: Key<Integer> = Key {
    path: "clusterer.server_id",
    kind: Integer { default: None, range: 1..=MAX_ID, unit: "" },
    meaning: "The `machine_id` of this node in that table.",
};

pub(crate) static PERSISTENT_MODE: Key<Flag> = Key {
    path: "clusterer.persistent_mode",
    kind: Flag { default: false },
    meaning: "Write the states of nodes back to the database.",
};

pub(crate) static PERSISTENT_STATE: Key<Flag> = Key {
    path: "clusterer.persistent_state",
    kind: Flag { default: false },
    meaning: "What 2.2 calls `persistent_mode`; a file has one of the two.",
};

pub(crate) static CLUSTER_ID_COL: Key<Parsed<SqlName>> = Key {
    path: "clusterer.cluster_id_col",
    kind: Parsed::with_default("cluster_id", NAME),
    meaning: "The column with the id of the cluster.",
};

pub(crate) static MACHINE_ID_COL: Key<Parsed<SqlName>> = Key {
    path: "clusterer.machine_id_col",
    kind: Parsed::with_default("machine_id", NAME),
    meaning: "The column with the id of the machine.",
};

pub(crate) static CLUSTERER_ID_COL: Key<Parsed<SqlName>> = Key {
    path: "clusterer.clusterer_id_col",
    kind: Parsed::with_default("id", NAME),
    meaning: "The column with the key of the row.",
};

pub(crate) static STATE_COL: Key<Parsed<SqlName>> = Key {
    path: "clusterer.state_col",
    kind: Parsed::with_default("state", NAME),
    meaning: "The column with the state: 0 down, 1 up, 2 probing or temporarily disabled.",
};

pub(crate) static URL_COL: Key<Parsed<SqlName>> = Key {
    path: "clusterer.url_col",
    kind: Parsed::with_default("url", NAME),
    meaning: "The column with the URL at which the node listens.",
};

pub(crate) static DESCRIPTION_COL: Key<Parsed<SqlName>> = Key {
    path: "clusterer.description_col",
    kind: Parsed::with_default("description", NAME),
    meaning: "The column with a description for people.",
};

pub(crate) static FAILED_ATTEMPTS_COL: Key<Parsed<SqlName>> = Key {
    path: "clusterer.failed_attempts_col",
    kind: Parsed::with_default("failed_attempts", NAME),
    meaning: "The column with the number of failed attempts after which a node is temporarily \
              disabled.",
};

pub(crate) static LAST_ATTEMPT_COL: Key<Parsed<SqlName>> = Key {
    path: "clusterer.last_attempt_col",
    kind: Parsed::with_default("last_attempt", NAME),
    meaning: "The column with the UNIX time of the last failed attempt.",
};

pub(crate) static DURATION_COL: Key<Parsed<SqlName>> = Key {
    path: "clusterer.duration_col",
    kind: Parsed::with_default("duration", NAME),
    meaning: "The column with the seconds that a node stays temporarily disabled.",
};

pub(crate) static NO_TRIES_COL: Key<Parsed<SqlName>> = Key {
    path: "clusterer.no_tries_col",
    kind: Parsed::with_default("no_tries", NAME),
    meaning: "The column with the number of attempts that have failed in a row.",
};

pub(crate) static PING_INTERVAL: Key<Period> = Key {
    path: "clusterer.ping_interval",
    kind: Period { default: Duration::from_millis(1000), range: PERIODS },
    meaning: "How often every peer is pinged.",
};

pub(crate) static PING_TIMEOUT: Key<Period> = Key {
    path: "clusterer.ping_timeout",
    kind: Period { default: Duration::from_millis(500), range: PERIODS },
    meaning: "How long an answer may take before it counts as a failure; at most \
              `ping_interval`.",
};

pub(crate) static DB_CONNECT_TIMEOUT: Key<Period> = Key {
    path: "clusterer.db_connect_timeout",
    kind: Period { default: Duration::from_millis(10000), range: PERIODS },
    meaning: "How long to try to reach the database at the start, and how long each call may take later.",
};

pub(crate) static AUTO_RELOAD: Key<OffOrPeriod> = Key {
    path: "clusterer.auto_reload",
    kind: OffOrPeriod { range: LOOKS },
    meaning: "Load the table by itself when somebody else has changed it, which is looked for this often. What \
              other nodes write back in persistent mode is no such change. Off, it is loaded on command only.",
};

pub(crate) static BIN_LISTEN: Key<Listeners> = Key {
    path: "bin.listen",
    kind: Listeners,
    meaning: "The addresses to listen on, each `bin:ADDRESS` or `bin:ADDRESS:PORT`, port 5555 \
              if none is written; no host names, `0.0.0.0` or `[::]` for all addresses.",
};

pub(crate) static BIN_THREADS: Key<Integer> = Key {
    path: "bin.threads",
    kind: Integer { default: Some(1), range: 1..=MOST_THREADS, unit: "" },
    meaning: "How many threads receive and send packets. Each connection belongs to one of them, so its packets stay \
              in order. More than one is for a machine with processors to spare on which one does not keep up.",
};

pub(crate) static FIFO_NAME: Key<Parsed<AbsolutePath>> = Key {
    path: "mi.fifo.fifo_name",
    kind: Parsed::required("the absolute path of the FIFO"),
    meaning: "The FIFO that takes commands. It is made at start.",
};

pub(crate) static FIFO_MODE: Key<Mode> = Key {
    path: "mi.fifo.fifo_mode",
    kind: Mode { default: 0o660 },
    meaning: "The permissions of the FIFO.",
};

pub(crate) static FIFO_USER: Key<Optional<Parsed<Account>>> = Key {
    path: "mi.fifo.fifo_user",
    kind: Optional(Parsed::required("the name of a user, or its number as a string")),
    meaning: "The owner of the FIFO; the daemon's user if none is written.",
};

pub(crate) static FIFO_GROUP: Key<Optional<Parsed<Account>>> = Key {
    path: "mi.fifo.fifo_group",
    kind: Optional(Parsed::required("the name of a group, or its number as a string")),
    meaning: "The group of the FIFO; the daemon's group if none is written.",
};

pub(crate) static REPLY_DIR: Key<Parsed<AbsolutePath>> = Key {
    path: "mi.fifo.reply_dir",
    kind: Parsed::with_default("/tmp/", "the absolute path of a directory"),
    meaning: "The directory in which clients make their reply FIFOs.",
};

pub(crate) static SOCKET_NAME: Key<Parsed<DatagramAddress>> = Key {
    path: "mi.datagram.socket_name",
    kind: Parsed::required(
        "the absolute path of a socket, or \"udp:ADDRESS:PORT\", such as \"udp:127.0.0.1:8080\"",
    ),
    meaning: "The Unix socket, which is made at start, or the UDP address that takes commands. An address that \
              other hosts can reach needs `insecure`.",
};

pub(crate) static UNIX_SOCKET_MODE: Key<Mode> = Key {
    path: "mi.datagram.unix_socket_mode",
    kind: Mode { default: 0o660 },
    meaning: "The permissions of the Unix socket: who may write to it runs commands.",
};

pub(crate) static UNIX_SOCKET_USER: Key<Optional<Parsed<Account>>> = Key {
    path: "mi.datagram.unix_socket_user",
    kind: Optional(Parsed::required("the name of a user, or its number as a string")),
    meaning: "The owner of the Unix socket; the daemon's user if none is written.",
};

pub(crate) static UNIX_SOCKET_GROUP: Key<Optional<Parsed<Account>>> = Key {
    path: "mi.datagram.unix_socket_group",
    kind: Optional(Parsed::required("the name of a group, or its number as a string")),
    meaning: "The group of the Unix socket; the daemon's group if none is written.",
};

pub(crate) static DATAGRAM_INSECURE: Key<Flag> = Key {
    path: "mi.datagram.insecure",
    kind: Flag { default: false },
    meaning: "Receive at a UDP address that other hosts can reach. UDP has no authentication: whoever reaches it \
              runs commands.",
};

pub(crate) static HTTP_LISTEN: Key<Parsed<TcpAddress>> = Key {
    path: "mi.http.listen",
    kind: Parsed::with_default("127.0.0.1:8888", "\"ADDRESS:PORT\", such as \"127.0.0.1:8888\""),
    meaning: "The address to listen on. One that other hosts can reach needs a `token_file`.",
};

pub(crate) static HTTP_ROOT: Key<Parsed<String>> = Key {
    path: "mi.http.root",
    kind: Parsed::with_default(
        "mi",
        "a path of letters, digits, - and _, without a slash around it",
    ),
    meaning: "The path at which commands are taken, other than `healthz` and `readyz`.",
};

pub(crate) static HTTP_TOKEN_FILE: Key<Optional<Parsed<AbsolutePath>>> = Key {
    path: "mi.http.token_file",
    kind: Optional(Parsed::required("the absolute path of a file")),
    meaning: "A file with a secret of 16 to 1024 characters, read at the start and at each reload (the first secret, or none any \
              more, takes a restart). Who runs a command has to send \
              it, `Authorization: Bearer SECRET`; on an address that other hosts can reach, also who reads.",
};

pub(crate) static HTTP_INSECURE: Key<Flag> = Key {
    path: "mi.http.insecure",
    kind: Flag { default: false },
    meaning: "Listen on an address that other hosts can reach without a token: whoever reaches it runs \
              commands.",
};

pub(crate) static HTTP_HOSTS: Key<Hosts> = Key {
    path: "mi.http.hosts",
    kind: Hosts,
    meaning: "Further names in URLs by which this server may be called, such as that of a proxy. On loopback \
              `localhost` and loopback addresses always work, elsewhere the addresses that it listens on; there \
              any name does if none is written.",
};

pub(crate) static METRICS_LISTEN: Key<Parsed<TcpAddress>> = Key {
    path: "metrics.listen",
    kind: Parsed::with_default("127.0.0.1:9464", "\"ADDRESS:PORT\", such as \"127.0.0.1:9464\""),
    meaning: "The address to serve metrics at.",
};

pub(crate) static TIMER_INTERVAL: Key<Integer> = Key {
    path: "ratelimit.timer_interval",
    kind: Integer { default: Some(10), range: 1..=YEAR, unit: "seconds" },
    meaning: "How long a tick is: calls are counted per tick.",
};

pub(crate) static EXPIRE_TIME: Key<Integer> = Key {
    path: "ratelimit.expire_time",
    kind: Integer { default: Some(3600), range: 1..=YEAR, unit: "seconds" },
    meaning: "How long a pipe stays without being used.",
};

pub(crate) static DEFAULT_ALGORITHM: Key<Parsed<Algorithm>> = Key {
    path: "ratelimit.default_algorithm",
    kind: Parsed::with_default("TAILDROP", "\"TAILDROP\", \"RED\" or \"SBT\""),
    meaning: "The algorithm of a pipe that names none, in any case.",
};

pub(crate) static REPL_BUFFER_THRESHOLD: Key<Integer> = Key {
    path: "ratelimit.repl_buffer_threshold",
    kind: Integer { default: Some(1400), range: 1..=58_981, unit: "bytes" },
    meaning: "A replication packet is sent once it is longer than this.",
};

pub(crate) static REPL_TIMER_INTERVAL: Key<Integer> = Key {
    path: "ratelimit.repl_timer_interval",
    kind: Integer { default: Some(10), range: 1..=HOUR_MILLIS, unit: "milliseconds" },
    meaning: "How often pipes are replicated; rounded up to a multiple of 100.",
};

pub(crate) static REPL_TIMER_EXPIRE: Key<Integer> = Key {
    path: "ratelimit.repl_timer_expire",
    kind: Integer { default: Some(10), range: 1..=YEAR, unit: "seconds" },
    meaning: "How long the counter of another node counts after it was received.",
};

pub(crate) static REPLICATE_PIPES_TO: Key<Integer> = Key {
    path: "ratelimit.replicate_pipes_to",
    kind: Integer { default: Some(0), range: 0..=MAX_ID, unit: "" },
    meaning: "The id of the cluster to which pipes are replicated; 0 for none.",
};

pub(crate) static ACCEPT_PIPES_FROM: Key<Integer> = Key {
    path: "ratelimit.accept_pipes_from",
    kind: Integer { default: Some(0), range: 0..=MAX_ID, unit: "" },
    meaning: "The id of the cluster from which pipes are accepted; 0 for none.",
};

pub(crate) static ACCEPT_PIPES_TIMEOUT: Key<Integer> = Key {
    path: "ratelimit.accept_pipes_timeout",
    kind: Integer { default: Some(10), range: 1..=YEAR, unit: "seconds" },
    meaning: "How long a node may be silent before its counters are invalid.",
};

pub(crate) static REPL_PIPES_AUTH_CHECK: Key<Flag> = Key {
    path: "ratelimit.repl_pipes_auth_check",
    kind: Flag { default: false },
    meaning: "Accept pipes only from nodes of the cluster, by address and machine id.",
};

pub(crate) static WINDOW_SIZE: Key<Integer> = Key {
    path: "ratelimit.window_size",
    kind: Integer { default: Some(10), range: 1..=3600, unit: "seconds" },
    meaning: "The window of the SBT algorithm.",
};

pub(crate) static SLOT_PERIOD: Key<Integer> = Key {
    path: "ratelimit.slot_period",
    kind: Integer { default: Some(200), range: 1..=HOUR_MILLIS, unit: "milliseconds" },
    meaning: "A slot of that window; the window is a whole number of slots.",
};

pub(crate) static LOG_FORMAT: Key<Parsed<LogFormat>> = Key {
    path: "log.format",
    kind: Parsed::with_default("text", "\"text\" or \"json\""),
    meaning: "Lines for people, or a JSON object a line: `timestamp` (RFC 3339, UTC), `level`, `target`, \
              `message`, and what is particular to the message beside them.",
};

pub(crate) static LOG_LEVEL: Key<Parsed<LogLevel>> = Key {
    path: "log.level",
    kind: Parsed::with_default("info", "\"error\", \"warn\", \"info\", \"debug\" or \"trace\""),
    meaning: "The least severe messages that are logged. The MI command `log_level` changes it until this \
              does.",
};
