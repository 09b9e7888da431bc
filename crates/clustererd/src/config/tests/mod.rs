//! The configuration as a whole: what is accepted, and what it means.

mod broken;
mod changes;

use super::Config;
use super::error::ConfigError;
use super::keys::KEYS;
use super::value::{AbsolutePath, Account, LogFormat, LogLevel, TcpAddress};
use clusterer_db::{DbUrl, TableNames};
use clusterer_node::ClusterId;
use clusterer_ratelimit::Parameters;
use std::env::VarError;
use std::time::Duration;

/// The least that a file must say.
const LEAST: &str = "[clusterer]\ndb_url = \"sqlite:nodes.db\"\nserver_id = 1\n";

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse("node.toml", text, &|name| match name {
        "DIR" => Ok("/var/lib".to_owned()),
        "ID" => Ok("7".to_owned()),
        "ON" => Ok("1".to_owned()),
        "PIN" => Ok("-77777".to_owned()),
        "SECRET" => Ok("hunter2".to_owned()),
        _ => Err(VarError::NotPresent),
    })
}

fn parsed(text: &str) -> Config {
    parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn the_environment_fills_strings_and_what_they_stand_for() {
    let config = parsed(
        "[clusterer]\ndb_url = 'sqlite:${DIR}/x$y.db'\nserver_id = '${ID}'\npersistent_mode = '${ON}'",
    );
    assert_eq!(config.clusterer.db_url.value.to_string(), "sqlite:/var/lib/x$y.db");
    assert_eq!(config.clusterer.server_id.value, 7);
    assert!(config.clusterer.persistent_mode.value);
}

#[test]
fn a_flag_is_also_a_number_and_has_two_names() {
    for (line, expected) in [
        ("persistent_mode = true", true),
        ("persistent_mode = 0", false),
        ("persistent_state = 1", true),
        ("persistent_state = false", false),
    ] {
        let config = parsed(&format!("{LEAST}{line}\n"));
        assert_eq!(config.clusterer.persistent_mode.value, expected, "{line}");
    }
}

#[test]
fn reloads_by_themselves_are_off_or_have_an_interval() {
    for (line, expected) in [
        ("", None),
        ("auto_reload = 'off'", None),
        ("auto_reload = '100ms'", Some(100)),
        ("auto_reload = '1h'", Some(3_600_000)),
    ] {
        let config = parsed(&format!("{LEAST}{line}\n"));
        let every = config.clusterer.auto_reload.value.map(|every| every.as_millis());
        assert_eq!(every, expected, "{line}");
    }
}

#[test]
fn the_fifo_belongs_to_a_name_or_to_a_number() {
    let lines = "[mi.fifo]\nfifo_name = '/f'\nfifo_mode = '0600'\n";
    let fifo = |more| parsed(&format!("{LEAST}{lines}{more}")).fifo.unwrap();
    let theirs = fifo("fifo_user = 'opensips'\nfifo_group = '0'\n");
    assert_eq!(theirs.fifo_mode.value, 0o600);
    assert!(matches!(theirs.fifo_user.value, Some(Account::Name(name)) if name == "opensips"));
    assert!(matches!(theirs.fifo_group.value, Some(Account::Id(0))));
    let ours = fifo("");
    assert!(ours.fifo_user.value.is_none() && ours.fifo_group.value.is_none());
}

#[test]
fn an_absent_section_is_off() {
    let config = parsed(LEAST);
    assert!(config.bin.is_none());
    assert!(config.datagram.is_none());
    assert!(config.fifo.is_none());
    assert!(config.http.is_none());
    assert!(config.metrics.is_none());
    assert!(config.ratelimit.is_none());
    assert!(parsed(&format!("{LEAST}[mi]\n")).fifo.is_none());
}

#[test]
fn the_defaults_are_those_of_the_manual() {
    assert_defaults(parsed(&format!(
        "{LEAST}[mi.fifo]\nfifo_name = '/tmp/fifo'\n[mi.datagram]\nsocket_name = '/tmp/socket'\n\
         [mi.http]\n[metrics]\n[ratelimit]\n"
    )));
}

#[test]
fn a_default_of_the_table_can_be_written_and_changes_nothing() {
    assert_defaults(parsed(&file_with_every_key()));
}

/// Checks settings of a section: the value, and that it was read as the key of its own name.
macro_rules! assert_settings {
    ($section:expr, $path:literal, $shown:expr, { $($field:ident: $value:expr,)* }) => {$(
        assert_eq!($shown(&$section.$field.value), $value, stringify!($field));
        let key = concat!(": ", $path, ".", stringify!($field), ": ");
        let error = $section.$field.error("").to_string();
        assert!(error.ends_with(key), "{error}");
    )*};
}

/// The defaults spelt out a second time.
fn assert_defaults(config: Config) {
    assert_eq!(config.clusterer.names, TableNames::default());
    assert_settings!(config.clusterer, "clusterer", Duration::as_millis, {
        ping_interval: 1000,
        ping_timeout: 500,
        db_connect_timeout: 10_000,
    });
    assert_settings!(config.clusterer, "clusterer", Option::is_none, { auto_reload: true, });
    assert_settings!(config.clusterer, "clusterer", bool::clone, { persistent_mode: false, });
    assert_settings!(config.clusterer, "clusterer", i64::clone, { server_id: 1, });
    assert_settings!(config.clusterer, "clusterer", DbUrl::to_string, {
        db_url: "sqlite:nodes.db",
    });

    let fifo = config.fifo.unwrap();
    assert_settings!(fifo, "mi.fifo", |path: &AbsolutePath| path.0.display().to_string(), {
        fifo_name: "/tmp/fifo",
        reply_dir: "/tmp/",
    });
    assert_settings!(fifo, "mi.fifo", u32::clone, { fifo_mode: 0o660, });
    assert_settings!(fifo, "mi.fifo", Option::is_none, { fifo_user: true, fifo_group: true, });

    let datagram = config.datagram.unwrap();
    assert_settings!(datagram, "mi.datagram", ToString::to_string, { socket_name: "/tmp/socket", });
    assert_settings!(datagram, "mi.datagram", u32::clone, { unix_socket_mode: 0o660, });
    assert_settings!(datagram, "mi.datagram", Option::is_none, {
        unix_socket_user: true,
        unix_socket_group: true,
    });
    assert_settings!(datagram, "mi.datagram", bool::clone, { insecure: false, });

    let http = config.http.unwrap();
    assert_settings!(http, "mi.http", |at: &TcpAddress| at.0.to_string(), {
        listen: "127.0.0.1:8888",
    });
    assert_settings!(http, "mi.http", String::clone, { root: "mi", });
    assert_settings!(http, "mi.http", Option::is_none, { token_file: true, });
    assert_settings!(http, "mi.http", bool::clone, { insecure: false, });
    assert_settings!(http, "mi.http", Vec::is_empty, { hosts: true, });

    let metrics = config.metrics.unwrap();
    assert_settings!(metrics, "metrics", |at: &TcpAddress| at.0.to_string(), {
        listen: "127.0.0.1:9464",
    });
    assert_settings!(config.log, "log", LogFormat::clone, { format: LogFormat::Text, });
    assert_settings!(config.log, "log", |level: &LogLevel| level.0, {
        level: tracing::Level::INFO,
    });

    let manual = Parameters::default().validate().unwrap();
    assert_eq!(config.ratelimit.unwrap().config, manual);
}

#[test]
fn each_parameter_of_ratelimit_is_the_one_of_its_name() {
    let text = "[ratelimit]\ntimer_interval = 1\nexpire_time = 2\ndefault_algorithm = 'sbt'\n\
                repl_buffer_threshold = 3\nrepl_timer_interval = 400\nrepl_timer_expire = 5\n\
                replicate_pipes_to = 6\naccept_pipes_from = 7\naccept_pipes_timeout = 8\n\
                repl_pipes_auth_check = true\nwindow_size = 9\nslot_period = 90\n";
    let expected = Parameters {
        timer_interval: 1,
        expire_time: 2,
        default_algorithm: "SBT".into(),
        repl_buffer_threshold: 3,
        repl_timer_interval: 400,
        repl_timer_expire: 5,
        replicate_pipes_to: 6,
        accept_pipes_from: 7,
        accept_pipes_timeout: 8,
        repl_pipes_auth_check: 1,
        window_size: 9,
        slot_period: 90,
        ..Parameters::default()
    };
    let config = parsed(&format!("{LEAST}{text}")).ratelimit.unwrap().config;
    assert_eq!(config, expected.validate().unwrap());
}

#[test]
fn each_name_is_the_one_of_its_key() {
    for key in TableNames::COLUMN_KEYS.into_iter().chain([TableNames::TABLE_KEY]) {
        let names = parsed(&format!("{LEAST}{key} = 'other'\n")).clusterer.names;
        assert_eq!(names, TableNames::new([(key, "other")]).unwrap(), "{key}");
    }
}

/// Every key of the table, written with its default or with a value that it must have.
fn file_with_every_key() -> String {
    let mut sections: Vec<(&str, String)> = Vec::new();
    for key in KEYS.iter().filter(|key| key.name() != "persistent_state") {
        let value = match key.path() {
            "clusterer.db_url" => "'sqlite:nodes.db'".to_owned(),
            "clusterer.server_id" => "1".to_owned(),
            "bin.listen" => "['bin:127.0.0.1:5566']".to_owned(),
            "mi.fifo.fifo_name" => "'/tmp/fifo'".to_owned(),
            "mi.datagram.socket_name" => "'/tmp/socket'".to_owned(),
            path => match key.kind().default_toml() {
                Some(default) => default,
                None if key.kind().is_optional() => continue,
                None => panic!("{path} must be written, and this test does not know how"),
            },
        };
        let line = format!("{} = {value}\n", key.name());
        match sections.iter_mut().find(|(section, _)| *section == key.section()) {
            Some((_, lines)) => *lines += &line,
            None => sections.push((key.section(), line)),
        }
    }
    sections.iter().map(|(section, lines)| format!("[{section}]\n{lines}")).collect()
}

#[test]
fn every_key_of_the_table_is_read_where_it_says() {
    // Every kind takes a string with a reference, and looks it up only when its own key is read.
    for key in KEYS {
        let (section, name) = (key.section(), key.name());
        let is_array = ["bin.listen", "mi.http.hosts"].contains(&key.path());
        let value = if is_array { "['${NONE}']" } else { "'${NONE}'" };
        let required = match (section, name) {
            ("clusterer", "db_url") => "",
            ("clusterer", "server_id") => "db_url = 'sqlite:nodes.db'\n",
            ("clusterer", _) => "db_url = 'sqlite:nodes.db'\nserver_id = 1\n",
            ("bin", "threads") => "listen = ['bin:127.0.0.1:5566']\n",
            ("mi.fifo", "fifo_name") => "",
            ("mi.fifo", _) => "fifo_name = '/tmp/fifo'\n",
            ("mi.datagram", "socket_name") => "",
            ("mi.datagram", _) => "socket_name = '/tmp/socket'\n",
            _ => "",
        };
        let others = if section == "clusterer" { "" } else { LEAST };
        let text = format!("{others}[{section}]\n{required}{name} = {value}\n");
        let error = parse(&text).err().expect("an error").to_string();
        let expected = format!(": {}: the environment variable NONE is not set", key.path());
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn values_remember_where_they_stand() {
    let text = format!("{LEAST}[bin]\nlisten = [\n  'bin:127.0.0.1:1',\n  'bin:127.0.0.1:2',\n]\n");
    let bin = parsed(&text).bin.unwrap();
    let [_, second] = bin.listen.value.as_slice() else { panic!("two listeners") };
    assert_eq!(second.value.port(), 2);
    let error = second.error("port in use").to_string();
    assert_eq!(error, "node.toml:7:3: bin.listen: port in use");
}

#[test]
fn the_settings_of_datagrams_reach_their_server() {
    let config = |lines: &str| {
        parsed(&format!("{LEAST}[mi.datagram]\n{lines}\n")).datagram.unwrap().config()
    };
    let unix = config("socket_name = '/s'\nunix_socket_mode = 0o622\nunix_socket_user = 'a'");
    assert_eq!((unix.address.to_string().as_str(), unix.mode), ("/s", 0o622));
    assert_eq!((unix.user.as_deref(), unix.group), (Some("a"), None));
    let udp = config("socket_name = 'udp:0.0.0.0:1'\ninsecure = 1\nunix_socket_group = '7'");
    assert_eq!((udp.address.to_string().as_str(), udp.insecure), ("udp:0.0.0.0:1", true));
    assert_eq!(udp.group.as_deref(), Some("7"));
}

#[test]
fn http_beyond_loopback_has_a_token_or_is_insecure() {
    for (lines, fine) in [
        ("listen = '127.0.0.1:1'", true),
        ("listen = '[::1]:1'", true),
        ("listen = '192.0.2.5:1'", false),
        ("listen = '0.0.0.0:1'", false),
        ("listen = '[::]:1'\ninsecure = false", false),
        ("listen = '192.0.2.5:1'\ninsecure = true", true),
        ("listen = '192.0.2.5:1'\ntoken_file = '/t'", true),
    ] {
        assert_eq!(parse(&format!("{LEAST}[mi.http]\n{lines}\n")).is_ok(), fine, "{lines}");
    }
}

#[test]
fn the_settings_of_http_reach_its_server() {
    let lines = "root = 'a/b'\ninsecure = true\nlisten = '0.0.0.0:80'\nhosts = ['a', 'b.example']";
    let config = parsed(&format!("{LEAST}[mi.http]\n{lines}\n")).http.unwrap().config();
    assert_eq!((config.root.as_str(), config.insecure), ("a/b", true));
    assert_eq!(config.listen.to_string(), "0.0.0.0:80");
    assert_eq!(config.hosts, ["a", "b.example"]);
}

#[test]
fn the_nodes_of_the_manual() {
    for (text, id, address) in [
        (include_str!("../../../../../docs/examples/node-a.toml"), 1, "192.168.0.5:5566"),
        (include_str!("../../../../../docs/examples/node-b.toml"), 2, "192.168.0.6:5566"),
    ] {
        let config = parsed(text);
        assert_eq!(config.clusterer.server_id.value, id);
        let listen = config.bin.unwrap().listen.value;
        let addresses: Vec<_> = listen.iter().map(|listener| listener.value.to_string()).collect();
        assert_eq!(addresses, [address]);
        let ratelimit = config.ratelimit.unwrap().config;
        assert_eq!(ratelimit.replicate_to().map(ClusterId::get), Some(1));
        assert_eq!(ratelimit.accept_from().map(ClusterId::get), Some(1));
        assert_eq!(ratelimit.accept_timeout(), Duration::from_secs(5));
    }
}
