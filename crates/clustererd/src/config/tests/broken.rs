//! What is wrong, and the exact line that says so.

use super::{LEAST, parse};
use crate::config::keys::KEYS;
use expect_test::{Expect, expect};
use proptest::prelude::*;

/// The lines that broken files are answered with, one each. The files share their beginning.
#[track_caller]
fn check(beginning: &str, rests: &[&str], expected: Expect) {
    let lines: Vec<String> = rests
        .iter()
        .map(|rest| {
            let text = format!("{beginning}{rest}");
            let Err(error) = parse(&text) else { panic!("accepted:\n{text}") };
            let line = error.to_string();
            assert!(!line.contains('\n'), "{line:?}");
            assert!(!line.contains("hunter2") && !line.contains("77777"), "a secret: {line}");
            line + "\n"
        })
        .collect();
    expected.assert_eq(&lines.concat());
}

#[test]
fn syntax() {
    check(
        "",
        &["[clusterer"],
        expect![[r#"
        node.toml:1:11: not TOML: unclosed table, expected `]`
    "#]],
    );
    check(
        LEAST,
        &[
            "url_col = ",
            "server_id = 2",
            "url_col = 'hunter2",
            "[mi.fifo]\nfifo_name = /tmp/fifo",
            "[bin]\nlisten = [bin:127.0.0.1]",
            "persistent_mode = true x",
            "[clusterer]",
            "[log]\nlevel = info",
        ],
        expect![[r#"
            node.toml:4:11: not TOML: string values must be quoted, expected literal string
            node.toml:4:1: not TOML: duplicate key
            node.toml:4:19: not TOML: invalid literal string, expected `'`
            node.toml:5:13: not TOML: not a value, expected quotes around a string
            node.toml:5:11: not TOML: string values must be quoted, expected literal string
            node.toml:4:19: not TOML: string values must be quoted, expected literal string
            node.toml:4:2: not TOML: duplicate key
            node.toml:5:9: not TOML: not a value, expected quotes around a string
        "#]],
    );
}

#[test]
fn unknown_keys() {
    check(
        "",
        &[&format!("{} = 1", "k".repeat(1000)), "[clusterer]\nservr_id = 1"],
        expect![[r#"
        node.toml:1:1: kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk: unknown key, expected one of clusterer, bin, mi, metrics, ratelimit, log
        node.toml:2:1: clusterer.servr_id: unknown key, did you mean server_id?
    "#]],
    );
    check(
        LEAST,
        &[
            "hunter = 'hunter2'",
            "fifo_name = '/tmp/f'",
            "'a\\nb' = 1",
            "\"a\\nb\" = 1",
            "[cluster]",
            "[mi.fifo]\nreply-dir = '/tmp'",
            "[mi.datagram]\nsocket = '/tmp/s'",
            "[mi]\nhttp = { lisen = '127.0.0.1:8080' }",
        ],
        expect![[r#"
            node.toml:4:1: clusterer.hunter: unknown key, expected one of db_url, db_table, server_id, persistent_mode, persistent_state, cluster_id_col, machine_id_col, clusterer_id_col, state_col, url_col, description_col, failed_attempts_col, last_attempt_col, duration_col, no_tries_col, ping_interval, ping_timeout, db_connect_timeout, auto_reload
            node.toml:4:1: clusterer.fifo_name: unknown key, fifo_name belongs to section [mi.fifo]
            node.toml:4:1: clusterer.a\nb: unknown key, expected one of db_url, db_table, server_id, persistent_mode, persistent_state, cluster_id_col, machine_id_col, clusterer_id_col, state_col, url_col, description_col, failed_attempts_col, last_attempt_col, duration_col, no_tries_col, ping_interval, ping_timeout, db_connect_timeout, auto_reload
            node.toml:4:1: clusterer.a\nb: unknown key, expected one of db_url, db_table, server_id, persistent_mode, persistent_state, cluster_id_col, machine_id_col, clusterer_id_col, state_col, url_col, description_col, failed_attempts_col, last_attempt_col, duration_col, no_tries_col, ping_interval, ping_timeout, db_connect_timeout, auto_reload
            node.toml:4:2: cluster: unknown section, did you mean clusterer?
            node.toml:5:1: mi.fifo.reply-dir: unknown key, did you mean reply_dir?
            node.toml:5:1: mi.datagram.socket: unknown key, expected one of socket_name, unix_socket_mode, unix_socket_user, unix_socket_group, insecure
            node.toml:5:10: mi.http.lisen: unknown key, did you mean listen?
        "#]],
    );
    check(
        "",
        &[&format!("server_id = 1\n{LEAST}"), "clusterer.databaseurl = 'sqlite:hunter2'"],
        expect![[r#"
            node.toml:1:1: server_id: unknown key, server_id belongs to section [clusterer]
            node.toml:1:11: clusterer.databaseurl: unknown key, expected one of db_url, db_table, server_id, persistent_mode, persistent_state, cluster_id_col, machine_id_col, clusterer_id_col, state_col, url_col, description_col, failed_attempts_col, last_attempt_col, duration_col, no_tries_col, ping_interval, ping_timeout, db_connect_timeout, auto_reload
        "#]],
    );
}

#[test]
fn wrong_types() {
    check(
        "",
        &["clusterer = 'hunter2'", "[[clusterer]]", "clusterer = ['sqlite:a']"],
        expect![[r#"
            node.toml:1:13: clusterer: a string, expected a section [clusterer]
            node.toml:1:1: clusterer: an array, expected a section [clusterer]
            node.toml:1:13: clusterer: an array, expected a section [clusterer]
        "#]],
    );
    check(
        LEAST,
        &[
            "[[log]]\nlevel = 'info'",
            "[bin]\nlisten = [['bin:127.0.0.1']]",
            "[bin]\nlisten = [{ a = 1 }]",
            "mi.fifo = 1",
        ],
        expect![[r#"
            node.toml:4:1: log: an array, expected a section [log]
            node.toml:5:11: bin.listen: an array in the array, expected an array of strings such as ["bin:192.168.0.5:5566"]
            node.toml:5:11: bin.listen: a table in the array, expected an array of strings such as ["bin:192.168.0.5:5566"]
            node.toml:4:1: clusterer.mi: unknown section, expected one of db_url, db_table, server_id, persistent_mode, persistent_state, cluster_id_col, machine_id_col, clusterer_id_col, state_col, url_col, description_col, failed_attempts_col, last_attempt_col, duration_col, no_tries_col, ping_interval, ping_timeout, db_connect_timeout, auto_reload
        "#]],
    );
    check(
        "",
        &[
            &format!("bin = [['bin:127.0.0.1']]\n{LEAST}"),
            "[clusterer.server_id]",
            "[clusterer]\ndb_url = 'sqlite:a'\nserver_id = 'hunter2'",
            "[clusterer]\ndb_url = 'sqlite:a'\nserver_id = true",
            "[clusterer]\nserver_id = 1.0",
            "[clusterer]\nserver_id = 1979-05-27",
            "[clusterer]\nserver_id = 99999999999999999999",
            "[clusterer]\ndb_url = 5",
        ],
        expect![[r#"
            node.toml:1:7: bin: an array, expected a section [bin]
            node.toml:1:1: clusterer.server_id: a table, expected an integer from 1 to 2147483647
            node.toml:3:13: clusterer.server_id: a string, expected an integer from 1 to 2147483647
            node.toml:3:13: clusterer.server_id: a boolean, expected an integer from 1 to 2147483647
            node.toml:2:13: clusterer.server_id: a floating-point number, expected an integer from 1 to 2147483647
            node.toml:2:13: clusterer.server_id: a date or time, expected an integer from 1 to 2147483647
            node.toml:2:13: clusterer.server_id: an integer beyond 64 bits, expected an integer from 1 to 2147483647
            node.toml:2:10: clusterer.db_url: an integer, expected "sqlite:PATH", "postgres://USER:PASSWORD@HOST/DATABASE" or "mysql://USER:PASSWORD@HOST/DATABASE"
        "#]],
    );
    check(
        LEAST,
        &[
            "persistent_mode = 'yes'",
            "persistent_state = []",
            "ping_interval = 1000",
            "[bin]\nlisten = 'bin:127.0.0.1:5566'",
            "[bin]\nlisten = ['bin:127.0.0.1:5566',\n  5566]",
            "[mi]\nfifo = '/tmp/f'",
            "[mi.fifo]\nfifo_name = '/f'\nfifo_mode = true",
            "[ratelimit]\nwindow_size = '10'",
        ],
        expect![[r#"
            node.toml:4:19: clusterer.persistent_mode: a string, expected true, false, 1 or 0
            node.toml:4:20: clusterer.persistent_state: an array, expected true, false, 1 or 0
            node.toml:4:17: clusterer.ping_interval: an integer, expected a duration from "10ms" to "1h" (a whole number with ms, s, m or h)
            node.toml:5:10: bin.listen: a string, expected an array of strings such as ["bin:192.168.0.5:5566"]
            node.toml:6:3: bin.listen: an integer in the array, expected an array of strings such as ["bin:192.168.0.5:5566"]
            node.toml:5:8: mi.fifo: a string, expected a section [mi.fifo]
            node.toml:6:13: mi.fifo.fifo_mode: a boolean, expected permission bits in octal, such as 0o660 or "0660"
            node.toml:5:15: ratelimit.window_size: a string, expected an integer of seconds from 1 to 3600
        "#]],
    );
}

#[test]
fn missing() {
    check(
        "",
        &[
            "",
            "\n[log]",
            "\n[clusterer]\ndb_url = 'sqlite:a'",
            "\n  [clusterer]\nserver_id = 1",
            "clusterer = { server_id = 1 }",
            "clusterer.server_id = 1",
        ],
        expect![[r#"
            node.toml:1:1: clusterer.db_url: missing, expected "sqlite:PATH", "postgres://USER:PASSWORD@HOST/DATABASE" or "mysql://USER:PASSWORD@HOST/DATABASE"
            node.toml:1:1: clusterer.db_url: missing, expected "sqlite:PATH", "postgres://USER:PASSWORD@HOST/DATABASE" or "mysql://USER:PASSWORD@HOST/DATABASE"
            node.toml:2:1: clusterer.server_id: missing, expected an integer from 1 to 2147483647
            node.toml:2:3: clusterer.db_url: missing, expected "sqlite:PATH", "postgres://USER:PASSWORD@HOST/DATABASE" or "mysql://USER:PASSWORD@HOST/DATABASE"
            node.toml:1:13: clusterer.db_url: missing, expected "sqlite:PATH", "postgres://USER:PASSWORD@HOST/DATABASE" or "mysql://USER:PASSWORD@HOST/DATABASE"
            node.toml:1:1: clusterer.db_url: missing, expected "sqlite:PATH", "postgres://USER:PASSWORD@HOST/DATABASE" or "mysql://USER:PASSWORD@HOST/DATABASE"
        "#]],
    );
    check(
        LEAST,
        &["[bin]", "[mi.fifo]"],
        expect![[r#"
        node.toml:4:1: bin.listen: missing, expected an array of strings such as ["bin:192.168.0.5:5566"]
        node.toml:4:1: mi.fifo.fifo_name: missing, expected the absolute path of the FIFO
    "#]],
    );
}

#[test]
fn wrong_values_of_clusterer() {
    check(
        "",
        &[
            "[clusterer]\ndb_url='sqlite:a'\nserver_id = 0",
            "[clusterer]\ndb_url='sqlite:a'\nserver_id = -1",
            "[clusterer]\ndb_url='sqlite:a'\nserver_id = 2147483648",
            "[clusterer]\ndb_url='hunter2://x'",
            "[clusterer]\ndb_url='nodes.db'",
            "[clusterer]\ndb_url='sqlite:'",
            "[clusterer]\ndb_url='mysql://opensips:hunter2@localhost'",
            "[clusterer]\ndb_url='postgres://opensips:hunter2@rw@localhost/x'",
        ],
        expect![[r#"
            node.toml:3:13: clusterer.server_id: 0, expected an integer from 1 to 2147483647
            node.toml:3:13: clusterer.server_id: -1, expected an integer from 1 to 2147483647
            node.toml:3:13: clusterer.server_id: 2147483648, expected an integer from 1 to 2147483647
            node.toml:2:8: clusterer.db_url: unknown kind of database (this build works with sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE, mysql://USER:PASSWORD@HOST/DATABASE), expected "sqlite:PATH", "postgres://USER:PASSWORD@HOST/DATABASE" or "mysql://USER:PASSWORD@HOST/DATABASE"
            node.toml:2:8: clusterer.db_url: no database URL (this build works with sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE, mysql://USER:PASSWORD@HOST/DATABASE), expected "sqlite:PATH", "postgres://USER:PASSWORD@HOST/DATABASE" or "mysql://USER:PASSWORD@HOST/DATABASE"
            node.toml:2:8: clusterer.db_url: the URL names no file (want sqlite:PATH or sqlite:///ABSOLUTE/PATH), expected "sqlite:PATH", "postgres://USER:PASSWORD@HOST/DATABASE" or "mysql://USER:PASSWORD@HOST/DATABASE"
            node.toml:2:8: clusterer.db_url: the URL names no database (want one name behind the host: HOST/DATABASE), expected "sqlite:PATH", "postgres://USER:PASSWORD@HOST/DATABASE" or "mysql://USER:PASSWORD@HOST/DATABASE"
            node.toml:2:8: clusterer.db_url: an @, /, ? or # in a user name or a password is written with a percent sign (%40, %2F, %3F, %23), expected "sqlite:PATH", "postgres://USER:PASSWORD@HOST/DATABASE" or "mysql://USER:PASSWORD@HOST/DATABASE"
        "#]],
    );
    check(
        LEAST,
        &[
            "url_col = 'u-r-l'",
            "db_table = ''",
            "persistent_mode = 2",
            "persistent_mode = 1\npersistent_state = 1",
            "persistent_state = 3",
        ],
        expect![[r#"
            node.toml:4:11: clusterer.url_col: not a plain name, expected at most 63 ASCII letters, digits and underscores, no digit first
            node.toml:4:12: clusterer.db_table: not a plain name, expected at most 63 ASCII letters, digits and underscores, no digit first
            node.toml:4:19: clusterer.persistent_mode: 2, expected true, false, 1 or 0
            node.toml:5:20: clusterer.persistent_state: another name of persistent_mode, expected only one of the two
            node.toml:4:20: clusterer.persistent_state: 3, expected true, false, 1 or 0
        "#]],
    );
}

#[test]
fn wrong_durations() {
    check(
        LEAST,
        &[
            "ping_interval = '1'",
            "ping_interval = '0s'",
            "db_connect_timeout = '2h'",
            "auto_reload = '99ms'",
            "auto_reload = 'on'",
            "auto_reload = false",
            "ping_timeout = '2s'",
            "ping_interval = '100ms'",
            "ping_interval = '100ms'\nping_timeout = '101ms'",
        ],
        expect![[r#"
            node.toml:4:17: clusterer.ping_interval: no duration, expected a duration from "10ms" to "1h" (a whole number with ms, s, m or h)
            node.toml:4:17: clusterer.ping_interval: too short, expected a duration from "10ms" to "1h" (a whole number with ms, s, m or h)
            node.toml:4:22: clusterer.db_connect_timeout: too long, expected a duration from "10ms" to "1h" (a whole number with ms, s, m or h)
            node.toml:4:15: clusterer.auto_reload: too short, expected "off" or a duration from "100ms" to "1h" (a whole number with ms, s, m or h)
            node.toml:4:15: clusterer.auto_reload: no duration, expected "off" or a duration from "100ms" to "1h" (a whole number with ms, s, m or h)
            node.toml:4:15: clusterer.auto_reload: a boolean, expected "off" or a duration from "100ms" to "1h" (a whole number with ms, s, m or h)
            node.toml:4:16: clusterer.ping_timeout: longer than ping_interval, expected at most the same
            node.toml:4:17: clusterer.ping_interval: shorter than ping_timeout, expected at least its default, 500ms
            node.toml:5:16: clusterer.ping_timeout: longer than ping_interval, expected at most the same
        "#]],
    );
}

#[test]
fn wrong_listeners() {
    check(
        LEAST,
        &[
            "[bin]\nlisten = []",
            "[bin]\nlisten = ['bin:127.0.0.1', 'tcp:127.0.0.1:5566']",
            "[bin]\nlisten = ['127.0.0.1:5566']",
            "[bin]\nlisten = ['bin:node-a:5566']",
            "[bin]\nlisten = ['bin:::1:5566']",
            "[bin]\nlisten = ['bins:127.0.0.1:5566']",
            "[bin]\nlisten = ['bin:[::1]:5566', 'BIN:[::1]:5566']",
            "[bin]\nlisten = ['bin:[::1]:5566']\nthreads = 0",
            "[bin]\nlisten = ['bin:[::1]:5566']\nthreads = 65",
            "[metrics]\nlisten = 'localhost:9464'",
            "[metrics]\nlisten = '127.0.0.1:0'",
        ],
        expect![[r#"
            node.toml:5:10: bin.listen: no listener, expected at least one (or no [bin] section, to listen nowhere)
            node.toml:5:28: bin.listen: the protocol is tcp, expected "bin:ADDRESS:PORT"
            node.toml:5:11: bin.listen: no protocol, expected "bin:ADDRESS:PORT"
            node.toml:5:11: bin.listen: a host name where an address must be (0.0.0.0 or [::] for all), expected "bin:ADDRESS:PORT"
            node.toml:5:11: bin.listen: too many colons (an IPv6 address stands in brackets), expected "bin:ADDRESS:PORT"
            node.toml:5:11: bin.listen: unknown protocol, expected "bin:ADDRESS:PORT"
            node.toml:5:29: bin.listen: the same listener again, expected each one once
            node.toml:6:11: bin.threads: 0, expected an integer from 1 to 64
            node.toml:6:11: bin.threads: 65, expected an integer from 1 to 64
            node.toml:5:10: metrics.listen: no address with a port, expected "ADDRESS:PORT", such as "127.0.0.1:9464"
            node.toml:5:10: metrics.listen: port 0, expected "ADDRESS:PORT", such as "127.0.0.1:9464"
        "#]],
    );
}

#[test]
fn wrong_values_of_the_fifo() {
    let fifo = format!("{LEAST}[mi.fifo]\nfifo_name = '/f'\n");
    check(
        &fifo,
        &[
            "fifo_mode = 660",
            "fifo_mode = 440",
            "fifo_mode = '0680'",
            "fifo_mode = '+660'",
            "fifo_mode = 0o4660",
            "fifo_user = ''",
            "fifo_group = '4294967295'",
            "reply_dir = 'tmp'",
        ],
        expect![[r#"
            node.toml:6:13: mi.fifo.fifo_mode: no octal number, expected permission bits in octal, such as 0o660 or "0660"
            node.toml:6:13: mi.fifo.fifo_mode: no octal number, expected permission bits in octal, such as 0o660 or "0660"
            node.toml:6:13: mi.fifo.fifo_mode: no octal number, expected permission bits in octal, such as 0o660 or "0660"
            node.toml:6:13: mi.fifo.fifo_mode: no octal number, expected permission bits in octal, such as 0o660 or "0660"
            node.toml:6:13: mi.fifo.fifo_mode: more than 0o777, expected permission bits in octal, such as 0o660 or "0660"
            node.toml:6:13: mi.fifo.fifo_user: no name, expected the name of a user, or its number as a string
            node.toml:6:14: mi.fifo.fifo_group: an id that is too large, expected the name of a group, or its number as a string
            node.toml:6:13: mi.fifo.reply_dir: no absolute path, expected the absolute path of a directory
        "#]],
    );
    check(
        LEAST,
        &["[mi.fifo]\nfifo_name = 'hunter2'"],
        expect![[r#"
        node.toml:5:13: mi.fifo.fifo_name: no absolute path, expected the absolute path of the FIFO
    "#]],
    );
}

#[test]
fn wrong_values_of_datagrams() {
    check(
        LEAST,
        &[
            "[mi.datagram]",
            "[mi.datagram]\nsocket_name = 'hunter2'",
            "[mi.datagram]\nsocket_name = 'udp:localhost:8080'",
            "[mi.datagram]\nsocket_name = 'udp:192.0.2.5:8080'",
            "[mi.datagram]\nsocket_name = '/s'\nunix_socket_mode = 660",
            "[mi.datagram]\nsocket_name = '/s'\nunix_socket_user = 'a:b'",
        ],
        expect![[r#"
            node.toml:4:1: mi.datagram.socket_name: missing, expected the absolute path of a socket, or "udp:ADDRESS:PORT", such as "udp:127.0.0.1:8080"
            node.toml:5:15: mi.datagram.socket_name: neither an absolute path nor udp:ADDRESS:PORT, expected the absolute path of a socket, or "udp:ADDRESS:PORT", such as "udp:127.0.0.1:8080"
            node.toml:5:15: mi.datagram.socket_name: no IP address with a port behind udp: (an IPv6 address stands in brackets), expected the absolute path of a socket, or "udp:ADDRESS:PORT", such as "udp:127.0.0.1:8080"
            node.toml:5:15: mi.datagram.socket_name: other hosts can reach this address and UDP has no authentication, expected one on loopback, a Unix socket, or insecure = true
            node.toml:6:20: mi.datagram.unix_socket_mode: no octal number, expected permission bits in octal, such as 0o660 or "0660"
            node.toml:6:20: mi.datagram.unix_socket_user: no name, expected the name of a user, or its number as a string
        "#]],
    );
}

#[test]
fn wrong_values_of_http() {
    check(
        LEAST,
        &[
            "[mi.http]\nlisten = 'localhost:8888'",
            "[mi.http]\nlisten = '192.0.2.5:8888'",
            "[mi.http]\nroot = '/mi'",
            "[mi.http]\nroot = ''",
            "[mi.http]\ntoken_file = 'token'",
            "[mi.http]\ntoken = 'hunter2'",
            "[mi.http]\ninsecure = 'yes'",
            "[mi.http]\nhosts = 'a'",
            "[mi.http]\nhosts = ['a', 'b:80']",
        ],
        expect![[r#"
            node.toml:5:10: mi.http.listen: no address with a port, expected "ADDRESS:PORT", such as "127.0.0.1:8888"
            node.toml:5:10: mi.http.listen: other hosts can reach this address, expected a token_file beside it, or insecure = true
            node.toml:5:8: mi.http.root: the root must be letters, digits, - and _, with slashes only between them, and neither healthz nor readyz
            node.toml:5:8: mi.http.root: the root must be letters, digits, - and _, with slashes only between them, and neither healthz nor readyz
            node.toml:5:14: mi.http.token_file: no absolute path, expected the absolute path of a file
            node.toml:5:1: mi.http.token: unknown key, expected one of listen, root, token_file, insecure, hosts
            node.toml:5:12: mi.http.insecure: a string, expected true, false, 1 or 0
            node.toml:5:9: mi.http.hosts: a string, expected an array of host names such as ["node-a.example.com"]
            node.toml:5:15: mi.http.hosts: no host name, expected a name without a port
        "#]],
    );
}

#[test]
fn wrong_values_of_ratelimit() {
    check(
        LEAST,
        &[
            "[ratelimit]\ntimer_interval = 0",
            "[ratelimit]\nrepl_buffer_threshold = 58982",
            "[ratelimit]\naccept_pipes_from = -1",
            "[ratelimit]\ndefault_algorithm = 'LEAKY'",
            "[ratelimit]\ndefault_algorithm = 'feedback'",
            "[ratelimit]\nslot_period = 300",
            "[ratelimit]\nwindow_size = 1\nslot_period = 1001",
            "[log]\nlevel = 'loud'",
            "[log]\nformat = 'xml'",
        ],
        expect![[r#"
            node.toml:5:18: ratelimit.timer_interval: 0, expected an integer of seconds from 1 to 31536000
            node.toml:5:25: ratelimit.repl_buffer_threshold: 58982, expected an integer of bytes from 1 to 58981
            node.toml:5:21: ratelimit.accept_pipes_from: -1, expected an integer from 0 to 2147483647
            node.toml:5:21: ratelimit.default_algorithm: unknown algorithm, expected "TAILDROP", "RED" or "SBT"
            node.toml:5:21: ratelimit.default_algorithm: this algorithm needs what only a SIP server measures, expected "TAILDROP", "RED" or "SBT"
            node.toml:5:15: ratelimit.slot_period: slot_period must divide the window of 10000 ms exactly, into at most 65536 slots, is 300
            node.toml:6:15: ratelimit.slot_period: slot_period must divide the window of 1000 ms exactly, into at most 65536 slots, is 1001
            node.toml:5:9: log.level: unknown level, expected "error", "warn", "info", "debug" or "trace"
            node.toml:5:10: log.format: unknown format, expected "text" or "json"
        "#]],
    );
}

#[test]
fn environment() {
    check(
        "",
        &[
            "[clusterer]\ndb_url = 'sqlite:a'\nserver_id = '${PIN}'",
            "[clusterer]\ndb_url = '${NOBODY}'",
            "[clusterer]\ndb_url = 'mysql://u:${NOBODY@h/d'",
            "[clusterer]\ndb_url = 'mysql://u:${SECRET}@h'",
            "[clusterer]\ndb_url = '${SECRET}'",
            "[clusterer]\ndb_url = 'sqlite:a'\nserver_id = '${SECRET}'",
        ],
        expect![[r#"
            node.toml:3:13: clusterer.server_id: what the environment holds does not fit, expected an integer from 1 to 2147483647
            node.toml:2:10: clusterer.db_url: the environment variable NOBODY is not set, expected a value for it
            node.toml:2:10: clusterer.db_url: `${` that begins no `${NAME}`, expected a name of letters, digits and _
            node.toml:2:10: clusterer.db_url: the URL names no database (want one name behind the host: HOST/DATABASE), expected "sqlite:PATH", "postgres://USER:PASSWORD@HOST/DATABASE" or "mysql://USER:PASSWORD@HOST/DATABASE"
            node.toml:2:10: clusterer.db_url: no database URL (this build works with sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE, mysql://USER:PASSWORD@HOST/DATABASE), expected "sqlite:PATH", "postgres://USER:PASSWORD@HOST/DATABASE" or "mysql://USER:PASSWORD@HOST/DATABASE"
            node.toml:3:13: clusterer.server_id: what the environment holds does not fit, expected an integer from 1 to 2147483647
        "#]],
    );
    check(
        LEAST,
        &["persistent_mode = '${SECRET}'", "[bin]\nlisten = ['bin:127.0.0.1', '${SECRET}']"],
        expect![[r#"
            node.toml:4:19: clusterer.persistent_mode: what the environment holds does not fit, expected true, false, 1 or 0
            node.toml:5:28: bin.listen: no protocol, expected "bin:ADDRESS:PORT"
        "#]],
    );
}

proptest! {
    #[test]
    fn any_text_is_a_configuration_or_one_line(text in "(?s).{0,200}") {
        if let Err(error) = parse(&text) {
            prop_assert_eq!(error.to_string().lines().count(), 1);
        }
    }

    /// Text that is TOML more often than not.
    #[test]
    fn any_lines_are_a_configuration_or_one_line(
        lines in prop::collection::vec((0..KEYS.len(), "[-0-9a-z'\"\\[\\]{}=.${:, ]{0,12}"), 0..12)
    ) {
        let text: String = lines
            .iter()
            .map(|(index, value)| {
                let key = KEYS[*index];
                format!("[{}]\n{} = {value}\n", key.section(), key.name())
            })
            .collect();
        if let Err(error) = parse(&text) {
            prop_assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}
