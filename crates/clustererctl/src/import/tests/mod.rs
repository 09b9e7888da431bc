//! What becomes of a configuration, without a disk.

mod bounds;
mod included;

use super::source::{Files, Found};
use expect_test::{Expect, expect};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Files by their paths.
struct Memory<'a>(BTreeMap<&'a str, &'a [u8]>);

impl Files for Memory<'_> {
    fn read(&mut self, path: &Path) -> io::Result<Found> {
        let text = path.to_str().and_then(|path| self.0.get(path));
        let text = text.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Found { identity: path.to_owned(), text: text.to_vec() })
    }
}

fn import_files(files: &[(&str, &str)]) -> Result<String, String> {
    let files = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    super::import(Path::new("a.cfg"), &mut Memory(files)).map_err(|error| error.to_string())
}

fn import_bytes(text: &[u8]) -> Result<String, String> {
    let mut files = Memory(BTreeMap::from([("a.cfg", text)]));
    super::import(Path::new("a.cfg"), &mut files).map_err(|error| error.to_string())
}

/// What a configuration becomes, without the comment at its head.
fn check(text: &str, expected: &Expect) {
    let toml = import_bytes(text.as_bytes()).unwrap();
    expected.assert_eq(&toml[toml.find("[clusterer]").unwrap()..]);
}

/// What is wrong with what follows the parameters that there must be.
fn refused(text: &str, expected: &str) {
    let error = import_bytes(format!("{NODE}{text}").as_bytes()).unwrap_err();
    assert!(!error.contains("hunter2"), "{error}");
    assert_eq!(error, expected, "{text}");
}

/// Two lines.
const NODE: &str = "modparam('clusterer', 'db_url', 'sqlite:/x.db')
modparam('clusterer', 'server_id', 1)
";

/// The head of [`NODE`] in our words.
const OURS: &str = "[clusterer]\ndb_url = \"sqlite:/x.db\"\nserver_id = 1\n";

#[test]
fn every_parameter_has_its_place() {
    check(
        r#"
        loadmodule "proto_bin.so" loadmodule "/usr/lib64/opensips/modules/clusterer.so"
        modparam("clusterer", "db_url", "mysql://opensips:opensipsrw@localhost/opensips")
        modparam("clusterer", "db_table", "nodes")
        modparam("clusterer", "server_id", 2)
        modparam("clusterer", "persistent_mode", 1)
        modparam("clusterer", "cluster_id_col", "c")
        modparam("clusterer", "clusterer_id_col", "clusterer_id")
        modparam("proto_bin", "bin_port", 6666)
        modparam("proto_bin", "bin_async", 0)
        listen=bin:192.168.0.5
        modparam("mi_fifo", "fifo_name", "/tmp/opensips_fifo")
        modparam("mi_fifo", "fifo_mode", 0600)
        modparam("mi_fifo", "fifo_user", "opensips")
        modparam("mi_fifo", "fifo_group", 5060)
        modparam("mi_fifo", "reply_dir", "/var/tmp/")
        modparam("mi_datagram", "socket_name", "/tmp/opensips.sock")
        modparam("mi_datagram", "unix_socket_mode", 432)
        modparam("mi_datagram", "socket_timeout", 2000)
        modparam("ratelimit", "timer_interval", 5)
        modparam("ratelimit", "expire_time", 1800)
        modparam("ratelimit", "hash_size", 512)
        modparam("ratelimit", "default_algorithm", "red")
        modparam("ratelimit", "repl_buffer_threshold", "500")
        modparam("ratelimit", "accept_pipes_timeout", 5)
        modparam("ratelimit", "repl_pipes_auth_check", 1)
        modparam("ratelimit", "window_size", 5)
        "#,
        &expect![[r##"
            [clusterer]
            # changed: localhost is TCP here. The MySQL library of 2.2 means the Unix socket with it: for that,
            # write its path with %2F for each slash in place of the host
            db_url = "mysql://opensips:opensipsrw@localhost/opensips"
            db_table = "nodes"
            server_id = 2
            # changed: the change back to up is written, too, and last_attempt without 2.2's junk bits
            persistent_mode = true
            cluster_id_col = "c"
            clusterer_id_col = "clusterer_id"

            [bin]
            listen = ["bin:192.168.0.5:6666"]
            # left out: bin_port = 6666: it is written into the listeners that have no port
            # left out: bin_async = 0: no writer waits for a peer here: each has a bounded queue, and pings find
            # out whether it still reads

            [mi.fifo]
            fifo_name = "/tmp/opensips_fifo"
            fifo_mode = 0o600
            fifo_user = "opensips"
            fifo_group = "5060"
            reply_dir = "/var/tmp/"

            [mi.datagram]
            socket_name = "/tmp/opensips.sock"
            # changed: 432 without a 0 before it is decimal, in 2.2 too: 0o660
            unix_socket_mode = 0o660
            # left out: socket_timeout = 2000: how long a client is waited for is fixed here

            [ratelimit]
            timer_interval = 5
            # changed: a pipe that only other nodes tell of expires, too: 2.2 nodes keep each other's alive
            expire_time = 1800
            # left out: hash_size = 512: there is no table of a fixed size here
            default_algorithm = "RED"
            repl_buffer_threshold = 500
            # changed: the counters of a node that is silent for longer become 0, as the manual says; 2.2 only
            # logs it
            accept_pipes_timeout = 5
            repl_pipes_auth_check = true
            window_size = 5
        "##]],
    );
}

#[test]
fn the_text_is_read_as_2_2_reads_it() {
    let none = "\n# There is no listen line of the protocol bin: nothing is received from peers.\n";
    let same = |text: &str, more: &str| {
        let toml = import_bytes(text.as_bytes()).unwrap();
        let body = &toml[toml.find("[clusterer]").unwrap()..];
        assert_eq!(body, format!("{OURS}{more}{none}"), "{text}");
    };
    same(NODE, "");
    // The last value counts, and several modules may have one line.
    same(&format!("modparam('clusterer','server_id',7)\n{NODE}"), "");
    same(
        &format!("{NODE}modparam('dialog|clusterer|tm', 'state_col', 'n')"),
        "state_col = \"n\"\n",
    );
    same(&format!("{NODE}modparam('.*', 'timer', 'n')"), "");
    // Comments, blocks, variables, strings over lines.
    same(&format!("/* a /* b */ ' */ # it's \" /*\n{NODE}# no line feed"), "");
    same(&format!("route {{ if ($(avp(it's{{)) == '}}\n') {{ # }} \"\n }} }} {NODE}"), "");
    same(&format!("\u{feff}x = \"\\\"\\\n'\" y='\\' {NODE}"), "");
    same(&NODE.replace('\n', "\r\n"), "");
    same(
        &NODE.replace(['(', ','], " $0 ").replace(" $0 'c", "\n(\n'c").replace(" $0 ", "\n,\t"),
        "",
    );
    // Escapes, in double quotes only.
    same(
        &NODE.replace(
            "'sqlite:/x.db'",
            r#""s\x71lite:\57x\
.db""#,
        ),
        "",
    );
    // Numbers.
    for one in ["0x1", "01", "+1", "yes", "on", "enable", "true", "'1'"] {
        same(&NODE.replace("id', 1", &format!("id', {one}")), "");
    }
}

/// 2.2 does not care about it where it looks for a module. We did: the check stayed off, without a word.
#[test]
fn a_parameter_of_a_module_in_capitals_counts() {
    let toml = import_bytes(
        format!(
            "{NODE}loadmodule 'ratelimit.so' modparam('tm|RateLimit', 'repl_pipes_auth_check', 1)"
        )
        .as_bytes(),
    );
    let toml = toml.unwrap();
    assert!(toml.ends_with("[ratelimit]\nrepl_pipes_auth_check = true\n"), "{toml}");
    assert!(toml.contains("# left out: the modules tm\n"), "{toml}");
    refused("modparam('RATELIMIT', 'x', 1)", "a.cfg:3:28: ratelimit has no such parameter in 2.2");
}

#[test]
fn routes_of_real_platforms_are_passed_over() {
    for route in [
        r#"route { switch ($rU) { case "}": xlog("a{"); break; default: exit; } }"#,
        r#"route { if (!is_method("ACK|BYE")) { $var(x) = $(hdr(X-{)){s.len}; } }"#,
        r#"route { if($avp(s:x)==NULL){$ru="sip:"+$rU+"@{h}";} $json(a/b)="{\"a\":1}"; $(avp(x)[0])=1; }"#,
        r#"route { avp_db_query("select '{' from y where a='$(tu{s.escape.common})'","$avp(1);$avp(2)"); }"#,
        r#"route { if ($ru =~ "//" && $rU=~'^\{[0-9]+\}$') { exit; } $var(a) = $var(b) / 2; $var(a) /= 2; }"#,
        "startup_route { $shv(a)=1; }\n timer_route[t, 5] { xlog(\"#{\"); } # }\n event_route[E_X] { exit; }",
        "onreply_route{}failure_route[missed_call]\n{\n/* } */ if(t_check_status(\"486|408\")) exit;\n}",
        r#"dst_blacklist = gw:{( tcp , 192.168.2.200 , 5060 , "" ),( any , 192.168.2.0/255.255.255.0 , 0 , "" )}"#,
        r#"user="opensips" log_level=-1 tos="IPTOS_LOWDELAY" advertised_address="1.2.3.4" alias=udp:a.b:5060"#,
        "/* modparam('clusterer','server_id',5) */ # modparam('clusterer','server_id',6)",
        "/***/ /**/ /*/ { */",
        "route { xlog(\"$ci: café \\\\\"); }",
    ] {
        for text in [format!("{NODE}{route}"), format!("{route}\n{NODE}").replace('\n', "\r\n")] {
            let toml =
                import_bytes(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert!(toml.contains(OURS), "{text}");
        }
    }
    let latin1 = [b"# caf\xe9\n", NODE.as_bytes(), b"route { xlog(\"\xe9\"); }"].concat();
    assert!(import_bytes(&latin1).unwrap().contains(OURS));
}

#[test]
fn listeners_in_all_their_forms() {
    check(
        &format!(
            "{NODE}listen=udp:eth0 listen = bin : 10.0.0.1 : 5566 listen=bin:[::1]:5566
            listen=bin:'10.0.0.2':5566 use_children 3 listen=BIN:10.0.0.1:5566 as 1.2.3.4:5566
            listen=bin:10.0.0.3 loadmodule 'x.so' listen=bin:[::2] listen=hep_udp:10.0.0.1:6060 listen=bin:*:1"
        ),
        &expect![[r##"
            [clusterer]
            db_url = "sqlite:/x.db"
            server_id = 1

            [bin]
            # changed: 10.0.0.2:5566: what follows the address (as, use_children) is for SIP
            # changed: 0.0.0.0:1: 2.2 listens on each address of the machine, here it is the wildcard:
            # connections to peers are then bound to no address
            listen = ["bin:10.0.0.1:5566", "bin:[::1]:5566", "bin:10.0.0.2:5566", "bin:10.0.0.3:5555", "bin:[::2]:5555", "bin:0.0.0.0:1"]
        "##]],
    );
    refused(
        "listen=bin:node-a:5566",
        "a.cfg:3:1: a host or interface name: write the address that peers \
        know this node by, since what a name means may change while they compare addresses",
    );
    refused("listen=bin:1.2.3.4:99999", "a.cfg:3:1: the port is not a number from 1 to 65535");
    refused("listen bin", "a.cfg:3:8: = must stand here");
    refused("listen=", "a.cfg:3:1: PROTOCOL:ADDRESS:PORT must follow");
}

#[test]
fn the_head_tells_what_is_not_there() {
    let text = format!(
        "#!/usr/sbin/opensips\n#!define X\nloadmodule 'tm.so' listen=udp:1.2.3.4\n{NODE}\
         define(X, 1)\nmodparam('dialog', 'db_url', 'hunter2')"
    );
    let toml = import_files(&[("a.cfg", &format!("{text} include_file \"b.cfg\"")), ("b.cfg", "")]);
    let toml = toml.unwrap();
    expect![[r##"
        # Imported from a.cfg by clustererctl VERSION.
        # Included by it: b.cfg.
        # "changed" is above a key that means something else here than in 2.2, "left out" is a parameter
        # without a meaning here.
        # clustererd check-config --config FILE checks this file. It holds what the database's URL holds:
        # keep it from others if that is a password.
        # left out: listen lines of other protocols than bin: 1
        # left out: the modules dialog, tm
        # not understood: a.cfg:2:1: a comment in 2.2, elsewhere a directive
        # not understood: a.cfg:6:1: a macro? Import what m4 makes of it

    "##]]
    .assert_eq(&toml[..toml.find("[clusterer]").unwrap()].replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[test]
fn what_is_not_balanced_has_a_position() {
    refused("\n  \"hunter2", "a.cfg:4:3: this string is not ended: \" is missing");
    refused("x = 'hunter2\n\"", "a.cfg:3:5: this string is not ended: ' is missing");
    refused("ä /* /* */", "a.cfg:3:3: this comment is not ended: */ is missing");
    refused("route[1] {{ }", "a.cfg:3:10: this { is not ended: } is missing");
    refused("route { } }", "a.cfg:3:11: this } ends nothing");
    refused("route { $(ru }", "a.cfg:3:9: this variable is not ended: ) is missing");
    refused("// x", "a.cfg:3:1: // begins no comment in 2.2: write # or /* */");
    refused(
        "x=`y'",
        "a.cfg:3:3: an m4 quote: 2.2 reads what m4 has made of this file, so import that",
    );
}

#[test]
fn what_must_stand_where_something_else_does_is_named() {
    refused("modparam('a', 'b'", "a.cfg:3:18: , must stand here");
    refused(
        "modparam('a', 'b', c)",
        "a.cfg:3:20: a string in quotes or an integer must stand here",
    );
    refused(
        "modparam('a', 'b', 089)",
        "a.cfg:3:20: a string in quotes or an integer must stand here",
    );
    refused("modparam(a, 'b', 1)", "a.cfg:3:10: a name in quotes must stand here");
    refused("loadmodule", "a.cfg:3:11: a name in quotes must stand here");
}

#[test]
fn a_bad_value_has_a_position_and_is_not_repeated() {
    let bad = |module: &str, name: &str, value: &str, why: &str| {
        let text = format!("modparam('{module}', '{name}', {value})");
        let column = text.find(value).unwrap() + 1;
        refused(&text, &format!("a.cfg:3:{column}: {module}.{name}: {why}"));
    };
    bad("clusterer", "server_id", "0", "0, expected an integer from 1 to 2147483647");
    bad("clusterer", "server_id", "'hunter2'", "a string, expected an integer");
    bad("clusterer", "db_url", "3", "an integer, expected a string in quotes");
    bad(
        "clusterer",
        "db_url",
        "'hunter2'",
        "no database URL (2.2 wants SCHEME://USER:PASSWORD@HOST/DATABASE)",
    );
    bad(
        "clusterer",
        "db_url",
        "'sqlite:/${hunter2}'",
        "${ would stand for a variable of the environment here",
    );
    bad("clusterer", "db_url", "\"sqlite:/\\xff\"", "not UTF-8");
    bad("clusterer", "persistent_mode", "2", "2, expected 0 or 1");
    bad(
        "clusterer",
        "db_table",
        "'version'",
        "the same name as that of another column, or of the version table",
    );
    bad(
        "clusterer",
        "url_col",
        "'state'",
        "the same name as that of another column, or of the version table",
    );
    bad(
        "clusterer",
        "url_col",
        "'1'",
        "no plain name, expected at most 63 ASCII letters, digits and underscores, no digit first",
    );
    bad("proto_bin", "bin_port", "0", "0, expected a port from 1 to 65535");
    bad("mi_fifo", "fifo_name", "'fifo'", "no absolute path");
    bad(
        "mi_datagram",
        "socket_name",
        "'udp:localhost:8080'",
        "neither an absolute path nor udp:ADDRESS:PORT (a name is none, an IPv6 address stands in brackets)",
    );
    bad("ratelimit", "timer_interval", "0", "0, expected an integer from 1 to 31536000");
    bad("ratelimit", "timer_interval", "-5", "-5, expected an integer from 1 to 31536000");
    bad(
        "ratelimit",
        "default_algorithm",
        "'FEEDBACK'",
        "this algorithm needs what only a SIP server measures (FEEDBACK, NETWORK): expected TAILDROP, RED or SBT",
    );
    bad(
        "ratelimit",
        "default_algorithm",
        "'hunter2'",
        "unknown algorithm, expected TAILDROP, RED or SBT",
    );
    bad(
        "ratelimit",
        "slot_period",
        "300",
        "window_size is not a whole number of slots of slot_period",
    );
    let fifo = "modparam('mi_fifo', 'fifo_name', '/f')\n";
    refused(
        &format!("{fifo}modparam('mi_fifo', 'fifo_mode', 666)"),
        "a.cfg:4:34: mi_fifo.fifo_mode: more than 0777, expected permission bits, in octal with a 0 before it, such as 0660",
    );
    refused("modparam('mi_fifo', 'reply_dir', '/tmp')", "a.cfg:3:34: mi_fifo.fifo_name is missing");
    refused(
        "modparam('ratelimit', 'hunter2', 1)",
        "a.cfg:3:34: ratelimit has no such parameter in 2.2",
    );
    refused(
        "modparam('clust.*', 'db_url', 'hunter2')",
        "a.cfg:3:31: this pattern may mean one of the modules \
        that are imported: write their names, with | between them",
    );
}

#[test]
fn counters_in_redis_are_refused() {
    refused(
        "modparam('ratelimit', 'cachedb_url', 'redis://:hunter2@h/')",
        "a.cfg:3:38: ratelimit.cachedb_url: \
        with cachedb_url the counters live in that store (Redis, Memcached) and are not replicated between \
        nodes; there is no such store here. Replicate pipes instead, with replicate_pipes_to and \
        accept_pipes_from, or keep ratelimit in OpenSIPS",
    );
}

#[test]
fn what_is_missing_is_named() {
    let error = |text: &str| import_bytes(text.as_bytes()).unwrap_err();
    assert_eq!(error(""), "a.cfg: the module clusterer is not loaded: nothing to import");
    assert_eq!(
        error("loadmodule 'clusterer.so'"),
        "a.cfg:1:1: clusterer.db_url is missing, and there is no db_default_url"
    );
    let url = "db_default_url='sqlite:/x' loadmodule 'clusterer.so'";
    assert_eq!(
        error(url),
        "a.cfg:1:28: clusterer.server_id is missing: 2.2 then takes 0, which is no machine here"
    );
    let error = import_files(&[]).unwrap_err();
    assert!(error.starts_with("a.cfg: cannot read it: "), "{error}");
}
